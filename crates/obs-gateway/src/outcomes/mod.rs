//! What became of calls: the log of them, what somebody says of an answer later, and the model that learns from it.
mod calls;
mod keeping;
pub(crate) mod learned;
pub(crate) mod money;
mod showing;
pub(crate) mod verdicts;

use std::{sync::Arc, time::Duration};

use obs_apm::Telemetry;
use obs_core::{Background, LlmRequest, LlmResponse};
use obs_ledger::{Feedback, LedgerLayer, LogFile, Record, Sink, Writer};
use opentelemetry::KeyValue;
use tower::{Layer, util::BoxCloneSyncService};

pub(crate) use self::calls::Whose;
use self::{
    calls::Calls,
    learned::Learning,
    verdicts::{By, Verdicts},
};
use crate::{
    boxed::Stack,
    build_error::BuildError,
    clock::WallClock,
    hashing::secret,
    settings::{Log, Settings},
};

/// What became of calls.
#[derive(Debug)]
pub(crate) struct Outcomes {
    /// Makes the entries, where anybody wants them.
    layer: Option<LedgerLayer>,
    log: Option<Writer>,
    calls: Arc<Calls>,
    verdicts: Arc<Verdicts>,
    learning: Option<Arc<Learning>>,
    /// Whether the log may hold what callers write.
    keeps_text: bool,
    clock: WallClock,
}

/// Those who hear of every call.
struct Heard {
    log: Option<Writer>,
    calls: Arc<Calls>,
    learning: Option<Arc<Learning>>,
}

impl Outcomes {
    pub(crate) fn new(
        settings: &Settings,
        telemetry: &Telemetry,
        clock: &WallClock,
        background: &Background,
    ) -> Result<Arc<Self>, BuildError> {
        let log = match &settings.log.file {
            Some(_) => Some(open(&settings.log)?),
            None => None,
        };
        if let Some(log) = &log {
            show(log, telemetry);
        }
        let calls = Arc::new(Calls::default());
        let verdicts = Arc::new(Verdicts::default());
        verdicts.show(telemetry);
        let learning = Learning::new(settings, telemetry, &calls, clock, background)?;
        let wanted = log.is_some() || learning.is_some();
        let layer = wanted.then(|| {
            let heard = Heard {
                log: log.clone(),
                calls: calls.clone(),
                learning: learning.clone(),
            };
            let clock = clock.clone();
            let layer = LedgerLayer::new(heard).wall_clock(move || clock.now());
            let layer = match secret(settings) {
                Some(secret) => layer.secret(secret),
                None => layer,
            };
            let layer = match settings.log.prompts {
                true => layer.prompts(),
                false => layer,
            };
            match settings.log.answers {
                true => layer.answers(),
                false => layer,
            }
        });
        Ok(Arc::new(Self {
            layer,
            log,
            calls,
            verdicts,
            learning,
            keeps_text: settings.log.prompts,
            clock: clock.clone(),
        }))
    }

