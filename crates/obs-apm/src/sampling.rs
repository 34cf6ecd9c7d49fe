//! Which traces are sampled.

use opentelemetry_sdk::trace::Sampler;

use crate::{environment::Environment, keep::Keep, vars::Vars};

/// The share of traces that is kept in production.
const PRODUCTION: f64 = 0.1;

/// Which traces are sampled, and what is kept besides.
#[derive(Clone, Debug)]
pub(crate) struct Sampling {
    pub(crate) sampler: Sampler,
    pub(crate) keep: Keep,
}

impl Sampling {
    /// `keep`: what the application says.
    pub(crate) fn resolve(
        environment: Environment,
        keep: Option<Keep>,
        vars: &mut Vars<'_>,
    ) -> Self {
        let arg = vars.get("OTEL_TRACES_SAMPLER_ARG");
        let ratio = || {
            let ratio = arg.as_deref().map(|arg| arg.parse::<f64>());
            match ratio {
                None => Some(1.0),
                Some(Ok(ratio)) if (0.0..=1.0).contains(&ratio) => Some(ratio),
                Some(_) => None,
            }
        };
        let allowed = "`always_on`, `always_off`, `traceidratio`, `parentbased_always_on`, `parentbased_always_off` or \
                       `parentbased_traceidratio`";
        let parent = |sampler| Sampler::ParentBased(Box::new(sampler));
        let mut needs_ratio = false;
        let named = vars.read("OTEL_TRACES_SAMPLER", allowed, |name| {
            let mut by_ratio = || {
                needs_ratio = true;
                // What cannot be read counts as not set, as the specification wants it.
                Sampler::TraceIdRatioBased(ratio().unwrap_or(1.0))
            };
            match name {
                "always_on" => Some(Sampler::AlwaysOn),
                "always_off" => Some(Sampler::AlwaysOff),
                "traceidratio" => Some(by_ratio()),
                "parentbased_always_on" => Some(parent(Sampler::AlwaysOn)),
                "parentbased_always_off" => Some(parent(Sampler::AlwaysOff)),
                "parentbased_traceidratio" => Some(parent(by_ratio())),
                _ => None,
            }
        });
        if let (true, None, Some(arg)) = (needs_ratio, ratio(), &arg) {
            vars.overlook(
                "OTEL_TRACES_SAMPLER_ARG",
                arg,
                "a number from 0 to 1 (until then it is 1)",
            );
        }
        let (sampler, by_default) = match (named, environment) {
            (Some(sampler), _) => (sampler, Keep::nothing()),
            (None, Environment::Production) => {
                let sampler = parent(Sampler::TraceIdRatioBased(PRODUCTION));
                (sampler, Keep::default())
            }
            (None, _) => (parent(Sampler::AlwaysOn), Keep::nothing()),
        };
        Self {
            sampler,
            keep: keep.unwrap_or(by_default),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(environment: Environment, vars: &[(&str, &str)]) -> (String, Keep, usize) {
        let lookup = |name: &str| {
            let var = vars.iter().find(|(key, _)| *key == name);
            var.map(|(_, value)| (*value).to_owned())
        };
        let mut vars = Vars::new(&lookup);
        let sampling = Sampling::resolve(environment, None, &mut vars);
        let text = format!("{:?}", sampling.sampler);
        (text, sampling.keep, vars.problems.len())
    }

    #[test]
    fn the_environment_chooses_what_is_kept() {
        let all = ("ParentBased(AlwaysOn)".to_owned(), Keep::nothing(), 0);
        assert_eq!(resolve(Environment::Development, &[]), all);
        assert_eq!(resolve(Environment::Staging, &[]), all);
        let some = "ParentBased(TraceIdRatioBased(0.1))".to_owned();
        let production = resolve(Environment::Production, &[]);
        assert_eq!(production, (some, Keep::default(), 0));
    }

    #[test]
    fn the_samplers_of_the_specification_are_known() {
        for (name, arg, sampler, problems) in [
            ("always_on", "", "AlwaysOn", 0),
            ("always_off", "0.5", "AlwaysOff", 0),
            ("traceidratio", "0.25", "TraceIdRatioBased(0.25)", 0),
            ("traceidratio", "", "TraceIdRatioBased(1.0)", 0),
            ("traceidratio", "2", "TraceIdRatioBased(1.0)", 1),
            ("traceidratio", "NaN", "TraceIdRatioBased(1.0)", 1),
            ("parentbased_always_on", "x", "ParentBased(AlwaysOn)", 0),
            ("parentbased_always_off", "", "ParentBased(AlwaysOff)", 0),
            (
                "parentbased_traceidratio",
                "0",
                "ParentBased(TraceIdRatioBased(0.0))",
                0,
            ),
        ] {
            let vars = [
                ("OTEL_TRACES_SAMPLER", name),
                ("OTEL_TRACES_SAMPLER_ARG", arg),
            ];
            let expected = (sampler.to_owned(), Keep::nothing(), problems);
            assert_eq!(resolve(Environment::Production, &vars), expected, "{name}");
        }
    }
}
