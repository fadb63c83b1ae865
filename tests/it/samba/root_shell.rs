//! A shell that may do what only root may (listen on port 389), and that cleans up when the tests
//! end, however they end.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

/// Runs each line it reads, and says how that ended. When there are no more lines, because the
/// tests ended or were killed, it kills what it started and removes its folder. Neither a key press
/// that ends the tests nor an answer that nobody reads any more may end it before that.
const SCRIPT: &str = "trap '' HUP INT PIPE TERM
while read -r line; do eval \"$line\" >>\"$1/log\" 2>&1 </dev/null; echo $? 2>/dev/null; done
[ -z \"$pid\" ] || kill -KILL \"$pid\"
wait
rm -rf \"$1\"";

/// A shell of root's, with a folder of its own.
pub struct RootShell {
    folder: PathBuf,
    child: Child,
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl RootShell {
    /// Starts one: through sudo if the tests are not run by root.
    pub fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let mut command = if is_root() {
            Command::new("sh")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args(["--non-interactive", "sh"]);
            sudo
        };
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = command
            .args(["-c", &format!("PATH='{path}:/usr/sbin'\n{SCRIPT}"), "sh"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Samba is started by root: run the tests as root, or install sudo");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let pipes = Mutex::new(Some((input, output)));
        let shell = Self { folder: folder.path().to_owned(), child, pipes };
        assert!(
            shell.runs("[ $(id -u) = 0 ]"),
            "Samba is started by root: run the tests as root, or let sudo ask no password"
        );
        // From now on the shell removes it.
        let _ = folder.keep();
        shell
    }

    /// Its folder, which the tests' own user may write too.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the commands have written so far.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs a line, which must succeed.
    pub fn run(&self, line: &str) {
        assert!(self.runs(line), "{line}\n{}", self.log());
    }

    /// Whether a line succeeds. A process that outlives it has its id in `$pid`.
    pub fn runs(&self, line: &str) -> bool {
        assert!(!line.contains('\n'), "one line: {line}");
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = pipes.as_mut().expect("it is not dropped");
        let mut status = String::new();
        // No answer at all if sudo refused.
        let asked = writeln!(input, "{line}").and_then(|()| output.read_line(&mut status));
        asked.is_ok() && status == "0\n"
    }
}

impl Drop for RootShell {
    fn drop(&mut self) {
        // It ends when it can read no more.
        *self.pipes.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id is everywhere");
    output.stdout == b"0\n"
}
