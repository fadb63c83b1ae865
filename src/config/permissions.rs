//! Who else may read or write the files that hold secrets, by their mode. Root and the file's owner
//! may; a group may read, as it has to with files of root's and systemd's credentials.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::check::Problems;

const GROUP_MAY_WRITE: u32 = 0o020;
const ALL_MAY_WRITE: u32 = 0o002;
const ALL_MAY_READ: u32 = 0o004;

/// Refuses a file at `key` that everybody may write, because anybody's secret may be in it, and
/// warns of one that everybody may read, or a group write. One that is not there is another's to
/// find.
pub(super) fn of_secret(key: &str, path: &Path, problems: &mut Problems) {
    let Ok(metadata) = path.metadata() else { return };
    // A pipe of the shell's (`<(…)`) or a device is no file that lies about.
    if !metadata.is_file() {
        return;
    }
    let (mode, shown) = (metadata.mode() & 0o777, path.display());
    if mode & ALL_MAY_WRITE != 0 {
        problems.add(
            key,
            format!("{shown}, which every user of this machine may write (mode {mode:04o})"),
            format!("a file that its owner alone may write: chmod 0600 {shown}"),
        );
    } else if mode & ALL_MAY_READ != 0 {
        problems.warn(
            key,
            format!(
                "every user of this machine may read {shown} (mode {mode:04o}), and so have what \
                 it keeps secret: chmod 0600 {shown}, and make a new secret if others had access"
            ),
        );
    } else if mode & GROUP_MAY_WRITE != 0 {
        problems.warn(
            key,
            format!("a group may write {shown} (mode {mode:04o}), and so change the secret: chmod g-w {shown}"),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn others_may_neither_write_nor_read_and_a_group_may_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("server-key.hex");
        std::fs::write(&path, "secret").expect("a file");
        for (mode, refused, warned) in [
            (0o400, false, false),
            (0o600, false, false),
            (0o440, false, false),
            (0o640, false, false),
            (0o660, false, true),
            (0o644, false, true),
            (0o604, false, true),
            (0o666, true, false),
            (0o602, true, false),
        ] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, permissions).expect("a mode");
            let mut problems = Problems::new(Path::new("test.toml"), folder.path());
            of_secret("keys.server_key_file", &path, &mut problems);
            let found = (!problems.is_empty(), !problems.take_warnings().is_empty());
            assert_eq!(found, (refused, warned), "{mode:04o}");
        }
        let mut problems = Problems::new(Path::new("test.toml"), folder.path());
        of_secret("keys.server_key_file", &folder.path().join("none"), &mut problems);
        of_secret("keys.server_key_file", Path::new("/dev/null"), &mut problems);
        assert!(problems.is_empty() && problems.take_warnings().is_empty());
    }
}
