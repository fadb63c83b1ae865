//! What root's commands open for a service that may be broken: its user must not have them write to
//! a file of another's, or give one away.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output};

use super::{config, people};

/// A user of no account here.
const SERVICE: u32 = 54_321;

/// Has root run `codes list` on the configuration in `folder`.
fn list_codes(folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dialpass"))
        .args(["codes", "list", "--config"])
        .arg(folder.join("dialpass.toml"))
        .output()
        .unwrap()
}

#[test]
fn a_named_pipe_is_refused_and_not_waited_for() {
    let folder = people();
    let config = config("", "[audit]\nfile = \"audit.pipe\"\n");
    std::fs::write(folder.path().join("dialpass.toml"), config).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("audit.pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let output = list_codes(folder.path());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("it is a named pipe or a device, not a regular file"), "{said}");
}

#[test]
fn roots_commands_follow_no_link_of_the_services_user_and_give_nothing_away() {
    if !rustix::process::geteuid().is_root() {
        // Only root can be had to do it.
        return;
    }
    let folder = people();
    let at = |name: &str| folder.path().join(name);
    let audit = "[audit]\nfile = \"logs/audit.log\"\n";
    std::fs::write(at("dialpass.toml"), config("", audit)).unwrap();
    std::fs::create_dir(at("logs")).unwrap();
    std::fs::create_dir(at("roots")).unwrap();
    chown(at("logs"), Some(SERVICE), Some(SERVICE)).unwrap();
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();

    // A link to what is not there, and to what is.
    std::fs::write(at("roots/kept"), "root's").unwrap();
    for target in [at("roots/made"), at("roots/kept")] {
        let before = std::fs::read(&target).ok();
        symlink(&target, at("logs/audit.log")).unwrap();
        let output = list_codes(folder.path());
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("it is a symbolic link"), "{}", said(&output));
        assert_eq!(std::fs::read(&target).ok(), before);
        std::fs::remove_file(at("logs/audit.log")).unwrap();
    }
    assert_eq!(at("roots/kept").metadata().unwrap().uid(), 0);

    // A link in the place of a folder inside theirs.
    let nested = audit.replace("logs/", "logs/nested/");
    std::fs::write(at("dialpass.toml"), config("", &nested)).unwrap();
    symlink(at("roots"), at("logs/nested")).unwrap();
    let output = list_codes(folder.path());
    assert!(said(&output).contains("Permission denied"), "{}", said(&output));
    assert!(!at("roots/audit.log").exists());

    // A file of root's under another name: it is not theirs to have it written to.
    std::fs::remove_file(at("logs/nested")).unwrap();
    std::fs::write(at("dialpass.toml"), config("", audit)).unwrap();
    std::fs::set_permissions(at("roots/kept"), PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::hard_link(at("roots/kept"), at("logs/audit.log")).unwrap();
    let output = list_codes(folder.path());
    assert!(said(&output).contains("Permission denied"), "{}", said(&output));
    assert_eq!(std::fs::read(at("roots/kept")).unwrap(), b"root's");
}

#[test]
fn the_file_is_made_as_the_folders_owner_even_where_they_alone_cannot_get_to_it() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = people();
    let at = |name: &str| folder.path().join(name);
    let audit = "[audit]\nfile = \"private/dialpass/audit.log\"\n";
    std::fs::write(at("dialpass.toml"), config("", audit)).unwrap();
    // As systemd has it with DynamicUser=.
    std::fs::create_dir_all(at("private/dialpass")).unwrap();
    std::fs::set_permissions(at("private"), PermissionsExt::from_mode(0o700)).unwrap();
    chown(at("private/dialpass"), Some(SERVICE), Some(SERVICE)).unwrap();
    list_codes(folder.path());
    let made = at("private/dialpass/audit.log").metadata().unwrap();
    assert_eq!((made.uid(), made.gid(), made.mode() & 0o777), (SERVICE, SERVICE, 0o600));
}

#[test]
fn a_world_writable_secret_is_refused_and_a_world_readable_one_is_warned_about() {
    let folder = people();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("dialpass.toml"), config("", "")).unwrap();
    let check = |mode| {
        std::fs::set_permissions(at("server-key.hex"), PermissionsExt::from_mode(mode)).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_dialpass"))
            .args(["check-config", "--config"])
            .arg(at("dialpass.toml"))
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    };
    let (status, said) = check(0o666);
    assert_eq!(status, Some(78));
    assert!(said.contains("keys.server_key_file") && said.contains("chmod 0600"), "{said}");
    let (status, said) = check(0o644);
    assert_eq!(status, Some(0));
    assert!(said.contains("every user of this machine can read"), "{said}");
    for good in [0o400, 0o440, 0o600, 0o640] {
        let (status, said) = check(good);
        assert!(status == Some(0) && !said.contains("can read"), "{good:o}: {said}");
    }
}
