//! The one place where layers show what they count.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use obs_core::Usd;
use opentelemetry::{KeyValue, global, metrics::Meter};

use crate::{
    Histogram,
    source::{Share, Sources},
};

/// The instrumentation scope of [`Metrics::global`].
pub const SCOPE: &str = "obs";

static GLOBAL: OnceLock<Metrics> = OnceLock::new();

/// Where layers show what they count. Clones are one and the same.
///
/// A name is one instrument, made when it is first used: the description, unit and bounds given then stand. Use one kind of
/// instrument for a name.
#[derive(Clone, Debug)]
pub struct Metrics(Option<Arc<Families>>);

#[derive(Debug)]
struct Families {
    meter: Meter,
    names: Mutex<Names>,
}

#[derive(Debug, Default)]
struct Names {
    counters: BTreeMap<&'static str, Arc<Sources<u64>>>,
    usd: BTreeMap<&'static str, Arc<Sources<Usd>>>,
    ratios: BTreeMap<&'static str, Arc<Sources<Share>>>,
    means: BTreeMap<&'static str, Arc<Sources<Share>>>,
    levels: BTreeMap<&'static str, Arc<Sources<i64>>>,
    histograms: BTreeMap<&'static str, Histogram>,
}

impl Metrics {
    /// Exports through this meter. Make one for a meter, and clone it: two would hide each other's counters.
    #[must_use]
    pub fn new(meter: Meter) -> Self {
        Self(Some(Arc::new(Families {
            meter,
            names: Mutex::default(),
        })))
    }

    /// Exports nothing: no instruments, and [`is_enabled`](Self::is_enabled) tells layers to read no clocks. Ledgers count on.
    #[must_use]
    pub const fn disabled() -> Self {
        Self(None)
    }

    /// That of the process: set by [`set_global`](Self::set_global), or made now on the global meter provider of
    /// OpenTelemetry, with the scope [`SCOPE`]. Set up telemetry before the first layer is made: what was made earlier stays
    /// with the provider of that time.
    #[must_use]
    pub fn global() -> Self {
        GLOBAL
            .get_or_init(|| Self::new(global::meter(SCOPE)))
            .clone()
    }

    /// Sets that of the process, for whoever sets up telemetry.
    ///
    /// # Errors
    ///
    /// The one that is there already, because it was set before, or a layer has asked for it. It stays.
    pub fn set_global(metrics: Self) -> Result<(), Self> {
        GLOBAL.set(metrics).map_err(|_| Self::global())
    }

