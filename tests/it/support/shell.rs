//! A shell that may do what the tests' own user may not (listen on port 389) or must not (run
//! PostgreSQL as root), and that cleans up when the tests end, however they end.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

/// Runs each line it reads, and says how that ended. When there are no more lines, because the
/// tests ended or were killed, it kills what it started and removes its folder. Neither a key press
/// that ends the tests nor an answer that nobody reads any more may end it before that.
///
/// `$pid` is the process that outlives a line; it and its children are the family. A process that
/// is stopped starts no more children and forgets none that ended, so the list of them stays true.
/// One may be continued by another than this shell, so it is stopped until it is.
const SCRIPT: &str = r#"trap '' HUP INT PIPE TERM
children() { cat /proc/$pid/task/*/children 2>/dev/null; }
family() { echo $pid $(children); }
until_stopped() { for one; do
    while grep -qv ') [TZ] ' /proc/$one/task/*/stat 2>/dev/null; do kill -STOP $one; sleep 0.001; done
done; }
until_gone() { for one; do
    while grep -q ') [^Z] ' /proc/$one/stat 2>/dev/null; do sleep 0.001; done
done; }
stop_all() { kill -STOP $pid; until_stopped $pid; kill -STOP $(family); until_stopped $(family); }
cont_all() { kill -CONT $(children) $pid; }
after_kill() { :; }
kill_all() { if [ -n "$pid" ]; then
    stop_all; family=$(family); kill -KILL $family; wait $pid; until_gone $family; pid=; after_kill
fi; }
while read -r line; do eval "$line" >>"$1/log" 2>&1 </dev/null; echo $? 2>/dev/null; done
kill_all >>"$1/log" 2>&1
wait
rm -rf "$1""#;

/// A shell with a folder of its own.
pub struct Shell {
    folder: PathBuf,
    child: Child,
    pipes: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl Shell {
    /// One of root's: through sudo if the tests are not run by root.
    pub fn of_root() -> Self {
        let become_root: &[&str] = if is_root() { &[] } else { &["sudo", "--non-interactive"] };
        let shell = Self::start(become_root, folder());
        assert!(
            shell.runs("[ $(id -u) = 0 ]"),
            "Samba is started by root: run the tests as root, or let sudo ask no password"
        );
        shell
    }

    /// One of a user's who may run a database: of `postgres` if the tests are run by root.
    pub fn of_postgres() -> Self {
        let folder = folder();
        if !is_root() {
            return Self::start(&[], folder);
        }
        let given = Command::new("chown").arg("postgres:").arg(folder.path()).status();
        assert!(given.expect("chown is everywhere").success(), "PostgreSQL has a user here");
        // Not `runuser`: it would end with the key press that the shell ignores.
        let become_postgres =
            ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"];
        let shell = Self::start(&become_postgres, folder);
        let at = shell.folder.display();
        assert!(shell.runs(&format!("cd {at}")), "`postgres` may enter {at}: set TMPDIR");
        shell
    }

    fn start(become_user: &[&str], folder: TempDir) -> Self {
        let path = std::env::var("PATH").unwrap_or_default();
        let script = format!("PATH='{path}:/usr/sbin'\n{SCRIPT}");
        let words = [become_user, &["sh", "-c", &script, "sh"]].concat();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", words[0]));
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let pipes = Mutex::new(Some((input, output)));
        // From now on the shell removes it.
        Self { folder: folder.keep(), child, pipes }
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

impl Drop for Shell {
    fn drop(&mut self) {
        // It ends when it can read no more.
        *self.pipes.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = self.child.wait();
    }
}

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// Whether the tests are run by root.
pub fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id is everywhere");
    output.stdout == b"0\n"
}
