//! The providers and routes that are there where none are given.
use super::{Environment, Format, Problems, Provider, Route, Secret, Settings};
use crate::simulated;

/// The models of the implied routes at OpenAI, as of November 2026: its smallest and its general one.
pub(crate) const OPENAI_MODELS: (&str, &str) = ("gpt-6-luna", "gpt-6.1-sol");
const OPENAI_URL: &str = "https://api.openai.com/v1";

/// OpenAI's own variables, where they are set.
pub(super) fn openai(environment: &Environment, problems: &mut Problems) -> Option<Provider> {
    let key = environment.get("OPENAI_API_KEY");
    let url = environment.get("OPENAI_BASE_URL");
    if key.is_none() && url.is_none() {
        return None;
    }
    if key.is_some_and(|key| key.trim().is_empty()) {
        problems.add(
            "OPENAI_API_KEY",
            "is empty: give the key, or unset the variable",
        );
    }
    let base_url = match url.map(super::parse::base_url) {
        None => OPENAI_URL.into(),
        Some(Ok(url)) => url,
        Some(Err(expected)) => {
            let url = super::secret::mask_url(url.unwrap_or_default());
            problems.add("OPENAI_BASE_URL", format!("is {url:?}: {expected}"));
            OPENAI_URL.into()
        }
    };
    Some(Provider {
        name: "openai".into(),
        format: Format::OpenAi,
        base_url,
        api_key_env: key.map(|_| "OPENAI_API_KEY".into()),
        api_key: key.map(|key| Secret::new(key.trim())),
        ..Provider::default()
    })
}

/// `cheap` and `premium`, both at the first provider.
pub(super) fn routes(settings: &mut Settings) {
    let (cheap, premium) = match settings.providers.first().map(|p| p.format) {
        Some(Format::Simulated) => (simulated::SMALL, simulated::LARGE),
        _ => OPENAI_MODELS,
    };
    let router = &settings.router;
    let route = |name: &str, set: &Option<String>, model: &str| Route {
        name: name.into(),
        model: set.as_deref().unwrap_or(model).into(),
        ..Route::default()
    };
    settings.routes = vec![
        route("cheap", &router.cheap_model, cheap),
        route("premium", &router.premium_model, premium),
    ];
}

/// The simulated provider and its two routes.
pub(super) fn simulated(settings: &mut Settings) {
    settings.providers = vec![simulated_provider()];
    routes(settings);
}

pub(super) fn simulated_provider() -> Provider {
    Provider {
        name: "simulated".into(),
        format: Format::Simulated,
        ..Provider::default()
    }
}