    /// `false`: nothing is exported, and nobody need measure time.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.0.is_some()
    }

    /// Exports a ledger of counts that only grow. `name` is the whole name, `_total` included.
    ///
    /// `source` tells each label set with its value, zeros too, whenever metrics are collected. It should be quick, must not
    /// use this `Metrics`, and lives as long as it.
    pub fn counter(
        &self,
        name: &'static str,
        description: &'static str,
        source: impl Fn(&mut dyn FnMut(&[KeyValue], u64)) + Send + Sync + 'static,
    ) {
        self.counter_of("", name, description, source);
    }

    /// As [`counter`](Self::counter), of things with a unit: one in braces, such as `{token}`, which no name in Prometheus
    /// shows.
    pub fn counter_of(
        &self,
        unit: &'static str,
        name: &'static str,
        description: &'static str,
        source: impl Fn(&mut dyn FnMut(&[KeyValue], u64)) + Send + Sync + 'static,
    ) {
        let Some(families) = &self.0 else { return };
        let mut names = families.names();
        let sources = names.counters.entry(name).or_insert_with(|| {
            let sources = Arc::<Sources<u64>>::default();
            let all = sources.clone();
            let builder = families.meter.u64_observable_counter(name);
            let builder = match unit {
                "" => builder,
                unit => builder.with_unit(unit),
            };
            builder
                .with_description(description)
                .with_callback(move |out| all.sum(|labels, n| out.observe(n, labels)))
                .build();
            sources
        });
        sources.add(Arc::new(source));
    }

    /// Exports an exact ledger of money that only grows, as a counter in dollars; else as [`counter`](Self::counter).
    pub fn usd(
        &self,
        name: &'static str,
        description: &'static str,
        source: impl Fn(&mut dyn FnMut(&[KeyValue], Usd)) + Send + Sync + 'static,
    ) {
        let Some(families) = &self.0 else { return };
        let mut names = families.names();
        let sources = names.usd.entry(name).or_insert_with(|| {
            let sources = Arc::<Sources<Usd>>::default();
            let all = sources.clone();
            let builder = families.meter.f64_observable_counter(name);
            builder
                .with_unit("{USD}")
                .with_description(description)
                .with_callback(move |out| {
                    all.sum(|labels, sum| out.observe(sum.as_dollars_f64(), labels));
                })
                .build();
            sources
        });
        sources.add(Arc::new(source));
    }

    /// Exports how many of how many, as a gauge from 0 to 1: `source` tells the part, then the whole.
    ///
    /// Parts and wholes of all sources are summed, then divided. While the whole is zero there is no sample: a hit rate of
    /// zero before the first look-up would be a lie, and would raise alarms.
    pub fn ratio(
        &self,
        name: &'static str,
        description: &'static str,
        source: impl Fn(&mut dyn FnMut(&[KeyValue], u64, u64)) + Send + Sync + 'static,
    ) {
        let Some(families) = &self.0 else { return };
        let mut names = families.names();
        let sources = names.ratios.entry(name).or_insert_with(|| {
            let sources = Arc::<Sources<Share>>::default();
            let all = sources.clone();
            let builder = families.meter.f64_observable_gauge(name);
            builder
                .with_description(description)
                .with_callback(move |out| {
                    all.sum(|labels, share| {
                        if let Some(ratio) = share.ratio() {
                            out.observe(ratio, labels);
                        }
                    });
                })
                .build();
            sources
        });
        sources.add(Arc::new(move |tell: &mut dyn FnMut(&[KeyValue], Share)| {
            source(&mut |labels, part, whole| tell(labels, Share { part, whole }));
        }));
    }

    /// Exports a mean of quantities that are no shares, such as seconds, as a gauge: `source` tells the sum, then by how much it is
    /// to be divided. Sums and divisors of all sources are summed, then divided; else as [`ratio`](Self::ratio).
    pub fn mean(
        &self,
        name: &'static str,
        description: &'static str,
        source: impl Fn(&mut dyn FnMut(&[KeyValue], u64, u64)) + Send + Sync + 'static,
    ) {
        let Some(families) = &self.0 else { return };
        let mut names = families.names();
        let sources = names.means.entry(name).or_insert_with(|| {
            let sources = Arc::<Sources<Share>>::default();
            let all = sources.clone();
            let builder = families.meter.f64_observable_gauge(name);
            builder
                .with_description(description)
                .with_callback(move |out| {
                    all.sum(|labels, share| {
                        if let Some(mean) = share.mean() {
                            out.observe(mean, labels);
                        }
                    });
                })
                .build();
            sources
        });
        sources.add(Arc::new(move |tell: &mut dyn FnMut(&[KeyValue], Share)| {
            source(&mut |labels, part, whole| tell(labels, Share { part, whole }));
        }));
    }

    /// Exports levels that go up and down (in flight, open, held), as a gauge of their sum; else as [`counter`](Self::counter).
    pub fn up_down(
        &self,
        name: &'static str,
        description: &'static str,
        source: impl Fn(&mut dyn FnMut(&[KeyValue], i64)) + Send + Sync + 'static,
    ) {
        let Some(families) = &self.0 else { return };
        let mut names = families.names();
        let sources = names.levels.entry(name).or_insert_with(|| {
            let sources = Arc::<Sources<i64>>::default();
            let all = sources.clone();
            let builder = families.meter.i64_observable_up_down_counter(name);
            builder
                .with_description(description)
                .with_callback(move |out| all.sum(|labels, n| out.observe(n, labels)))
                .build();
            sources
        });
        sources.add(Arc::new(source));
    }

    /// A distribution. With the unit `s` Prometheus sees the name with `_seconds` after it. `boundaries` are the upper bounds
    /// of the buckets in that unit, ascending; those given first for a name stand.
    #[must_use]
    pub fn histogram(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        boundaries: &[f64],
    ) -> Histogram {
        let Some(families) = &self.0 else {
            return Histogram::default();
        };
        let mut names = families.names();
        let histogram = names.histograms.entry(name).or_insert_with(|| {
            let builder = families.meter.f64_histogram(name);
            let builder = builder.with_unit(unit).with_description(description);
            Histogram(Some(builder.with_boundaries(boundaries.to_vec()).build()))
        });
        histogram.clone()
    }
}

impl Families {
    /// Held while an instrument is made, which may wait for a collection to end. So callbacks must not take it, and do not.
    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
