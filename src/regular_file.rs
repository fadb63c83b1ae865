//! Reading the files that the configuration names: regular files alone, because opening a named
//! pipe waits for its writer, and reading one or a device may never end. Which file a path leads to.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, Mode, OFlags};
use zeroize::Zeroizing;

/// Opens a regular file for reading; symbolic links that lead to one are followed.
///
/// # Errors
/// The operating system's, and one that says what the path leads to instead.
pub fn open(path: &Path) -> io::Result<File> {
    // Without waiting for a pipe's writer, and no terminal becomes this process's own (open(2)).
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // Before it is opened as well: to open a device may do something.
    refuse_others(&path.metadata()?)?;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    refuse_others(&file.metadata()?)?;
    Ok(file)
}

/// Reads a whole regular file, which may hold a secret.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = open(path)?;
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    // Room for all, so that no copy of a key is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.saturating_add(1)));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Refuses anything but a regular file.
///
/// # Errors
/// One that says what it is.
pub fn refuse_others(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_symlink() {
        "a symbolic link"
    } else {
        "a device"
    };
    Err(io::Error::other(format!("it is {what}, not a regular file")))
}

/// Which file a path leads to, by whatever way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileIdentity {
    /// It is there: its device and inode.
    There(u64, u64),
    /// It is not there: its folder's device and inode, and its name.
    Missing(u64, u64, PathBuf),
    /// Its folder is not there either.
    Unknown(PathBuf),
}

impl FileIdentity {
    /// The identity of the file at `path`.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        if let Ok(metadata) = path.metadata() {
            return Self::There(metadata.dev(), metadata.ino());
        }
        match (folder(path).metadata(), path.file_name()) {
            (Ok(folder), Some(name)) => Self::Missing(folder.dev(), folder.ino(), name.into()),
            _ => Self::Unknown(path.to_owned()),
        }
    }
}

/// The file that a path leads to by symbolic links; the path itself if there is none.
///
/// # Errors
/// One that says that the path is a link to what is not there.
pub fn followed(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Ok(real) => Ok(real),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Err(_) if path.is_symlink() => {
            let target = path.read_link().unwrap_or_default();
            let shown = target.display();
            Err(io::Error::other(format!("it is a symbolic link to {shown}, which is not there")))
        }
        Err(_) => Ok(path.to_owned()),
    }
}

/// The folder that a file is in: of one without any, the one that the process works in.
#[must_use]
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Finds out whether this process may make files in a folder, without making one.
///
/// # Errors
/// Why it may not.
pub fn can_make_in(folder: &Path) -> io::Result<()> {
    let shown = folder.display();
    match folder.metadata() {
        Ok(metadata) if !metadata.is_dir() => {
            Err(io::Error::other(format!("{shown} is not a folder")))
        }
        Ok(_) => rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
            io::Error::other(format!("no file may be made in the folder {shown}: {error}"))
        }),
        Err(error) => Err(io::Error::other(format!("the folder {shown} cannot be used: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_files_are_read_also_by_links_and_nothing_else_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("file"), "text").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        for name in ["file", "link"] {
            assert_eq!(&**read(&at(name)).unwrap(), b"text");
        }
        let mode = Mode::RUSR | Mode::WUSR;
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), fifo, mode, 0).unwrap();
        std::os::unix::fs::symlink(at("pipe"), at("link to a pipe")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (path, what) in [
            (at("pipe"), "a named pipe"),
            (at("link to a pipe"), "a named pipe"),
            (at("socket"), "a socket"),
            (at(""), "a folder"),
            ("/dev/zero".into(), "a device"),
        ] {
            let error = read(&path).unwrap_err().to_string();
            assert_eq!(error, format!("it is {what}, not a regular file"));
        }
        assert_eq!(read(&at("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_link_is_followed_to_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
        std::fs::write(at("file"), "").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        std::os::unix::fs::symlink("nothing", at("dangling")).unwrap();
        assert_eq!(followed(&at("link")).unwrap(), at("file"));
        assert_eq!(followed(&at("none")).unwrap(), at("none"));
        let error = followed(&at("dangling")).unwrap_err().to_string();
        assert_eq!(error, "it is a symbolic link to nothing, which is not there");
    }

    #[test]
    fn a_file_is_the_same_by_whatever_path_before_it_is_made_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("inner")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        std::fs::hard_link(at("file"), at("other")).unwrap();
        let is_same =
            |one: &str, other: &str| FileIdentity::of(&at(one)) == FileIdentity::of(&at(other));
        assert!(is_same("file", "other") && is_same("file", "inner/../file"));
        assert!(is_same("none", "inner/../none") && !is_same("none", "inner/none"));
        assert!(!is_same("none/a", "none/b") && !is_same("file", "none"));
    }
}
