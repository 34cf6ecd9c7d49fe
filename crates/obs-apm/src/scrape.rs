//! Metrics as Prometheus reads them.

use opentelemetry_prometheus::PrometheusExporter;
use prometheus::{
    Registry, TextEncoder,
    proto::{MetricFamily, MetricType},
};

/// Metrics as Prometheus reads them. Clones show the same metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrape(Registry);

impl Scrape {
    /// The content type of what [`render`](Self::render) gives.
    pub(crate) const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

    /// The reader that fills it.
    ///
    /// Names come out as they are, with the unit after them: counters carry their whole name. Neither resource nor scope is a
    /// label.
    pub(crate) fn reader(&self) -> Result<PrometheusExporter, String> {
        opentelemetry_prometheus::exporter()
            .with_registry(self.0.clone())
            .without_counter_suffixes()
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .map_err(|error| error.to_string())
    }

    /// All metrics in the text format of Prometheus, and nothing where that cannot be done.
    pub(crate) fn render(&self) -> String {
        let mut families = self.0.gather();
        for family in &mut families {
            total(family);
        }
        TextEncoder::new()
            .encode_to_string(&families)
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "metrics could not be written");
                String::new()
            })
    }
}

/// Counters of the conventions have no suffix in their names, and Prometheus wants one. Our own bring theirs along.
fn total(family: &mut MetricFamily) {
    let name = family.name();
    let bare = name.starts_with("gen_ai_") && !name.ends_with("_total");
    if bare && family.get_field_type() == MetricType::COUNTER {
        let name = format!("{name}_total");
        family.set_name(name);
    }
}
