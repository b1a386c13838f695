//! Files written under a temporary name beside their target and renamed: an interrupted or failed write leaves the old file.

use crate::Error;
use std::{
    io::{self, Write},
    path::Path,
};
use tempfile::NamedTempFile;

/// A temporary file beside `path`; gone when dropped.
pub(crate) fn temporary(path: &Path) -> Result<NamedTempFile, Error> {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".writing-");
    #[cfg(unix)]
    {
        // A temporary file is private by default; a result is meant to be read by others.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    builder.tempfile_in(folder).map_err(Error::io(path))
}

/// Gives a temporary file its name, once all of it is on the disk.
#[cfg(feature = "hdf5")]
pub(crate) fn persist(file: NamedTempFile, path: &Path) -> Result<(), Error> {
    file.as_file().sync_all().map_err(Error::io(path))?;
    rename(file, path)
}

fn rename(file: NamedTempFile, path: &Path) -> Result<(), Error> {
    file.persist(path)
        .map(|_| ())
        .map_err(|e| Error::io(path)(e.error))
}

/// Writes `path` through `write`; the target appears (or is replaced) only after everything has been written. It does not wait
/// for the disk: a grid becomes thousands of these files.
pub(crate) fn write(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let mut file = temporary(path)?;
    {
        let mut buffered = io::BufWriter::with_capacity(1 << 20, file.as_file_mut());
        write(&mut buffered).map_err(Error::io(path))?;
        buffered.flush().map_err(Error::io(path))?;
    }
    rename(file, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        write(&path, |w| w.write_all(b"old")).unwrap();
        let error = write(&path, |w| {
            w.write_all(b"half of the new one")?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write(&folder.path().join("no/such/data"), |_| Ok(())).is_err());
    }
}
