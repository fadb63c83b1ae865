//! A running Asterisk, the telephones that call it (SIPp), and what their callers hear: each digit is
//! spoken as its DTMF tone, so that a decoder reads the code in a recording of the call.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::support::browser::tools::target;
use crate::support::gateway::wait_until;
use crate::support::ports::free_port;

/// The language of a call in which the tones are spoken.
const LANGUAGE: &str = "tt";
/// The frequencies of a key's tone, in hertz (ITU-T Q.23).
const KEYS: [(&str, u16, u16); 12] = [
    ("0", 941, 1336),
    ("1", 697, 1209),
    ("2", 697, 1336),
    ("3", 697, 1477),
    ("4", 770, 1209),
    ("5", 770, 1336),
    ("6", 770, 1477),
    ("7", 852, 1209),
    ("8", 852, 1336),
    ("9", 852, 1477),
    ("*", 941, 1209),
    ("#", 941, 1477),
];
/// Modules that want databases or ports of their own, or nothing here needs.
const NOT_LOADED: [&str; 14] = [
    "app_voicemail.so",
    "cdr_pgsql.so",
    "chan_iax2.so",
    "chan_motif.so",
    "chan_unistim.so",
    "pbx_ael.so",
    "pbx_dundi.so",
    "pbx_lua.so",
    "res_config_ldap.so",
    "res_config_pgsql.so",
    "res_hep.so",
    "res_phoneprov.so",
    "res_snmp.so",
    "res_xmpp.so",
];

/// Runs a program to its end, and returns what it wrote.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program}: {error}: tests/run.sh installs it");
    });
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A running Asterisk; dropped, it is killed.
pub struct Asterisk {
    child: Child,
    folder: TempDir,
    sip: u16,
}

impl Asterisk {
    /// Starts it with these contexts. Each call from SIP comes to `7000` in the context `recipe`, or,
    /// if an extension from 8000 on is dialled, in `attested`. The variable `NAME` is the extension
    /// that was dialled, and what the caller hears is recorded under that name.
    pub fn start(contexts: &str) -> Self {
        Self::start_with("NoOp()", contexts)
    }

    /// Starts it with these contexts. Each call begins with the application `first`.
    pub fn start_with(first: &str, contexts: &str) -> Self {
        Self::launch(first, contexts, None)
    }

    /// Starts it with these contexts and this `stir_shaken.conf`, whose profile `carrier` verifies
    /// each call.
    pub fn start_verifying(stir_shaken: &str, contexts: &str) -> Self {
        Self::launch("NoOp()", contexts, Some(stir_shaken))
    }

    fn launch(first: &str, contexts: &str, stir_shaken: Option<&str>) -> Self {
        let root = target().join("asterisk/root");
        let program = root.join("usr/sbin/asterisk");
        assert!(program.exists(), "{} is missing: tests/run.sh unpacks it", program.display());
        let folder = tempfile::tempdir().unwrap();
        let sip = free_port();
        configure(folder.path(), &root, sip, (first, contexts));
        if let Some(stir_shaken) = stir_shaken {
            verify(&folder.path().join("etc"), stir_shaken);
        }
        // With the libraries that came with it: the machine's are older.
        let libraries = root.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
        let start = fs::read_dir(&libraries).unwrap().map(|entry| entry.unwrap().path());
        let mut start = start.filter(|path| path.to_string_lossy().contains("/ld-linux"));
        let console = fs::File::create(folder.path().join("console")).unwrap();
        let child = Command::new(start.next().expect("its program loader"))
            .arg("--inhibit-cache")
            .arg("--library-path")
            .arg(&libraries)
            .arg(&program)
            .args(["-f", "-C"])
            .arg(folder.path().join("etc/asterisk.conf"))
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        let mut asterisk = Self { child, folder, sip };
        wait_until("Asterisk is ready", || {
            let status = asterisk.child.try_wait().unwrap();
            assert!(status.is_none(), "it ended with {status:?}: {}", asterisk.log());
            asterisk.log().contains("Asterisk Ready")
        });
        asterisk
    }

