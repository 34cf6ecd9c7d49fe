//! What is in force: the configuration, over the environment, over defaults.

use std::net::{IpAddr, Ipv4Addr};

use opentelemetry::KeyValue;
use opentelemetry_sdk::{Resource, resource::TelemetryResourceDetector};

use crate::{
    batch::Batch,
    config::{Config, Listen},
    conventions::Conventions,
    environment::Environment,
    export::Signal,
    exporters::Exporters,
    otlp::Otlp,
    propagation::Formats,
    sampling::Sampling,
    vars::{Show, Vars, switch},
};

/// The port that the specification gives to Prometheus exporters.
const PORT: u16 = 9464;

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) enabled: bool,
    pub(crate) environment: Environment,
    pub(crate) service_version: Option<String>,
    pub(crate) resource: Resource,
    pub(crate) listen: Option<Address>,
    pub(crate) sampling: Sampling,
    pub(crate) exporters: Exporters,
    pub(crate) otlp: Otlp,
    pub(crate) batch: Batch,
    pub(crate) formats: Formats,
    pub(crate) conventions: Conventions,
}

/// Where to listen: a name is looked up when it is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Settings {
    pub(crate) fn resolve(config: &Config, vars: &mut Vars<'_>) -> Self {
        let enabled = !config.disabled && enabled(vars);
        let environment = config.environment.unwrap_or_else(|| environment(vars));
        let exporters = Exporters::resolve(vars);
        let listen = match config.listen {
            Some(Listen::Nowhere) => None,
            Some(Listen::At(address)) => Some(Address {
                host: address.ip().to_string(),
                port: address.port(),
            }),
            None => Some(address(vars)).filter(|_| exporters.prometheus),
        };
        let otlp = Otlp::resolve(
            config.otlp.as_deref(),
            |signal| match signal {
                Signal::Traces => exporters.otlp_traces,
                Signal::Metrics => exporters.otlp_metrics,
            },
            vars,
        );
        let opt_in = vars.get("OTEL_SEMCONV_STABILITY_OPT_IN");
        let opt_in = opt_in.map_or_else(Conventions::default, |list| Conventions::parse(&list));
        let attributes = attributes(config, environment, vars);
        let version = attributes.iter().rev();
        let version = version
            .filter(|attribute| attribute.key.as_str() == "service.version")
            .map(|attribute| attribute.value.to_string());
        Self {
            enabled,
            environment,
            service_version: version.into_iter().next(),
            resource: Resource::builder_empty()
                .with_detector(Box::new(TelemetryResourceDetector))
                .with_attributes(attributes)
                .build(),
            listen,
            sampling: Sampling::resolve(environment, config.keep, vars),
            exporters,
            otlp,
            batch: Batch::resolve(vars),
            formats: Formats::resolve(vars),
            conventions: config.conventions.unwrap_or(opt_in),
        }
    }
}

fn enabled(vars: &mut Vars<'_>) -> bool {
    let wanted = vars.read("ENABLE_APM", "`true` or `false`", switch);
    let disabled = vars.read("OTEL_SDK_DISABLED", "`true` or `false`", switch);
    wanted.unwrap_or(true) && !disabled.unwrap_or(false)
}

fn environment(vars: &mut Vars<'_>) -> Environment {
    let allowed = "`development`, `staging` or `production` (until then it counts as `production`)";
    match vars.get("ENVIRONMENT") {
        None => Environment::Development,
        // Who names it deploys: what is right for an unknown place is what is right in earnest.
        Some(_) => vars
            .read("ENVIRONMENT", allowed, Environment::parse)
            .unwrap_or(Environment::Production),
    }
}

fn address(vars: &mut Vars<'_>) -> Address {
    let host = vars.get("OTEL_EXPORTER_PROMETHEUS_HOST");
    let host = host.unwrap_or_else(|| "localhost".to_owned());
    let allowed = format!("a port from 0 to 65535 (until then it is {PORT})");
    let port = vars.read("OTEL_EXPORTER_PROMETHEUS_PORT", &allowed, |port| {
        port.parse().ok()
    });
    Address {
        // It may stand for ::1 first, where nobody looks for it.
        host: if host == "localhost" {
            IpAddr::V4(Ipv4Addr::LOCALHOST).to_string()
        } else {
            host
        },
        port: port.unwrap_or(PORT),
    }
}

