//! Progress bars on stderr, drawn only for people at a terminal.

use crate::output::Output;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A bar over `len` units of something; silent with `--json` or where stderr is not a terminal.
pub fn bar(output: &Output, len: u64, what: &'static str) -> ProgressBar {
    let visible = !output.is_json() && std::io::stderr().is_terminal();
    let target = if visible {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(len), target).with_prefix(what);
    let template = "{prefix} [{bar:32}] {pos}/{len} {msg} ({eta} left)";
    bar.with_style(
        ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> "),
    )
}
