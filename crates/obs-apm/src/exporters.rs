//! Which exporters the variables of the specification ask for.

use crate::vars::Vars;

/// Which exporters are wanted, as far as they are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exporters {
    pub(crate) otlp_traces: bool,
    pub(crate) otlp_metrics: bool,
    pub(crate) prometheus: bool,
    /// `None`: nobody says.
    pub(crate) console: Option<bool>,
}

impl Exporters {
    pub(crate) fn resolve(vars: &mut Vars<'_>) -> Self {
        let traces = list("OTEL_TRACES_EXPORTER", &["otlp", "console", "none"], vars);
        let metrics = list(
            "OTEL_METRICS_EXPORTER",
            &["otlp", "prometheus", "none"],
            vars,
        );
        let asks = |of: &Option<Vec<String>>, name: &str| {
            of.as_ref().map(|names| names.iter().any(|n| n == name))
        };
        Self {
            otlp_traces: asks(&traces, "otlp").unwrap_or(true),
            otlp_metrics: asks(&metrics, "otlp").unwrap_or(true),
            prometheus: asks(&metrics, "prometheus").unwrap_or(true),
            console: asks(&traces, "console"),
        }
    }
}

/// `None`: it is not set, or names nothing that is known.
fn list(name: &str, known: &[&str], vars: &mut Vars<'_>) -> Option<Vec<String>> {
    let value = vars.get(name)?;
    let (good, bad): (Vec<_>, Vec<_>) = value
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(str::to_owned)
        .partition(|entry| known.contains(&entry.as_str()));
    for entry in bad {
        vars.overlook(name, &entry, &format!("a list of `{}`", known.join("`, `")));
    }
    (!good.is_empty()).then_some(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(vars: &[(&str, &str)]) -> (Exporters, usize) {
        let lookup = |name: &str| {
            let var = vars.iter().find(|(key, _)| *key == name);
            var.map(|(_, value)| (*value).to_owned())
        };
        let mut vars = Vars::new(&lookup);
        (Exporters::resolve(&mut vars), vars.problems.len())
    }

    #[test]
    fn all_are_wanted_until_somebody_chooses() {
        let all = Exporters {
            otlp_traces: true,
            otlp_metrics: true,
            prometheus: true,
            console: None,
        };
        assert_eq!(resolve(&[]), (all, 0));
        assert_eq!(resolve(&[("OTEL_TRACES_EXPORTER", "zipkin")]), (all, 1));
        let vars = [
            ("OTEL_TRACES_EXPORTER", "console"),
            ("OTEL_METRICS_EXPORTER", "otlp, statsd"),
        ];
        let chosen = Exporters {
            otlp_traces: false,
            otlp_metrics: true,
            prometheus: false,
            console: Some(true),
        };
        assert_eq!(resolve(&vars), (chosen, 1));
        let vars = [
            ("OTEL_TRACES_EXPORTER", "none"),
            ("OTEL_METRICS_EXPORTER", "none"),
        ];
        let none = Exporters {
            otlp_traces: false,
            otlp_metrics: false,
            prometheus: false,
            console: Some(false),
        };
        assert_eq!(resolve(&vars), (none, 0));
    }
}