/// Later ones stand over earlier ones of the same name.
fn attributes(config: &Config, environment: Environment, vars: &mut Vars<'_>) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("service.name", "unknown_service"),
        KeyValue::new("deployment.environment.name", environment.as_str()),
    ];
    for (key, value) in vars.pairs("OTEL_RESOURCE_ATTRIBUTES", Show::Value) {
        attributes.push(KeyValue::new(key, value));
    }
    let name = config.service_name.clone();
    if let Some(name) = name.or_else(|| vars.get("OTEL_SERVICE_NAME")) {
        attributes.push(KeyValue::new("service.name", name));
    }
    if let Some(version) = config.service_version.clone() {
        attributes.push(KeyValue::new("service.version", version));
    }
    attributes
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;
    use crate::status::Degraded;

    fn resolve(config: Config, vars: &[(&str, &str)]) -> (Settings, Vec<Degraded>) {
        let lookup = |name: &str| {
            let var = vars.iter().find(|(key, _)| *key == name);
            var.map(|(_, value)| (*value).to_owned())
        };
        let mut read = Vars::new(&lookup);
        let settings = Settings::resolve(&config, &mut read);
        (settings, read.problems)
    }

    fn attribute(settings: &Settings, key: &'static str) -> Option<String> {
        let value = settings.resource.get(&Key::new(key));
        value.map(|value| value.to_string())
    }

    #[test]
    fn an_empty_environment_gives_the_defaults() {
        for vars in [&[][..], &[("ENVIRONMENT", " "), ("ENABLE_APM", "")][..]] {
            let (settings, problems) = resolve(Config::new(), vars);
            assert!(settings.enabled);
            assert_eq!(settings.environment, Environment::Development);
            let address = settings.listen.as_ref().expect("there is a listener");
            assert_eq!((address.host.as_str(), address.port), ("127.0.0.1", 9464));
            let name = attribute(&settings, "service.name");
            assert_eq!(name.as_deref(), Some("unknown_service"));
            assert_eq!(problems, []);
        }
    }

    #[test]
    fn variables_are_obeyed() {
        let (settings, problems) = resolve(
            Config::new(),
            &[
                ("ENVIRONMENT", "Staging"),
                ("OTEL_SERVICE_NAME", "answers"),
                (
                    "OTEL_RESOURCE_ATTRIBUTES",
                    "service.name=other, team = search,service.version=7",
                ),
                ("OTEL_EXPORTER_PROMETHEUS_HOST", "0.0.0.0"),
                ("OTEL_EXPORTER_PROMETHEUS_PORT", "9100"),
            ],
        );
        assert_eq!(problems, []);
        assert_eq!(settings.environment, Environment::Staging);
        let address = settings.listen.as_ref().expect("there is a listener");
        assert_eq!((address.host.as_str(), address.port), ("0.0.0.0", 9100));
        assert_eq!(settings.service_version.as_deref(), Some("7"));
        for (key, value) in [
            ("service.name", "answers"),
            ("team", "search"),
            ("deployment.environment.name", "staging"),
        ] {
            assert_eq!(attribute(&settings, key).as_deref(), Some(value), "{key}");
        }
    }

    #[test]
    fn the_configuration_stands_over_variables() {
        let config = Config::new()
            .service_name("mine")
            .service_version("8")
            .environment(Environment::Production)
            .listen(([127, 0, 0, 2], 1234).into());
        let (settings, problems) = resolve(
            config,
            &[
                ("ENVIRONMENT", "nonsense"),
                ("OTEL_SERVICE_NAME", "answers"),
                ("OTEL_RESOURCE_ATTRIBUTES", "service.version=7"),
                ("OTEL_EXPORTER_PROMETHEUS_PORT", "nonsense"),
            ],
        );
        assert_eq!(problems, []);
        assert_eq!(settings.environment, Environment::Production);
        let address = settings.listen.as_ref().expect("there is a listener");
        assert_eq!((address.host.as_str(), address.port), ("127.0.0.2", 1234));
        assert_eq!(settings.service_version.as_deref(), Some("8"));
        let name = attribute(&settings, "service.name");
        assert_eq!(name.as_deref(), Some("mine"));
    }

    #[test]
    fn telemetry_is_switched_off_by_either_variable_and_by_the_configuration() {
        for vars in [
            [("ENABLE_APM", "false")],
            [("ENABLE_APM", "OFF")],
            [("ENABLE_APM", "0")],
            [("OTEL_SDK_DISABLED", "true")],
        ] {
            assert!(!resolve(Config::new(), &vars).0.enabled, "{vars:?}");
        }
        let vars = [("ENABLE_APM", "true")];
        assert!(!resolve(Config::new().disabled(), &vars).0.enabled);
        let vars = [("OTEL_SDK_DISABLED", "false")];
        assert!(resolve(Config::new(), &vars).0.enabled);
    }

    #[test]
    fn a_bad_variable_is_named_with_its_remedy_and_overlooked() {
        for (name, value, remedy) in [
            ("ENABLE_APM", "maybe", "`true` or `false`"),
            ("ENVIRONMENT", "moon", "`production`"),
            ("OTEL_EXPORTER_PROMETHEUS_PORT", "70000", "65535"),
            ("OTEL_RESOURCE_ATTRIBUTES", "nonsense", "team=search"),
            ("OTEL_TRACES_SAMPLER", "dice", "`parentbased_traceidratio`"),
        ] {
            let (settings, problems) = resolve(Config::new(), &[(name, value)]);
            assert!(settings.enabled, "{name}");
            let [problem] = problems.as_slice() else {
                panic!("one problem for {name}, and not {problems:?}");
            };
            assert!(problem.cause().contains(name), "{problem}");
            assert!(problem.cause().contains(value), "{problem}");
            assert!(problem.remedy().contains(remedy), "{problem}");
        }
    }

    #[test]
    fn an_unknown_environment_counts_as_production() {
        let (settings, _) = resolve(Config::new(), &[("ENVIRONMENT", "moon")]);
        assert_eq!(settings.environment, Environment::Production);
    }
}
