//! What happens to the requests for a model.
use std::{fmt, str::FromStr, sync::Arc};

use thiserror::Error;

use crate::{
    faults::{self, Fault},
    lasting::Lasting,
    pace::Pace,
    reply::Reply,
    visit::Visit,
};

/// What happens to the requests for a model, one after the other.
///
/// A name is one: `"503".parse()`, see [`FAMILIES`](crate::FAMILIES) for all of them. What follows it says how long the
/// fault lasts, until the model is healthy: `503-once`, `503-twice`, `503-x5`, `503-for-60s` (since the first request),
/// and `503-forever`, which is the same as `503`. Whatever follows an `@` is only there to keep two users apart.
///
/// ```
/// use fault_server::{Reply, Script};
///
/// let down_then_slow = Script::sequence(["reset".parse()?, "slow-first-token".parse()?, Script::healthy()]);
/// let each_second_one_fails = Script::new(|visit| match visit.number % 2 {
///     0 => Reply::healthy(visit),
///     _ => Reply::error(500, "server_error", None, "not this time"),
/// });
/// # Ok::<_, fault_server::UnknownFault>(())
/// ```
#[derive(Clone)]
pub struct Script {
    label: Arc<str>,
    play: Arc<dyn Fn(&Visit<'_>) -> Reply + Send + Sync>,
}

/// There is no fault of this name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("no fault is named `{name}`{}; `fault-server --list` and `GET /_faults` tell them all", hint(.nearest))]
pub struct UnknownFault {
    name: String,
    nearest: Option<&'static str>,
}

impl Script {
    /// Asks for each request. A panic ends the connection.
    #[must_use]
    pub fn new(play: impl Fn(&Visit<'_>) -> Reply + Send + Sync + 'static) -> Self {
        Self::labelled("script", play)
    }

    /// The right answer to each request.
    #[must_use]
    pub fn healthy() -> Self {
        Self::labelled("ok", Reply::healthy)
    }

    /// A script for each request, and the last one for all that come after.
    ///
    /// Each begins when its turn comes: for it, its first request is number zero, and a time (`503-for-60s`) runs
    /// from the first request of the whole sequence.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn sequence(scripts: impl IntoIterator<Item = Self>) -> Self {
        let scripts: Vec<Self> = scripts.into_iter().collect();
        assert!(!scripts.is_empty(), "a sequence has at least one script");
        Self::labelled("sequence", move |visit| {
            let turn = visit.number.min(scripts.len() - 1);
            let number = visit.number - turn;
            scripts[turn].play(&Visit { number, ..*visit })
        })
    }

    /// The same, but healthy answers are given in this way: a model may be slower than the others.
    #[must_use]
    pub fn pace(self, pace: Pace) -> Self {
        let label = Arc::clone(&self.label);
        Self::labelled(&label, move |visit| self.play(&Visit { pace, ..*visit }))
    }

    /// Its name: that of the fault, `ok`, `sequence` or `script`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What to do with this request.
    pub fn play(&self, visit: &Visit<'_>) -> Reply {
        (self.play)(visit)
    }

    fn labelled(label: &str, play: impl Fn(&Visit<'_>) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            label: label.into(),
            play: Arc::new(play),
        }
    }
}

impl FromStr for Script {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let bare = name.split_once('@').map_or(name, |(bare, _)| bare);
        let (fault, lasting) = find(bare).ok_or_else(|| UnknownFault::new(bare))?;
        Ok(Self::labelled(name, move |visit| {
            match lasting.holds(visit) {
                true => fault.reply(&Visit {
                    passes: lasting != Lasting::Forever,
                    ..*visit
                }),
                false => Reply::healthy(visit),
            }
        }))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Script").field(&self.label).finish()
    }
}

impl UnknownFault {
    fn new(name: &str) -> Self {
        let near = |fault: &Fault| {
            (
                strsim::damerau_levenshtein(fault.name(), name),
                fault.name(),
            )
        };
        let begun = |fault: &&Fault| {
            name.strip_prefix(fault.name())
                .is_some_and(|rest| rest.starts_with('-'))
        };
        let longest = faults::all()
            .filter(begun)
            .map(Fault::name)
            .max_by_key(|name| name.len());
        let nearest = || {
            faults::all()
                .map(near)
                .min()
                .filter(|(distance, _)| *distance <= 3)
        };
        Self {
            name: name.into(),
            nearest: longest.or_else(|| nearest().map(|(_, name)| name)),
        }
    }
}

/// The fault and how long it lasts. Names have hyphens, so that each may be where the suffix begins.
fn find(name: &str) -> Option<(&'static Fault, Lasting)> {
    if let Some(fault) = faults::find(name) {
        return Some((fault, Lasting::Forever));
    }
    name.match_indices('-').find_map(|(at, _)| {
        let lasting = Lasting::parse(&name[at + 1..])?;
        Some((faults::find(&name[..at])?, lasting))
    })
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest
        .map(|name| format!(", did you mean `{name}`?"))
        .unwrap_or_default()
}
