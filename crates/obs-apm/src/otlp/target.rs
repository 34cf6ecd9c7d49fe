//! Where one signal goes, as the variables of the specification say it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::{
    export::Signal,
    vars::{Show, Vars},
};

/// Where one signal goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) signal: Signal,
    pub(crate) endpoint: String,
    pub(crate) wire: Wire,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
    /// A file with certificates to trust, besides those of the system.
    pub(crate) certificate: Option<String>,
}

/// How it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    Http,
    #[cfg(feature = "otlp-grpc")]
    Grpc,
}

impl Target {
    /// `None`: no endpoint is set for it.
    pub(crate) fn resolve(
        signal: Signal,
        endpoint: Option<&str>,
        vars: &mut Vars<'_>,
    ) -> Option<Self> {
        let of = Names { signal };
        let wire = of.pick("PROTOCOL", vars).map(|name| wire(&name, vars));
        let wire = match wire {
            None => Wire::Http,
            Some(Some(wire)) => wire,
            // It is spoken on another port: what is sent there in another way is not understood.
            Some(None) => return None,
        };
        let own = of.own("ENDPOINT");
        let (name, endpoint) = match (endpoint, vars.get(&own)) {
            (Some(endpoint), _) => (String::new(), of.below(endpoint, wire)),
            (None, Some(endpoint)) => (own, endpoint),
            (None, None) => {
                let name = Names::general("ENDPOINT");
                let endpoint = of.below(&vars.get(&name)?, wire);
                (name, endpoint)
            }
        };
        let sound = endpoint.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
        });
        if !sound {
            // It may hold a password.
            let shown = shown(&endpoint);
            vars.overlook(&name, &shown, "a URL such as `http://localhost:4318`");
            return None;
        }
        let headers = of.pick("HEADERS", vars).map(|name| headers(&name, vars));
        let timeout = of.pick("TIMEOUT", vars).and_then(|name| vars.millis(&name));
        let gzip = of.pick("COMPRESSION", vars).and_then(|name| {
            vars.read(&name, "`gzip` or `none`", |value| match value {
                "gzip" => Some(true),
                "none" => Some(false),
                _ => None,
            })
        });
        let certificate = of.pick("CERTIFICATE", vars);
        Some(Self {
            signal,
            endpoint,
            wire,
            headers: headers.unwrap_or_default(),
            timeout: timeout.unwrap_or(Duration::from_secs(10)),
            gzip: gzip.unwrap_or(false),
            certificate: certificate.and_then(|name| vars.get(&name)),
        })
    }

    /// The endpoint without what may be secret in it.
    pub(crate) fn shown(&self) -> String {
        shown(&self.endpoint)
    }
}

/// The names of the variables of one signal.
#[derive(Clone, Copy)]
struct Names {
    signal: Signal,
}

impl Names {
    fn own(self, what: &str) -> String {
        let signal = self.signal.as_str().to_ascii_uppercase();
        format!("OTEL_EXPORTER_OTLP_{signal}_{what}")
    }

    fn general(what: &str) -> String {
        format!("OTEL_EXPORTER_OTLP_{what}")
    }

    /// The variable that counts: that of the signal, or the general one.
    fn pick(self, what: &str, vars: &Vars<'_>) -> Option<String> {
        let names = [self.own(what), Self::general(what)];
        names.into_iter().find(|name| vars.get(name).is_some())
    }

    /// Where the signal goes below a general endpoint.
    fn below(self, endpoint: &str, wire: Wire) -> String {
        match wire {
            Wire::Http => {
                let base = endpoint.trim_end_matches('/');
                format!("{base}/v1/{}", self.signal.as_str())
            }
            #[cfg(feature = "otlp-grpc")]
            Wire::Grpc => endpoint.to_owned(),
        }
    }
}

fn wire(name: &str, vars: &mut Vars<'_>) -> Option<Wire> {
    let allowed = match cfg!(feature = "otlp-grpc") {
        true => "`http/protobuf` or `grpc` (until then nothing is exported there)",
        false => {
            "`http/protobuf` (`grpc` needs the feature `otlp-grpc` of obs-apm; until then nothing is exported there)"
        }
    };
    vars.read(name, allowed, |value| match value {
        "http/protobuf" => Some(Wire::Http),
        #[cfg(feature = "otlp-grpc")]
        "grpc" => Some(Wire::Grpc),
        _ => None,
    })
}

fn headers(name: &str, vars: &mut Vars<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (key, value) in vars.pairs(name, Show::Nothing) {
        match (
            HeaderName::from_bytes(key.as_bytes()),
            HeaderValue::from_str(&value),
        ) {
            (Ok(key), Ok(mut value)) => {
                value.set_sensitive(true);
                headers.insert(key, value);
            }
            _ => vars.overlook(
                name,
                &format!("{key}=…"),
                "names and values of HTTP headers",
            ),
        }
    }
    headers
}

/// A URL without user, password and query: keys are in any of them.
fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            format!("{}{}", &url[..scheme + 3], &url[at + 1..])
        }
        _ => url.to_owned(),
    }
}
