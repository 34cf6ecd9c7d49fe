//! Where the server is.
use std::fmt::Write;

use fred::types::config::{Config, ServerConfig};

use crate::ConfigError;

const SCHEMES: &str = "redis://, rediss://, redis-cluster://, rediss-cluster://, redis-sentinel://, \
     rediss-sentinel://, or the same with valkey";

/// A URL that was understood.
#[derive(Debug)]
pub(crate) struct Url {
    /// Without TLS, which is the caller's to set.
    pub(crate) config: Config,
    pub(crate) tls: bool,
    /// For logs: without user and password.
    pub(crate) masked: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Single,
    Cluster,
    Sentinel,
}

impl Url {
    /// No error tells what is in the URL: there may be a password in it.
    pub(crate) fn parse(url: &str) -> Result<Self, ConfigError> {
        let Some((scheme, rest)) = url.split_once("://") else {
            let help = "it has no scheme: write redis://host:6379";
            return Err(ConfigError::url(help));
        };
        let (brand, kind) = match scheme.split_once('-') {
            None => (scheme, Kind::Single),
            Some((brand, "cluster")) => (brand, Kind::Cluster),
            Some((brand, "sentinel")) => (brand, Kind::Sentinel),
            Some(_) => return Err(bad_scheme(scheme)),
        };
        let tls = match brand {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err(bad_scheme(scheme)),
        };
        kind.check_query(rest)?;
        // The client would look for certificates by itself, in a way that may panic.
        let plain = match kind {
            Kind::Single => format!("redis://{rest}"),
            Kind::Cluster => format!("redis-cluster://{rest}"),
            Kind::Sentinel => format!("redis-sentinel://{rest}"),
        };
        let config = Config::from_url(&plain).map_err(|error| {
            let details = error.details();
            ConfigError::url(&format!(
                "{details}; the form is {scheme}://user:password@host:port, and what is special in a password has \
                 to be percent-encoded",
            ))
        })?;
        if kind == Kind::Cluster && has_path(rest) {
            return Err(ConfigError::url("a cluster has no numbered databases"));
        }
        let masked = mask(scheme, &config);
        Ok(Self {
            config,
            tls,
            masked,
        })
    }
}

impl Kind {
    /// What is not known would be overlooked.
    fn check_query(self, rest: &str) -> Result<(), ConfigError> {
        if rest.contains('#') {
            let help = "a # has to be written %23";
            return Err(ConfigError::url(help));
        }
        let known: &[&str] = match self {
            Self::Single => &[],
            Self::Cluster => &["node"],
            Self::Sentinel => &[
                "node",
                "sentinelServiceName",
                "sentinelUsername",
                "sentinelPassword",
            ],
        };
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let name = parameter.split('=').next().unwrap_or_default();
            if !known.contains(&name) {
                let allowed = match known {
                    [] => "none is known for this scheme".into(),
                    known => format!("known are {}", known.join(", ")),
                };
                let help = format!("the parameter {name:?} is not known: {allowed}");
                return Err(ConfigError::url(&help));
            }
        }
        Ok(())
    }
}

fn bad_scheme(scheme: &str) -> ConfigError {
    // A scheme is a word; anything else may be a password.
    let shown = match scheme.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-') {
        true => format!("the scheme {scheme:?} is not one of "),
        false => "the scheme is not one of ".into(),
    };
    ConfigError::url(&(shown + SCHEMES))
}

fn has_path(rest: &str) -> bool {
    let before_query = rest.split('?').next().unwrap_or_default();
    before_query
        .split_once('/')
        .is_some_and(|(_, path)| !path.is_empty())
}

fn mask(scheme: &str, config: &Config) -> String {
    let mut masked = format!("{scheme}://");
    if config.username.is_some() || config.password.is_some() {
        masked += "***@";
    }
    let hosts = config.server.hosts();
    let hosts: Vec<_> = hosts
        .iter()
        .map(|server| format!("{}:{}", server.host, server.port))
        .collect();
    masked += &hosts.join(",");
    if let Some(database) = config.database {
        let _ = write!(masked, "/{database}");
    }
    if let ServerConfig::Sentinel { service_name, .. } = &config.server {
        let _ = write!(masked, " ({service_name})");
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn masked(url: &str) -> String {
        Url::parse(url).expect(url).masked
    }

    #[track_caller]
    fn refused(url: &str) -> String {
        Url::parse(url).expect_err(url).to_string()
    }

    #[test]
    fn every_kind_of_server_is_understood() {
        assert_eq!(masked("redis://localhost"), "redis://localhost:6379");
        assert_eq!(
            masked("valkey://10.0.0.1:7000/3"),
            "valkey://10.0.0.1:7000/3"
        );
        let cluster = "redis-cluster://a:1?node=b:2&node=c:3";
        assert_eq!(masked(cluster), "redis-cluster://b:2,c:3,a:1");
        let sentinel = "redis-sentinel://a:1?node=b:2&sentinelServiceName=main";
        assert_eq!(masked(sentinel), "redis-sentinel://b:2,a:1 (main)");
        for (url, tls) in [
            ("redis://a", false),
            ("rediss://a", true),
            ("valkeys-cluster://a:1", true),
            ("rediss-sentinel://a?sentinelServiceName=main", true),
        ] {
            let url = Url::parse(url).expect(url);
            assert_eq!(url.tls, tls);
            assert!(!url.config.uses_tls(), "the caller sets it");
        }
    }

    #[test]
    fn user_and_password_are_read_and_never_shown() {
        let url = Url::parse("redis://cache:p%23ss@host:1/2").expect("good");
        assert_eq!(url.config.username.as_deref(), Some("cache"));
        assert_eq!(url.config.password.as_deref(), Some("p#ss"));
        assert_eq!(url.masked, "redis://***@host:1/2");
        assert_eq!(masked("redis://:secret@host"), "redis://***@host:6379");
    }

    #[test]
    fn bad_urls_are_refused_with_what_would_be_right() {
        assert!(refused("localhost:6379").contains("write redis://host:6379"));
        assert!(refused("http://localhost").contains("\"http\" is not one of redis://"));
        assert!(refused("redis-ring://localhost").contains("not one of"));
        assert!(refused("redis://").contains("the form is redis://user"));
        assert!(refused("redis://host:port").contains("port"));
        assert!(refused("redis://host/one").contains("integer"));
        assert!(refused("redis://host?db=1").contains("\"db\" is not known: none"));
        assert!(refused("redis-cluster://host?nodes=a:1").contains("known are node"));
        assert!(refused("redis-cluster://host/1").contains("no numbered databases"));
        assert!(refused("redis-sentinel://host").contains("service name"));
        for url in [
            "redis://user:sec#ret@host",
            "redis://user:sec/ret@host",
            "sec:ret://host",
            "redis://user:secret@host:none",
        ] {
            let error = refused(url);
            assert!(!error.contains("sec"), "{error}");
        }
    }
}
