//! `demo`: the whole gateway on embedded defaults, with curl lines to try.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;

use super::{Ended, runtime};
use crate::app::{App, Source};

const CONFIG: &str = include_str!("../../config/demo.toml");
const PEOPLE: &str = include_str!("../../config/demo-people.toml");

/// Runs until it is stopped; its files are in a temporary folder that goes with it.
pub(super) fn run(listen: SocketAddr) -> Ended {
    let folder = tempfile::Builder::new()
        .prefix("dialpass-demo-")
        .tempdir()
        .context("no temporary folder can be made")?;
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random bits: {error}"))?;
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text)
            .with_context(|| format!("{name} cannot be written to the temporary folder"))
    };
    file("demo.toml", CONFIG)?;
    file("demo-people.toml", PEOPLE)?;
    file("server-key.hex", &hex::encode(key))?;
    let source = Source {
        path: folder.path().join("demo.toml"),
        environment: vec![("DIALPASS_SERVER__LISTEN".to_owned(), listen.to_string())],
    };
    runtime()?.block_on(async {
        let app = App::build(source).await?;
        print!("{}", instructions(app.address()));
        app.run().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// What to try, each command on a line of its own.
fn instructions(address: SocketAddr) -> String {
    let call = |number: &str, options: &str| {
        format!(
            "curl -sS {options}-X PUT http://{address}/api/authentication/getOTP -u pbx:demo-pbx -H 'tenant: demo' -H 'Content-Type: application/json' -d '{{\"phonenumber\":\"{number}\"}}'"
        )
    };
    let code = call("+46701234567", "").replace("-H 'tenant", "-H 'Accept: text/plain' -H 'tenant");
    format!(
        "\nAnna calls from her mobile; the phone system asks for her code:\n\n\
         {}\n\n\
         Anna logs in with name, password and that code (the line asks for the code once more, \
         which tells the same one while it is unused):\n\n\
         curl -sS -X PUT http://{address}/api/authentication/validateOTP -H 'Authorization: Bearer demo-vpn' -H 'tenant: demo' -H 'Content-Type: application/json' -d \"{{\\\"username\\\":\\\"anna\\\",\\\"password\\\":\\\"correct horse\\\",\\\"otp\\\":\\\"$({code})\\\"}}\"\n\n\
         Two people share this number, so nobody gets a code:\n\n\
         {}\n\n\
         Ctrl-C stops the gateway; nothing is kept.\n\n",
        call("+46701234567", ""),
        call("+46850001000", ""),
    )
}