    /// What it has logged, and what it has written to its console.
    pub fn log(&self) -> String {
        let read = |name| fs::read(self.folder.path().join(name)).unwrap_or_default();
        let both = [read("log/full"), read("console")].concat();
        String::from_utf8_lossy(&both).into_owned()
    }

    /// What its log says of calls.
    fn executed(&self) -> String {
        let log = self.log();
        let of_calls = |line: &&str| line.contains("[C-");
        log.lines().filter(of_calls).collect::<Vec<_>>().join("\n")
    }

    /// Calls, and waits until the call has ended.
    pub fn call(&self, call: &SipCall) {
        let path = self.folder.path().join(format!("{}.xml", call.dialled));
        fs::write(&path, call.scenario()).unwrap();
        // An address of its own has all ports free.
        let port = free_port();
        let address = format!("127.77.{}.{}", port >> 8, port & 0xff);
        let port = port.to_string();
        let output = Command::new("sipp")
            .args(["-sf", path.to_str().unwrap(), "-s", call.dialled, "-m", "1", "-nostdin"])
            .args(["-i", &address, "-p", &port, "-mi", &address, "-timeout", "60"])
            .arg(format!("127.0.0.1:{}", self.sip))
            .current_dir(self.folder.path())
            .output();
        let output =
            output.unwrap_or_else(|error| panic!("sipp: {error}: tests/run.sh installs it"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}\n{}", call.dialled, self.executed());
    }

    /// What the caller who dialled `name` has heard, as the keys of the tones: waits until this is as
    /// `is_it` says.
    pub fn heard(&self, name: &str, is_it: impl Fn(&str) -> bool) -> String {
        let recording = self.folder.path().join(format!("spool/monitor/{name}.wav"));
        let raw = self.folder.path().join(format!("{name}.raw"));
        let mut heard = String::new();
        wait_until(&format!("{name} hears it"), || {
            heard = if recording.exists() { decoded(&recording, &raw) } else { String::new() };
            is_it(&heard)
        });
        heard
    }

    /// What the dialplan logged of the call of `name` with `NoOp(RESULT ${NAME} …)`: waits for it.
    pub fn result(&self, name: &str) -> String {
        let start = format!("\"RESULT {name} ");
        let mut result = None;
        wait_until(&format!("the result of {name}"), || {
            let log = self.log();
            let told = log.split_once(&start).and_then(|(_, rest)| rest.split_once("\")"));
            result = told.map(|(told, _)| told.to_owned());
            result.is_some()
        });
        result.expect("waited for")
    }
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The keys whose tones are in a recording.
fn decoded(recording: &Path, raw: &Path) -> String {
    let paths = [recording, raw].map(|path| path.to_str().unwrap().to_owned());
    let convert =
        [paths[0].as_str(), "-t", "raw", "-r", "22050", "-e", "signed", "-b", "16", "-c", "1"];
    // While it is being written, the recording may be no whole file.
    let converted = Command::new("sox").args(convert).arg(&paths[1]).output();
    let converted =
        converted.unwrap_or_else(|error| panic!("sox: {error}: tests/run.sh installs it"));
    if !converted.status.success() {
        return String::new();
    }
    let decoded = run("multimon-ng", &["-q", "-a", "DTMF", "-t", "raw", &paths[1]]);
    decoded.lines().filter_map(|line| line.strip_prefix("DTMF: ")).collect()
}

/// Writes the configuration, and the sounds of the keys.
fn configure(folder: &Path, root: &Path, sip: u16, (first, contexts): (&str, &str)) {
    for name in ["etc", "db", "spool/monitor", "run", "log", "data/sounds/tt/digits"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let shared = root.join("usr/share/asterisk");
    for entry in fs::read_dir(&shared).unwrap().map(Result::unwrap) {
        if entry.file_name() != "sounds" {
            let link = folder.join("data").join(entry.file_name());
            std::os::unix::fs::symlink(entry.path(), link).unwrap();
        }
    }
    speak_keys(&folder.join("data/sounds").join(LANGUAGE));
    let at = folder.display();
    let modules =
        root.join(format!("usr/lib/{}-linux-gnu/asterisk/modules", std::env::consts::ARCH));
    let write = |name: &str, text: &str| fs::write(folder.join("etc").join(name), text).unwrap();
    write(
        "asterisk.conf",
        &format!(
            "[directories]\nastetcdir => {at}/etc\nastmoddir => {}\nastvarlibdir => {at}/data\n\
             astdbdir => {at}/db\nastdatadir => {at}/data\nastagidir => {at}/data/agi-bin\n\
             astspooldir => {at}/spool\nastrundir => {at}/run\nastlogdir => {at}/log\n\
             [options]\nverbose = 4\n",
            modules.display(),
        ),
    );
    let not_loaded = NOT_LOADED.map(|module| format!("noload = {module}\n")).concat();
    write("modules.conf", &format!("[modules]\nautoload = yes\n{not_loaded}"));
    write("logger.conf", "[logfiles]\nfull => notice,warning,error,verbose\n");
    // Below the ports that tests listen on; Asterisk looks for free ones among them.
    write("rtp.conf", "[general]\nrtpstart = 11000\nrtpend = 14998\n");
    write(
        "pjsip.conf",
        &format!(
            "[udp]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:{sip}\n\
             [trunk]\ntype = endpoint\ncontext = in\ndisallow = all\nallow = ulaw\n\
             direct_media = no\ntrust_id_inbound = yes\ndtmf_mode = info\n\
             [trunk]\ntype = identify\nendpoint = trunk\nmatch = 127.0.0.0/8\n"
        ),
    );
    let prelude = |pattern: &str, context: &str| {
        format!(
            "exten => {pattern},1,Set(NAME=${{EXTEN}})\n same => n,Set(CHANNEL(language)={LANGUAGE})\n \
             same => n,MixMonitor(${{EXTEN}}.wav)\n same => n,{first}\n \
             same => n,Goto({context},7000,1)\n"
        )
    };
    let preludes = prelude("_9XXX", "recipe") + &prelude("_8XXX", "attested");
    write("extensions.conf", &format!("[in]\n{preludes}{contexts}\n"));
}

/// Adds the verification of calls to the configuration.
fn verify(etc: &Path, stir_shaken: &str) {
    fs::write(etc.join("stir_shaken.conf"), stir_shaken).unwrap();
    let line = printed("phone-systems.md", "stir_shaken_profile");
    assert!(line.contains("\nstir_shaken_profile = carrier"), "{line}");
    let path = etc.join("pjsip.conf");
    let endpoint = "type = endpoint\n";
    let pjsip = fs::read_to_string(&path).unwrap();
    assert!(pjsip.contains(endpoint), "{pjsip}");
    fs::write(path, pjsip.replace(endpoint, &format!("{endpoint}{line}\n"))).unwrap();
}

/// Makes the sounds `digits/0` to `digits/9`, and two that are heard as keys: `enter-pin` as `*`,
/// `sorry` as `#`.
fn speak_keys(folder: &Path) {
    for (key, low, high) in KEYS {
        let name = match key {
            "*" => "enter-pin".to_owned(),
            "#" => "sorry".to_owned(),
            digit => format!("digits/{digit}"),
        };
        let path = folder.join(format!("{name}.wav"));
        let (low, high) = (low.to_string(), high.to_string());
        let tone = ["synth", "0.12", "sine", &low, "synth", "0.12", "sine", "mix", &high];
        let gap = ["pad", "0", "0.1"];
        let file = ["-n", "-r", "8000", "-c", "1", "-b", "16", path.to_str().unwrap()];
        run("sox", &[&file[..], &tone, &gap].concat());
    }
}

/// A call that SIPp makes.
pub struct SipCall<'a> {
    /// The extension.
    pub dialled: &'a str,
    /// The user part of `From`, as written there.
    pub from: &'a str,
    /// Further headers of the INVITE.
    pub headers: &'a [&'a str],
    /// What the caller does once the call is answered.
    pub then: Then<'a>,
}

/// What a caller does once the call is answered.
#[derive(Clone, Copy)]
pub enum Then<'a> {
    /// Waits until the other end hangs up.
    Listen,
    /// Hangs up after so many milliseconds.
    HangUp(u32),
    /// Keys digits after so many milliseconds (SIP INFO), and listens.
    Key(u32, &'a str),
}

impl<'a> SipCall<'a> {
    /// A caller who listens.
    pub const fn new(dialled: &'a str, from: &'a str) -> Self {
        Self { dialled, from, headers: &[], then: Then::Listen }
    }

