//! Checks the modes of files that hold secrets or decide who logs in. Root and the owner may read and
//! write them; a group may read, as root's files and systemd's credentials require.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::check::Problems;
use crate::regular_file;

const GROUP_MAY_WRITE: u32 = 0o020;
const ALL_MAY_WRITE: u32 = 0o002;
const ALL_MAY_READ: u32 = 0o004;
const STICKY: u32 = 0o1000;

/// Refuses a file at `key` that all users can write, and warns of one that all can read or a group
/// can write. A missing file is reported where it is read.
pub(super) fn of_secret(key: &str, path: &Path, problems: &mut Problems) {
    // Devices and the like are refused where they are read.
    let Some((mode, _)) = mode(path) else { return };
    let shown = path.display();
    if mode & ALL_MAY_WRITE != 0 {
        problems.add(
            key,
            format!("{shown}, which every user of this machine can write (mode {mode:04o})"),
            format!("a file that only its owner can write: chmod 0600 {shown}"),
        );
    } else if mode & ALL_MAY_READ != 0 {
        problems.warn(
            key,
            format!(
                "every user of this machine can read {shown} (mode {mode:04o}): chmod 0600 {shown}, \
                 and replace the secret if others have access"
            ),
        );
    } else if mode & GROUP_MAY_WRITE != 0 {
        problems.warn(
            key,
            format!("a group can write {shown} (mode {mode:04o}) and change the secret: chmod g-w {shown}"),
        );
    }
}

/// Warns if others can write the file of people, and so log in as anyone in it.
pub(super) fn of_people(key: &str, path: &Path, problems: &mut Problems) {
    let Some((mode, metadata)) = mode(path) else { return };
    // A user's private group usually has the same number.
    let is_others_group = metadata.gid() != metadata.uid();
    if mode & ALL_MAY_WRITE != 0 || (mode & GROUP_MAY_WRITE != 0 && is_others_group) {
        let who = if mode & ALL_MAY_WRITE != 0 { EVERYBODY } else { "a group" };
        let shown = path.display();
        problems.warn(
            key,
            format!(
                "{who} can write {shown} (mode {mode:04o}) and log in as any person: chmod go-w {shown}"
            ),
        );
    }
}

/// Warns if all users can write the configuration.
pub(super) fn of_configuration(path: &Path, problems: &mut Problems) {
    let Some((mode, _)) = mode(path) else { return };
    if mode & ALL_MAY_WRITE != 0 {
        let shown = path.display();
        problems.warn(
            "",
            format!(
                "{EVERYBODY} can write {shown} (mode {mode:04o}) and change what this server does: \
                 chmod o-w {shown}"
            ),
        );
    }
}

/// Warns if all users can read or write an existing audit trail.
pub(super) fn of_audit(key: &str, path: &Path, problems: &mut Problems) {
    let Some((mode, _)) = mode(path) else { return };
    if mode & (ALL_MAY_READ | ALL_MAY_WRITE) != 0 {
        let may = if mode & ALL_MAY_WRITE == 0 { "read" } else { "write" };
        let shown = path.display();
        problems.warn(
            key,
            format!(
                "{EVERYBODY} can {may} {shown} (mode {mode:04o}), which records who called and \
                 logged in: chmod o-rwx {shown}"
            ),
        );
    }
}

/// Warns of each folder on the way to a file that all users can write, because they can replace the
/// file. In folders with the sticky bit (`/tmp`) they cannot.
pub(super) fn of_folders(written: &[(&str, &Path)], problems: &mut Problems) {
    let read = problems.files().iter().map(|(key, path)| (key.clone(), path.clone()));
    let written = written.iter().map(|(key, path)| ((*key).to_owned(), path.to_path_buf()));
    let files: Vec<(String, PathBuf)> = read.chain(written).collect();
    let mut reported = BTreeSet::new();
    for (key, file) in files {
        for folder in folders_to(&file) {
            let Some(mode) = folder.metadata().ok().map(|metadata| metadata.mode() & 0o7777) else {
                continue;
            };
            let is_open = mode & ALL_MAY_WRITE != 0 && mode & STICKY == 0;
            if is_open && reported.insert(folder.clone()) {
                let shown = folder.display();
                problems.warn(
                    &key,
                    format!(
                        "{EVERYBODY} can write the folder {shown} (mode {mode:04o}) and replace {}: \
                         chmod o-w {shown}",
                        file.display()
                    ),
                );
            }
        }
    }
}

