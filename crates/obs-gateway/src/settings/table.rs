//! The one table of scalar settings. The file, the environment, the flags, `--help` and the documentation are made
//! from it.
mod budget;
mod calls;
mod kept;
mod own;

use std::{net::SocketAddr, time::Duration};

use super::{
    Admin, Budget, Cache, Log, Metrics, Prices, Router, Server, Settings, Simulated, Tenant,
    Timeout, parse,
};

/// One scalar setting.
#[derive(Clone, Copy)]
pub(crate) struct Scalar {
    /// `section.key`.
    pub(crate) name: &'static str,
    /// As it would be written; `None`: unset.
    pub(crate) default: Option<&'static str>,
    /// For `--help`.
    pub(crate) about: &'static str,
    /// Has no flag, and is masked wherever it is shown.
    pub(crate) secret: bool,
    /// Reads the text into its place; the error says what is expected.
    pub(crate) set: fn(&mut Settings, &str) -> Result<(), String>,
}

impl Scalar {
    /// `OBS_SECTION_KEY`.
    pub(crate) fn variable(&self) -> String {
        format!("OBS_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// `section-key`, without the dashes in front of it.
    pub(crate) fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    pub(crate) fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    pub(crate) fn key(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, key)| key)
    }
}

type Set = fn(&mut Settings, &str) -> Result<(), String>;

const fn scalar(
    name: &'static str,
    default: &'static str,
    about: &'static str,
    set: Set,
) -> Scalar {
    Scalar {
        name,
        default: Some(default),
        about,
        secret: false,
        set,
    }
}

const fn unset(name: &'static str, about: &'static str, set: Set) -> Scalar {
    Scalar {
        default: None,
        ..scalar(name, "", about, set)
    }
}

const fn secret(name: &'static str, about: &'static str, set: Set) -> Scalar {
    Scalar {
        secret: true,
        ..unset(name, about, set)
    }
}

/// In the order in which they are shown. A section is in one piece: that of the cache begins in `own`.
const PARTS: [&[Scalar]; 4] = [
    &own::SCALARS,
    &kept::SCALARS,
    &calls::SCALARS,
    &budget::SCALARS,
];

const COUNT: usize =
    own::SCALARS.len() + kept::SCALARS.len() + calls::SCALARS.len() + budget::SCALARS.len();

/// All of them.
pub(crate) static SCALARS: [Scalar; COUNT] = {
    let mut all = [own::SCALARS[0]; COUNT];
    let (mut at, mut part, mut of_part) = (0, 0, 0);
    while at < COUNT {
        if of_part == PARTS[part].len() {
            (part, of_part) = (part + 1, 0);
        }
        all[at] = PARTS[part][of_part];
        (at, of_part) = (at + 1, of_part + 1);
    }
    all
};

fn put<T>(place: &mut T, value: Result<T, String>) -> Result<(), String> {
    *place = value?;
    Ok(())
}

/// Where a name stands in [`SCALARS`].
pub(crate) fn position(name: &str) -> Option<usize> {
    SCALARS.iter().position(|scalar| scalar.name == name)
}

/// Every scalar at its default; providers and routes are empty still.
pub(super) fn defaults() -> Settings {
    let mut settings = Settings {
        server: Server {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            max_body: 0,
            drain: Duration::ZERO,
            tenant: Tenant::default(),
            keep_alive: None,
            max_concurrency: 0,
            max_queue: 0,
            max_connections: 0,
            header_timeout: Duration::ZERO,
            tls_cert: None,
            tls_key: None,
        },
        keys_file: None,
        admin: Admin::default(),
        metrics: Metrics::default(),
        log: Log::default(),
        cache: Cache::default(),
        router: Router::default(),
        budget: Budget::default(),
        timeout: Timeout::default(),
        prices: Prices::default(),
        simulated: Simulated::default(),
        providers: Vec::new(),
        routes: Vec::new(),
        keys: Vec::new(),
    };
    for scalar in &SCALARS {
        if let Some(default) = scalar.default {
            (scalar.set)(&mut settings, default).expect("a test reads every default");
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_its_own_parser_takes() {
        let _ = defaults();
        for scalar in &SCALARS {
            assert!(scalar.name.split('.').count() == 2, "{}", scalar.name);
            assert!(
                !(scalar.secret && scalar.default.is_some()),
                "{}",
                scalar.name
            );
        }
    }

    #[test]
    fn the_page_of_settings_lists_every_one_as_it_is() {
        let page = include_str!("../../../../docs/settings.md");
        for scalar in &SCALARS {
            let Scalar { name, about, .. } = scalar;
            let default = scalar
                .default
                .map(|default| format!("`{default}`"))
                .unwrap_or_default();
            let row = format!("| `{name}` | {default} | {about} |");
            assert!(
                page.contains(&row),
                "docs/settings.md should have this row:\n{row}"
            );
        }
    }

    #[test]
    fn names_variables_and_flags_are_all_different() {
        let of = |f: fn(&Scalar) -> String| {
            let all: std::collections::BTreeSet<_> = SCALARS.iter().map(f).collect();
            assert_eq!(all.len(), SCALARS.len());
        };
        of(Scalar::variable);
        of(Scalar::flag);
    }
}