    /// The call as a scenario of SIPp.
    fn scenario(&self) -> String {
        let sdp = "v=0\no=u 1 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n\
                   m=audio [media_port] RTP/AVP 0\na=rtpmap:0 PCMU/8000\n";
        let more: Vec<&str> = self.headers.iter().flat_map(|header| [*header, "\n"]).collect();
        let more = more.concat();
        let invite = format!("{more}Content-Type: application/sdp\nContent-Length: [len]\n\n{sdp}");
        let mut steps = self.request("INVITE", 1, &invite);
        for status in ["100", "180", "183"] {
            let _ = writeln!(steps, "<recv response=\"{status}\" optional=\"true\"/>");
        }
        steps += "<recv response=\"200\" rrs=\"true\"/>\n";
        steps += &self.request("ACK", 1, "Content-Length: 0\n\n");
        let pause = |milliseconds: u32| format!("<pause milliseconds=\"{milliseconds}\"/>\n");
        match self.then {
            Then::HangUp(after) => {
                steps += &pause(after);
                steps += &self.request("BYE", 2, "Content-Length: 0\n\n");
                steps += "<recv response=\"200\"/>\n";
            }
            Then::Listen => steps += ANSWER_BYE,
            Then::Key(after, digits) => {
                steps += &pause(after);
                for (digit, sequence) in digits.chars().zip(2..) {
                    let body = format!(
                        "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\n\
                         Signal={digit}\nDuration=160\n"
                    );
                    steps += &self.request("INFO", sequence, &body);
                    steps += "<recv response=\"200\"/>\n";
                }
                steps += ANSWER_BYE;
            }
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE scenario SYSTEM \"sipp.dtd\">\n\
             <scenario name=\"call\">\n{steps}</scenario>\n"
        )
    }

