//! What telemetry is told of routes and providers.
use obs_apm::{ApmLayer, Telemetry};

use crate::{api::Api, clock::WallClock, settings::Settings};

/// The outermost layer, for the calls of this interface.
pub(super) fn apm(
    settings: &Settings,
    telemetry: &Telemetry,
    clock: &WallClock,
    api: Api,
) -> ApmLayer {
    let name = |provider: &crate::settings::Provider| provider.name.clone();
    let mut spoken = settings.providers.iter();
    let spoken = spoken.find(|provider| api.is_spoken(provider.format));
    let first = settings.providers.first().map(name);
    let first = first.unwrap_or_else(|| "unknown".into());
    let clock = clock.clone();
    let mut apm = ApmLayer::new()
        .telemetry(telemetry)
        .provider_name(spoken.map_or_else(|| first.clone(), name))
        .wall_clock(move || clock.now());
    for route in &settings.routes {
        let provider = route.provider.clone().unwrap_or_else(|| first.clone());
        apm = apm.route(route.name.clone(), route.model.clone(), provider);
    }
    for provider in &settings.providers {
        if let Some((host, port)) = server(&provider.base_url) {
            apm = apm.server(provider.name.clone(), host, port);
        }
    }
    apm
}

/// Host and port of a URL; `None`: of the simulated provider, which is nowhere.
fn server(base_url: &str) -> Option<(String, u16)> {
    let url: http::Uri = base_url.parse().ok()?;
    let default = if url.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    let port = url.port_u16().unwrap_or(default);
    Some((url.host()?.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_name_the_host_and_the_port_of_a_provider() {
        for (url, expected) in [
            ("https://api.openai.com/v1", Some(("api.openai.com", 443))),
            ("http://127.0.0.1:8081/v1", Some(("127.0.0.1", 8081))),
            ("http://models/v1", Some(("models", 80))),
            ("", None),
        ] {
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(server(url), expected, "{url}");
        }
    }
}
