//! A real SMS gateway: Kannel with its fake SMS centre, which prints what reaches it.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dialpass::messenger::SendError;
use tempfile::TempDir;

use super::{messenger, send};
use crate::support::gateway::wait_until;
use crate::support::ports::free_port;

const FAKE_CENTRE: &str = "/usr/lib/kannel/test/fakesmsc";

/// A running Kannel and its SMS centre; dropped, they are stopped.
struct Kannel {
    folder: TempDir,
    sendsms: u16,
    boxes: Vec<Child>,
}

impl Kannel {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let [admin, smsbox, centre, sendsms] = std::array::from_fn(|_| free_port());
        let config = folder.path().join("kannel.conf");
        let text = format!(
            "group = core\nadmin-port = {admin}\nadmin-interface = 127.0.0.1\n\
             admin-password = unused\nsmsbox-port = {smsbox}\nsmsbox-interface = 127.0.0.1\n\
             box-deny-ip = \"*.*.*.*\"\nbox-allow-ip = \"127.0.0.1\"\n\n\
             group = smsc\nsmsc = fake\nhost = 127.0.0.1\nport = {centre}\n\
             connect-allow-ip = 127.0.0.1\n\n\
             group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {sendsms}\n\
             sendsms-interface = 127.0.0.1\n\n\
             group = sendsms-user\nusername = dialpass\npassword = \"kannel secret\"\n\
             max-messages = 1\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut kannel = Self { folder, sendsms, boxes: Vec::new() };
        kannel.run("bearerbox", "bearerbox", &[config.as_os_str().to_str().unwrap()]);
        kannel.listens(smsbox);
        kannel.listens(centre);
        let arguments =
            ["-H", "127.0.0.1", "-r", &centre.to_string(), "-i", "1", "-m", "0", "0 0 text x"];
        kannel.run(FAKE_CENTRE, "centre", &arguments);
        kannel.run("smsbox", "smsbox", &[config.as_os_str().to_str().unwrap()]);
        kannel.listens(sendsms);
        kannel
    }

    fn run(&mut self, program: &str, name: &str, arguments: &[&str]) {
        let log = File::create(self.folder.path().join(name)).unwrap();
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        let child = Command::new(program)
            .args(arguments)
            .env("PATH", path)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.boxes.push(child.expect("Kannel is installed (kannel, kannel-extras)"));
    }

    fn listens(&self, port: u16) {
        let what = format!("Kannel listens on {port}: {}", self.folder.path().display());
        wait_until(&what, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    /// What the SMS centre printed.
    fn printed(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("centre")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What the SMS centre printed of messages, each line of a message in one of its own.
    fn messages(&self) -> Vec<String> {
        let printed = self.printed();
        let lines = printed.lines().filter_map(|line| line.split_once("Got message "));
        let texts = lines.filter_map(|(_, message)| message.split_once(": <"));
        texts.filter_map(|(_, text)| text.strip_suffix('>')).map(str::to_owned).collect()
    }

    fn section(&self, password: &str) -> String {
        format!(
            "[[tenants.sms.providers]]\nname = \"kannel\"\npreset = \"kannel\"\n\
             variables = {{ server = \"http://127.0.0.1:{}\", username = \"dialpass\", \
             password = \"{password}\", sender = \"Example\" }}\n",
            self.sendsms
        )
    }
}

impl Drop for Kannel {
    fn drop(&mut self) {
        for one in self.boxes.iter_mut().rev() {
            let _ = one.kill();
            let _ = one.wait();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_reaches_the_sms_centre_as_it_was_written() {
    let patience = Duration::from_secs(10);
    assert!(Path::new(FAKE_CENTRE).exists(), "kannel-extras is installed");
    let kannel = Kannel::start();
    let messenger_of = |password| messenger(&kannel.section(password));
    let wrong = messenger_of("wrong");
    assert_eq!(send(&wrong, "+46701234567", "nothing", patience).await.0, Err(SendError::NotTaken));

    let messenger = messenger_of("kannel secret");
    let plain = "Your code is 123456. Do not share it with anyone.";
    // All of the alphabet but what ends a line of the centre's, and that in the end.
    let special = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà ^{}\\[~]|€";
    let lines = "12 & 34+5 100%\nnext {line}";
    for (to, text) in [("+46701234567", plain), ("+4791234567", special), ("+46701234567", lines)] {
        assert_eq!(send(&messenger, to, text, patience).await.0, Ok(()), "{text}");
    }
    let mut expected = vec![
        format!("Example +46701234567 text {plain}"),
        format!("Example +4791234567 text {special}"),
        "Example +46701234567 text 12 & 34+5 100%".to_owned(),
        "next {line}".to_owned(),
    ];
    wait_until("all messages reach the centre", || kannel.messages().len() >= expected.len());
    // Kannel may pass them on in another order.
    let mut messages = kannel.messages();
    messages.sort();
    expected.sort();
    assert_eq!(messages, expected, "{}", kannel.printed());
}
