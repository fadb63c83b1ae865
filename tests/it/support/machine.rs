//! A machine of a test's own, for what changes a machine: users, PAM, network devices. The machine
//! that the tests run on stays as it is. What is started there stands elsewhere.

use std::process::{Child, Command, Stdio};

use crate::support::shell::is_root;

/// Set in the machine; there, a test's body runs.
const INSIDE: &str = "DIALPASS_TEST_MACHINE";

/// Its own network (loopback alone), processes, `/run`, and a copy of `/etc`. What it writes is in its
/// memory, in a folder that is empty outside, so nothing remains of it, however it ends.
const PREPARE: &str = r#"set -e
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs "$0"
cp -a /etc "$0/etc"
mount --bind "$0/etc" /etc
mkdir -m 1777 "$0/tmp"
mount -t tmpfs -o mode=755 tmpfs /run
export TMPDIR="$0/tmp"
exec "$@""#;

/// Runs a test's body on a machine of its own, made of namespaces (see namespaces(7)): the test's
/// program starts again there for this test alone, as root, or else through sudo. All processes of
/// the machine end with the body.
///
/// # Panics
/// If the body does, with what the test wrote.
pub fn on_its_own<F: Future<Output = ()>, B: FnOnce() -> F>(body: B) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        return runtime.block_on(body());
    }
    // A closure's type is named after the function that it is in.
    let name = std::any::type_name::<B>().trim_end_matches("::{{closure}}");
    let name = name.split_once("::").expect("a crate and a path").1;
    let sudo: &[&str] = if is_root() { &[] } else { &["sudo", "--non-interactive"] };
    let unshare =
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "env"];
    let words = [sudo, &unshare].concat();
    let path = std::env::var("PATH").unwrap_or_default();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = Command::new(words[0])
        .args(&words[1..])
        .args([&format!("{INSIDE}=1"), &format!("PATH={path}:/usr/sbin:/sbin")])
        .args(["sh", "-c", PREPARE])
        .arg(folder.path())
        .arg(std::env::current_exe().expect("a path"))
        .args(["--exact", name, "--include-ignored", "--nocapture"])
        .stdin(Stdio::null())
        .output();
    let run = run.unwrap_or_else(|error| panic!("{}: {error}", words[0]));
    let said = String::from_utf8_lossy(&run.stdout);
    let ran = run.status.success() && said.contains("test result: ok. 1 passed");
    assert!(
        ran,
        "{name}, as root, with namespaces:\n{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

/// A program that is killed when this is dropped.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
