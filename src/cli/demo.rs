//! `demo`: the whole gateway with built-in defaults, a page to try it on, and curl commands.

use std::fs::{OpenOptions, Permissions};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::process::ExitCode;

use anyhow::Context;
use secrecy::SecretString;

use super::setup::{CommandResult, runtime};
use crate::app::{App, Demo, Source};

const CONFIG: &str = include_str!("../../config/demo.toml");
const PEOPLE: &str = include_str!("../../config/demo-people.toml");

/// Runs until stopped; its files are in a temporary folder that is removed afterwards.
pub(super) fn run(listen: SocketAddr) -> CommandResult {
    let folder = tempfile::Builder::new()
        .prefix("dialpass-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .context("cannot create a temporary folder")?;
    let file = |name: &str, text: &str| {
        let mut options = OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600).open(folder.path().join(name));
        made.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("{name} cannot be written to the temporary folder"))
    };
    file("demo.toml", CONFIG)?;
    file("demo-people.toml", PEOPLE)?;
    file("server-key.hex", &random()?)?;
    let voice_secret = random()?;
    file("voice-secret", &voice_secret)?;
    // Bound before the configuration is read, because the configuration must name the port.
    let listener = TcpListener::bind(listen).with_context(|| {
        format!("cannot listen on {listen}: is the port in use, or below 1024?")
    })?;
    let address = listener.local_addr().context("the listener has no address")?;
    let page = home(address);
    let source = Source {
        path: folder.path().join("demo.toml"),
        environment: vec![
            ("DIALPASS_SERVER__LISTEN".to_owned(), address.to_string()),
            ("DIALPASS_SERVER__PUBLIC_URL".to_owned(), page.clone()),
        ],
    };
    let demo = Demo { listener, voice_secret: SecretString::from(voice_secret) };
    runtime()?.block_on(async {
        let app = App::build_demo(source, demo).await?;
        print!("{}", instructions(&page, address));
        app.run().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// 32 random bytes in hexadecimal.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system provides no random bits: {error}"))?;
    Ok(hex::encode(bytes))
}

/// The page's address: passkeys need a host name, and `localhost` works without TLS.
fn home(address: SocketAddr) -> String {
    format!("http://localhost:{}", address.port())
}

/// Commands to try, each on its own line.
fn instructions(page: &str, address: SocketAddr) -> String {
    let call = |number: &str, options: &str| {
        format!(
            "curl -sS {options}-X PUT http://{address}/api/authentication/getOTP -u pbx:demo-pbx -H 'tenant: demo' -H 'Content-Type: application/json' -d '{{\"phonenumber\":\"{number}\"}}'"
        )
    };
    let code = call("+46701234567", "").replace("-H 'tenant", "-H 'Accept: text/plain' -H 'tenant");
    format!(
        "\nOpen this page in a browser on this computer. It plays the whole story: a phone to call \
         from, a login, and a phone that confirms with a fingertip:\n\n\
         {page}/\n\n\
         Or try it from a shell. Anna calls from her mobile; the phone system asks for her code:\n\n\
         {}\n\n\
         Anna logs in with name, password and that code (the command asks for the code again; \
         an unused code is repeated):\n\n\
         curl -sS -X PUT http://{address}/api/authentication/validateOTP -H 'Authorization: Bearer demo-vpn' -H 'tenant: demo' -H 'Content-Type: application/json' -d \"{{\\\"username\\\":\\\"anna\\\",\\\"password\\\":\\\"correct horse\\\",\\\"otp\\\":\\\"$({code})\\\"}}\"\n\n\
         Two people share this number, so neither gets a code:\n\n\
         {}\n\n\
         Ctrl-C stops the gateway; nothing is kept.\n\n",
        call("+46701234567", ""),
        call("+46850001000", ""),
    )
}