    /// Puts what makes entries around all layers of requests in this format, where anybody wants entries.
    pub(crate) fn around<R, Res>(&self, format: &'static str, stack: Stack<R, Res>) -> Stack<R, Res>
    where
        R: LlmRequest + Send + 'static,
        Res: LlmResponse + Send + 'static,
    {
        match &self.layer {
            Some(layer) => {
                let layer = layer.clone().format(format);
                BoxCloneSyncService::new(layer.layer(stack))
            }
            None => stack,
        }
    }

    /// The same for requests that are passed on as they are, and of which nobody knows what they cost.
    pub(crate) fn around_unmetered<R, Res>(&self, stack: Stack<R, Res>) -> Stack<R, Res>
    where
        R: LlmRequest + Send + 'static,
        Res: LlmResponse + Send + 'static,
    {
        match &self.layer {
            Some(layer) => BoxCloneSyncService::new(layer.clone().unmetered().layer(stack)),
            None => stack,
        }
    }

    /// The model that decides, if one does.
    pub(crate) fn learning(&self) -> Option<&Arc<Learning>> {
        self.learning.as_ref()
    }

    /// What was said of answers.
    pub(crate) fn verdicts(&self) -> &Arc<Verdicts> {
        &self.verdicts
    }

    /// Whether feedback is of any use here.
    pub(crate) fn wants_feedback(&self) -> bool {
        self.log.is_some() || self.learning.is_some()
    }

    /// Whether the log may hold what callers write.
    pub(crate) fn keeps_text(&self) -> bool {
        self.keeps_text
    }

    /// This call is this tenant's.
    pub(crate) fn begins(&self, call: &Arc<str>, tenant: Option<&Arc<str>>) {
        if self.wants_feedback() {
            self.calls.begins(call, tenant);
        }
    }

    /// Whose call that is.
    pub(crate) fn whose(&self, call: &str, tenant: &str) -> Whose {
        self.calls.whose(call, tenant)
    }

    /// Somebody says how good the answer of a call was.
    pub(crate) fn feedback(&self, feedback: Feedback) {
        if let (Some(quality), Some(route)) =
            (feedback.quality(), self.calls.judged(&feedback.feedback))
        {
            self.verdicts.add(&route, By::Caller, quality);
        }
        if let Some(learning) = &self.learning {
            learning.feedback(&feedback);
        }
        if let (Some(layer), Some(_)) = (&self.layer, &self.log) {
            layer.feedback(feedback);
        }
    }

    /// The answers of two routes to a call were compared, and found as good as this, from 0 to 1.
    pub(crate) fn compared(
        &self,
        call: &Arc<str>,
        cheap: (&Arc<str>, f32),
        better: (&Arc<str>, f32),
    ) {
        for (route, quality) in [cheap, better] {
            self.verdicts.add(route, By::Comparison, quality);
        }
        if let Some(learning) = &self.learning {
            learning.compared(call, better.1 - cheap.1);
        }
        let (Some(layer), Some(_)) = (&self.layer, &self.log) else {
            return;
        };
        for (route, score) in [cheap, better] {
            let mut feedback = Feedback::new(call.clone(), score);
            feedback.time = self.now();
            feedback.route = Some(route.clone());
            feedback.by = Some("shadow".into());
            layer.feedback(feedback);
        }
    }

    /// In milliseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        (self.clock.unix() * 1000.0) as u64
    }

    /// Writes what is still in memory, and **blocks** for as long. `false`: it could not be written in time.
    pub(crate) fn finish(&self, limit: Duration) -> bool {
        if let Some(layer) = &self.layer {
            layer.settle();
        }
        if let Some(learning) = &self.learning {
            learning.write();
        }
        self.log.as_ref().is_none_or(|log| log.flush(limit))
    }
}

impl Sink for Heard {
    fn record(&self, record: Record) {
        if let Record::Call(entry) = &record {
            if let Some(route) = &entry.route {
                self.calls.answered(&entry.call, route);
            }
            if let Some(learning) = &self.learning {
                learning.ended(entry);
            }
        }
        if let Some(log) = &self.log {
            log.write(record);
        }
    }
}

fn open(of: &Log) -> Result<Writer, BuildError> {
    let path = of.file.clone().unwrap_or_default();
    let shown = path.display().to_string();
    let file = LogFile::new(path)
        .max_bytes(of.max_bytes as u64)
        .files(of.files.max(1));
    let opened = file.open();
    opened.map_err(|error| BuildError::new(format!("log.file: {shown} cannot be written: {error}")))
}

/// What was written, and what was lost.
fn show(log: &Writer, telemetry: &Telemetry) {
    let of = log.clone();
    let what = "Entries of the log of calls, by what became of them.";
    telemetry
        .metrics()
        .counter("gateway_log_entries_total", what, move |tell| {
            let of = of.stats();
            for (outcome, count) in [
                ("written", of.written),
                ("dropped", of.dropped),
                ("failed", of.failed),
            ] {
                tell(&[KeyValue::new("outcome", outcome)], count);
            }
        });
}
