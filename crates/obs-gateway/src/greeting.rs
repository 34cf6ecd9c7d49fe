//! What a newcomer should know, in a few lines.
use obs_apm::Telemetry;

use crate::{
    api::Api,
    settings::{Format, Settings, Store, mask_url},
};

fn listening(settings: &Settings, url: &str) -> String {
    let spoken = |of: &Api| settings.providers.iter().any(|p| of.is_spoken(p.format));
    let spoken: Vec<_> = Api::ALL.iter().filter(|of| spoken(of)).collect();
    let names: Vec<_> = spoken.iter().map(|of| format!("{of}'s")).collect();
    format!("listening on {url}/v1 ({} API)", names.join(" and "))
}

pub(crate) fn lines(settings: &Settings, telemetry: &Telemetry, api: &str) -> Vec<String> {
    let scheme = match settings.server.tls_cert {
        Some(_) => "https",
        None => "http",
    };
    let mut lines = vec![listening(settings, &format!("{scheme}://{api}"))];
    for provider in &settings.providers {
        let name = &provider.name;
        lines.push(match provider.format {
            Format::Simulated => format!(
                "provider {name}: SIMULATED, no model is asked; set OPENAI_API_KEY or OPENAI_BASE_URL for a real one"
            ),
            Format::OpenAi | Format::Anthropic => {
                let key = match &provider.api_key_env {
                    Some(variable) => format!("with the key in {variable}"),
                    None => "with each caller's own credential".into(),
                };
                format!("provider {name}: {}, {key}", mask_url(&provider.base_url))
            }
        });
    }
    let routes: Vec<_> = settings
        .routes
        .iter()
        .map(|r| format!("{} = {}", r.name, r.model))
        .collect();
    lines.push(match routes.is_empty() {
        true => "routes: none, every model goes to the first provider".into(),
        false => format!(
            "routes: {} (model `auto` lets the policy choose)",
            routes.join(", ")
        ),
    });
    lines.push(match &settings.cache.store {
        Store::Off => "cache: off".into(),
        Store::Memory => {
            format!(
                "cache: memory, up to {}",
                bytesize::ByteSize(settings.cache.max_bytes as u64)
            )
        }
        Store::Redis(url) => {
            let tier = if settings.cache.tier {
                "memory in front of "
            } else {
                ""
            };
            let how = match settings.cache.seal.key {
                Some(_) => "encrypted",
                None => "unencrypted",
            };
            let url = mask_url(url.expose());
            format!("cache: {tier}{url}, which holds answers {how}")
        }
    });
    lines.push(match telemetry.address() {
        Some(address) => format!("metrics: http://{address}/metrics"),
        None => match settings.metrics.listen {
            Some(address) if telemetry.metrics().is_enabled() => format!(
                "metrics: counted, but not served: {address} cannot be had; free it, or set metrics.listen"
            ),
            _ => "metrics: not served at a port".into(),
        },
    });
    lines.push(format!(
        "try: curl -i {scheme}://{api}/v1/chat/completions -H 'content-type: application/json' -d '{{\"model\":\"{}\",\
         \"messages\":[{{\"role\":\"user\",\"content\":\"Why is the sky blue?\"}}]}}'",
        if settings.routes.is_empty() { "…" } else { "auto" }
    ));
    lines
}
