//! A small disk, to fill it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A small file system in memory; unmounted when dropped.
pub struct SmallDisk(PathBuf);

/// Runs a command that takes root, through sudo where this user is not.
fn as_root(command: &[&str], path: &Path) -> Output {
    let uid = Command::new("id").arg("-u").output().unwrap().stdout;
    let sudo: &[&str] = if uid.trim_ascii() == b"0" { &[] } else { &["sudo", "-n"] };
    let words = [sudo, command].concat();
    Command::new(words[0]).args(&words[1..]).arg(path).output().unwrap()
}

impl SmallDisk {
    /// Makes the folder `path`, and mounts one of this size there (`1m`) that every user may write.
    pub fn at(path: &Path, size: &str) -> Self {
        std::fs::create_dir(path).unwrap();
        let options = format!("size={size},mode=0777");
        let mounted = as_root(&["mount", "-t", "tmpfs", "-o", &options, "dialpass-test"], path);
        assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
        Self(path.to_owned())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Leaves no room in it.
    pub fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    }

    /// Has room in it again.
    pub fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        as_root(&["umount", "--lazy"], &self.0);
    }
}