/// The folders on the way to a file, and to the target if it is a link.
fn folders_to(file: &Path) -> BTreeSet<PathBuf> {
    let existing = |path: &Path| path.ancestors().find_map(|path| path.canonicalize().ok());
    let folder = existing(regular_file::folder(file));
    let real = file.canonicalize().ok().and_then(|real| real.parent().map(Path::to_path_buf));
    let all = folder.into_iter().chain(real);
    all.flat_map(|folder| folder.ancestors().map(Path::to_path_buf).collect::<Vec<_>>()).collect()
}

const EVERYBODY: &str = "every user of this machine";

/// The mode and metadata of an existing regular file.
fn mode(path: &Path) -> Option<(u32, Metadata)> {
    let metadata = path.metadata().ok().filter(Metadata::is_file)?;
    Some((metadata.mode() & 0o777, metadata))
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
    #[test]
    fn world_writable_folders_without_the_sticky_bit_are_warned_about_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().canonicalize().expect("a folder").join(name);
        std::fs::create_dir_all(at("open/inner")).expect("folders");
        std::fs::create_dir(at("linked")).expect("a folder");
        std::fs::write(at("linked/key"), "").expect("a file");
        std::os::unix::fs::symlink(at("linked/key"), at("open/inner/link")).expect("a link");
        let set = |name: &str, mode| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(at(name), permissions).expect("a mode");
        };
        let told = |files: &[&str]| {
            let files: Vec<_> = files.iter().map(|name| at(name)).collect();
            let mut problems = Problems::new(Path::new("test.toml"), folder.path());
            for file in &files {
                problems.reads("keys.server_key_file", file);
            }
            let database = at("open/made/later.db");
            of_folders(&[("store.url", &database)], &mut problems);
            assert!(problems.is_empty(), "it can be used");
            problems.take_warnings().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let files = ["open/inner/key", "open/inner/token", "open/inner/link"];
        for (open, inner, linked, warned) in [
            (0o755, 0o755, 0o755, &[][..]),
            (0o1777, 0o775, 0o1777, &[]),
            (0o777, 0o755, 0o755, &["open"]),
            (0o755, 0o757, 0o755, &["open/inner"]),
            (0o755, 0o755, 0o777, &["linked"]),
            (0o777, 0o777, 0o777, &["linked", "open", "open/inner"]),
        ] {
            set("open", open);
            set("open/inner", inner);
            set("linked", linked);
            let all = told(&files);
            assert_eq!(all.len(), warned.len(), "{all:?}");
            for name in warned {
                let command = format!(": chmod o-w {}", at(name).display());
                assert!(all.iter().any(|one| one.ends_with(&command)), "{command}: {all:?}");
            }
        }
        set("open", 0o777);
        let all = told(&[]);
        assert!(all.iter().any(|one| one.contains("store.url: every user")), "{all:?}");
    }

    #[test]
    fn others_who_may_write_who_logs_in_or_read_the_trail_are_warned_of() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, "text").expect("a file");
        // Of the people file, of the configuration, of the audit trail.
        for (mode, warned) in [
            (0o600, [false; 3]),
            (0o640, [false; 3]),
            (0o644, [false, false, true]),
            (0o604, [false, false, true]),
            (0o602, [true; 3]),
            (0o666, [true; 3]),
        ] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, permissions).expect("a mode");
            let mut problems = Problems::new(Path::new("test.toml"), folder.path());
            let mut warns = |warn: &dyn Fn(&mut Problems)| {
                warn(&mut problems);
                !problems.take_warnings().is_empty()
            };
            let found = [
                warns(&|problems| of_people("tenants[0].directory.file", &path, problems)),
                warns(&|problems| of_configuration(&path, problems)),
                warns(&|problems| of_audit("audit.file", &path, problems)),
            ];
            assert_eq!(found, warned, "{mode:04o}");
            assert!(problems.is_empty(), "it can be used");
        }
        let metadata = path.metadata().expect("a file");
        let permissions = std::fs::Permissions::from_mode(0o660);
        std::fs::set_permissions(&path, permissions).expect("a mode");
        let mut problems = Problems::new(Path::new("test.toml"), folder.path());
        of_people("tenants[0].directory.file", &path, &mut problems);
        let is_warned = !problems.take_warnings().is_empty();
        assert_eq!(is_warned, metadata.uid() != metadata.gid(), "a group of the owner's own");
    }
}