    /// The step that sends a request with `rest` of its headers and its body.
    fn request(&self, method: &str, sequence: u32, rest: &str) -> String {
        let from = self.from;
        let (retrans, to) = match method {
            "INVITE" => (" retrans=\"500\"", ""),
            "ACK" => ("", "[peer_tag_param]"),
            _ => (" retrans=\"500\"", "[peer_tag_param]"),
        };
        format!(
            "<send{retrans}><![CDATA[\n{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0\n\
             Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
             From: \"x\" <sip:{from}@[local_ip]:[local_port]>;tag=[pid]SIPpTag00[call_number]\n\
             To: <sip:[service]@[remote_ip]:[remote_port]>{to}\nCall-ID: [call_id]\n\
             CSeq: {sequence} {method}\nContact: <sip:sipp@[local_ip]:[local_port]>\n\
             Max-Forwards: 70\n{rest}]]></send>\n"
        )
    }
}

/// The steps of a call that the other end hangs up.
const ANSWER_BYE: &str = "<recv request=\"BYE\" timeout=\"50000\"/>\n<send><![CDATA[\nSIP/2.0 200 OK\n\
    [last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>\n";

/// The first code block of a document that contains `text`.
pub fn printed(document: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(document);
    let page = fs::read_to_string(&path).unwrap();
    let mut blocks = page.split("\n```").skip(1).step_by(2);
    let block = blocks.find(|block| block.contains(text));
    let block = block.unwrap_or_else(|| panic!("docs/{document} prints {text}"));
    block.split_once('\n').expect("a language and lines").1.to_owned()
}
