//! Bars on a terminal; elsewhere nothing.
use indicatif::{ProgressBar, ProgressStyle};

/// How much of a file was read.
pub(super) fn bytes(what: &'static str, total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    styled(
        bar,
        what,
        "{msg:10} [{bar:40}] {bytes} of {total_bytes}, {eta} left",
    )
}

/// How many steps are done.
pub(super) fn steps(what: &'static str) -> ProgressBar {
    styled(
        ProgressBar::no_length(),
        what,
        "{msg:10} [{bar:40}] {pos} of {len}, {eta} left",
    )
}

fn styled(bar: ProgressBar, what: &'static str, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    let bar = bar.with_message(what);
    match style {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
