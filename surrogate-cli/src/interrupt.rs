//! Ctrl-C: the first raises a flag that long work looks at, the second ends the process at once.

use crate::error::Error;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

static FLAG: AtomicBool = AtomicBool::new(false);
static INSTALLED: OnceLock<bool> = OnceLock::new();

/// Installs the handler on first use and returns the flag.
pub fn flag() -> &'static AtomicBool {
    // Where no handler can be installed Ctrl-C ends the process, and files are still whole: they are renamed when complete.
    INSTALLED.get_or_init(|| {
        ctrlc::set_handler(|| {
            if FLAG.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })
        .is_ok()
    });
    &FLAG
}

/// An error where the flag is up, saying how to go on.
pub fn check(how_to_go_on: impl FnOnce() -> String) -> Result<(), Error> {
    if FLAG.load(Ordering::SeqCst) {
        Err(Error::Interrupted(how_to_go_on()))
    } else {
        Ok(())
    }
}
