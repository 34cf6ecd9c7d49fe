//! What lasts while settings change, and what is made of them.
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use obs_apm::Telemetry;
use obs_budget::Budgets;
use obs_core::Background;

use crate::{
    app::{App, Recent, Room},
    build_error::BuildError,
    call_id::CallIds,
    clock::WallClock,
    counts::Counts,
    keys::Keys,
    limits,
    live::Now,
    outcomes::Outcomes,
    page::Page,
    serve::tls::Tls,
    settings::Settings,
    stack::Stacks,
};

/// What one gateway has from its start to its end.
#[derive(Debug)]
pub(crate) struct Lasting {
    pub(crate) telemetry: Telemetry,
    pub(crate) background: Background,
    pub(crate) clock: WallClock,
    pub(crate) counts: Arc<Counts>,
    pub(crate) calls: CallIds,
    /// The last calls, for the operator.
    pub(crate) recent: Recent,
    /// Made with the first stack.
    page: OnceLock<Arc<Page>>,
    /// What limits have learned.
    learned: limits::Learned,
    /// Made with the first key.
    budgets: OnceLock<Budgets>,
    draining: AtomicBool,
}

impl Lasting {
    pub(crate) fn new(telemetry: Telemetry, background: Background, clock: WallClock) -> Self {
        Self {
            counts: Counts::new(&telemetry.metrics()),
            calls: CallIds::new(),
            recent: Recent::default(),
            learned: limits::Learned::new(&telemetry.metrics()),
            page: OnceLock::new(),
            budgets: OnceLock::new(),
            draining: AtomicBool::new(false),
            telemetry,
            background,
            clock,
        }
    }

    /// What answers by these settings. What they have in common with those of before is kept.
    pub(crate) fn make(
        self: &Arc<Self>,
        settings: Settings,
        before: Option<&Now>,
    ) -> Result<Now, BuildError> {
        let tls = Tls::of(&settings.server)?;
        let stacks = before.map(|before| (&*before.settings, before.app.stacks()));
        // The log of calls has one writer, and what was learned is in one place.
        let outcomes = match before {
            Some(before) => before.app.stacks().outcomes.clone(),
            None => Outcomes::new(&settings, &self.telemetry, &self.clock, &self.background)?,
        };
        let stacks = Stacks::new(
            &settings,
            &self.telemetry,
            &self.clock,
            &self.background,
            &outcomes,
            stacks,
        )?;
        let room = Room::new(&settings, before.map(|before| before.app.room()));
        let keys = (!settings.keys.is_empty()).then(|| {
            let budgets = self
                .budgets
                .get_or_init(|| stacks.key_budgets(&self.telemetry, &self.clock, &self.background));
            Keys::new(&settings, budgets, &self.clock)
        });
        let page = self.page.get_or_init(|| {
            let figures = stacks.figures.clone();
            let page = Page::new(&settings, figures, &self.telemetry, &self.clock);
            page.mount();
            page
        });
        let app = App::new(&settings, stacks, self.clone(), page.clone(), keys, room);
        Ok(Now::new(settings, app, tls))
    }

    /// These are in force from now on.
    pub(crate) fn show(&self, now: &Now) {
        self.counts.settings(self.clock.now());
        let stacks = now.app.stacks();
        stacks.spending.settle(&now.settings);
        self.learned.show(&stacks.figures.limits);
        if let Some(page) = self.page.get() {
            page.replace(&now.settings, now.app.stacks().figures.clone());
        }
    }

    /// From now on the gateway says that it is not ready.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Relaxed)
    }
}
