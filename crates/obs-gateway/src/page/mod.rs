//! The page at the port of the metrics: what happens now, with no other program and no network.
mod document;
mod history;
mod seen;

use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use bytes::Bytes;
use obs_apm::Telemetry;
use tokio::time::Instant;

use self::{document::Document, seen::Seen};
pub(crate) use self::{
    history::LEFT,
    seen::{Ended, Step},
};
use crate::{clock::WallClock, settings::Settings, stack::Figures};

/// The whole page in one file: nothing is loaded from anywhere.
static HTML: LazyLock<Bytes> = LazyLock::new(|| {
    let style = |css: &str| format!("<style>{css}</style>");
    let script = |js: &str| format!("<script>{js}</script>");
    let parts = [
        (
            "<link rel=\"stylesheet\" href=\"uplot/uPlot.min.css\">",
            style(include_str!("uplot/uPlot.min.css")),
        ),
        (
            "<link rel=\"stylesheet\" href=\"page.css\">",
            style(include_str!("page.css")),
        ),
        (
            "<script src=\"uplot/uPlot.iife.min.js\"></script>",
            script(include_str!("uplot/uPlot.iife.min.js")),
        ),
        (
            "<script src=\"page.js\"></script>",
            script(include_str!("page.js")),
        ),
    ];
    let html = include_str!("page.html").to_owned();
    let put_in = |html: String, (tag, part): (&str, String)| html.replacen(tag, &part, 1);
    parts.into_iter().fold(html, put_in).into()
});

/// What is shown of one gateway.
#[derive(Debug)]
pub(crate) struct Page {
    of: RwLock<(Settings, Figures)>,
    telemetry: Telemetry,
    clock: WallClock,
    start: Instant,
    seen: Seen,
}

impl Page {
    pub(crate) fn new(
        settings: &Settings,
        figures: Figures,
        telemetry: &Telemetry,
        clock: &WallClock,
    ) -> Arc<Self> {
        let start = Instant::now();
        Arc::new(Self {
            of: RwLock::new((settings.clone(), figures)),
            telemetry: telemetry.clone(),
            clock: clock.clone(),
            start,
            seen: Seen::new(start),
        })
    }

    /// Shows it where metrics are scraped, for as long as the gateway is there.
    pub(crate) fn mount(self: &Arc<Self>) {
        const HTML_TYPE: &str = "text/html; charset=utf-8";
        self.telemetry.page("/", HTML_TYPE, || HTML.clone());
        // The layers know the telemetry, which must not keep them in turn.
        let page = Arc::downgrade(self);
        let live = move || match page.upgrade() {
            Some(page) => page.document().into(),
            None => Bytes::from_static(b"{}"),
        };
        self.telemetry.page("/live.json", "application/json", live);
    }

    /// Shows these from now on. What was seen stays.
    pub(crate) fn replace(&self, settings: &Settings, figures: Figures) {
        let mut of = self.of.write().unwrap_or_else(PoisonError::into_inner);
        *of = (settings.clone(), figures);
    }

    /// A call has ended.
    pub(crate) fn note(&self, call: Ended) {
        self.seen.note(Instant::now(), call);
    }

    fn document(&self) -> String {
        let now = Instant::now();
        let of = self.of.read().unwrap_or_else(PoisonError::into_inner);
        let document = Document {
            settings: &of.0,
            figures: &of.1,
            problems: self.telemetry.status(),
            now: self.clock.unix(),
            up: now.saturating_duration_since(self.start),
        };
        self.seen.with(now, |seen| document.write(seen).to_string())
    }
}
