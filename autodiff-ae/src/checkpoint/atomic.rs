//! Files written whole or not at all: under a temporary name beside the target, flushed, renamed.

use crate::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes `bytes` under a temporary name beside `path`, flushes them to the disk and renames: a reader sees the
/// old file or the new one, never a part.
///
/// # Errors
/// [`Error::Io`]; the old file is then as it was and the temporary one gone.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), Error> {
    write_atomic_through(path, bytes, |file| Box::new(file))
}

/// [`write_atomic`] through a writer put around the file, so that a test can stand a full disk in between.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_atomic_through(
    path: impl AsRef<Path>,
    bytes: &[u8],
    wrap: impl for<'a> FnOnce(&'a File) -> Box<dyn Write + 'a>,
) -> Result<(), Error> {
    let path = path.as_ref();
    let temporary = temporary_beside(path);
    let write = || -> io::Result<()> {
        let file = File::create_new(&temporary)?;
        {
            let mut writer = wrap(&file);
            writer.write_all(bytes)?;
            writer.flush()?;
        }
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, path)?;
        sync_folder(path)
    };
    write().map_err(|source| {
        // Best effort: the error that matters is the first one.
        let _ = fs::remove_file(&temporary);
        Error::Io {
            path: path.into(),
            source,
        }
    })
}

/// A name in the same folder that no other writer uses.
fn temporary_beside(path: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(
        ".{}-{}.tmp",
        std::process::id(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    ));
    path.with_file_name(name)
}

/// Makes the rename itself survive a power failure, where folders can be opened.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    let _ = path;
    Ok(())
}
