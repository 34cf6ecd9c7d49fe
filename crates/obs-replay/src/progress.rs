//! How far a long piece of work is.
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on the terminal, at standard error; nothing where that is none. It goes when it is dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// For this piece of work.
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        let bar = ProgressBar::new(1);
        // The template is good; were it not, the bar would look plainer.
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent} % {eta}") {
            bar.set_style(style);
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// So much of so much is done.
    pub fn set(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
