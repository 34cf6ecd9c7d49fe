//! Puts the settings together: the defaults, over them the file, the environment, and the flags.
use std::path::{Path, PathBuf};

use obs_core::PriceTable;

use super::{
    Environment, Problems, Settings, check,
    document::{self, Entry, Node, Value, place},
    implied, keys, money, print,
    problem::did_you_mean,
    providers, routes,
    secret::mask_url,
    table::{self, SCALARS},
};

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A TOML file; `None`: the one that `OBS_CONFIG` names, if it names one.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Environment,
    /// Flags of the command line: the setting's name (`cache.ttl`), and its text.
    pub flags: Vec<(String, String)>,
}

/// Settings that may be used, and how they came to be.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is in force.
    pub settings: Settings,
    /// What is odd, but no reason to refuse: for the log.
    pub warnings: Vec<String>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    pub(super) origins: Vec<Given>,
}

/// What was said about one scalar, and who said it last.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) text: Option<String>,
    pub(super) origin: String,
}

impl Loaded {
    /// Settings in TOML, as they are in force, each with its origin. Secrets are masked.
    #[must_use]
    pub fn print(&self) -> String {
        print::print(self)
    }
}

/// Puts the settings together.
///
/// # Errors
/// Everything that is wrong in any of the sources, overridden or not: unknown names, empty and bad values, routes
/// and providers that do not fit each other, files that cannot be read.
pub fn load(sources: &Sources) -> Result<Loaded, Problems> {
    let mut load = Load {
        settings: table::defaults(),
        given: SCALARS.iter().map(default).collect(),
        environment: &sources.environment,
        problems: Problems::default(),
        warnings: Vec::new(),
    };
    let file = load.find_file(sources.file.as_deref());
    let entries = match &file {
        Some(file) => load.read_file(file),
        None => Vec::new(),
    };
    let name = file.as_deref().map(name_of).unwrap_or_default();
    load.file(&name, &entries);
    load.variables();
    for (setting, text) in &sources.flags {
        match table::position(setting) {
            Some(at) => {
                let flag = format!("--{}", SCALARS[at].flag());
                load.scalar(at, text, flag.clone(), flag);
            }
            None => load.problems.add(setting.as_str(), "is no setting"),
        }
    }
    load.tables(&name, &entries);
    load.prices();
    check::cache(&load.settings, &mut load.problems, &mut load.warnings);
    check::comparisons(&load.settings, &mut load.warnings);
    money::check(&load.settings, &mut load.problems, &mut load.warnings);
    check::certificate(&load.settings, &mut load.problems);
    check::addresses(&load.settings, &mut load.problems);
    load.problems.or(Loaded {
        settings: load.settings,
        warnings: load.warnings,
        file,
        origins: load.given,
    })
}

fn default(scalar: &table::Scalar) -> Given {
    Given {
        text: scalar.default.map(Into::into),
        origin: "default".into(),
    }
}

fn name_of(file: &Path) -> String {
    file.display().to_string()
}

struct Load<'a> {
    settings: Settings,
    given: Vec<Given>,
    environment: &'a Environment,
    problems: Problems,
    warnings: Vec<String>,
}

impl Load<'_> {
    fn find_file(&mut self, flag: Option<&Path>) -> Option<PathBuf> {
        if let Some(flag) = flag {
            return Some(flag.into());
        }
        match self.environment.get("OBS_CONFIG")? {
            "" => {
                self.problems
                    .add("OBS_CONFIG", "is empty: name a file, or unset it");
                None
            }
            file => Some(file.into()),
        }
    }

    fn read_file(&mut self, file: &Path) -> Vec<Entry> {
        match std::fs::read_to_string(file) {
            Ok(text) => document::parse(&name_of(file), &text, &mut self.problems),
            Err(error) => {
                self.problems
                    .add(name_of(file), format!("cannot be read: {error}"));
                Vec::new()
            }
        }
    }

    /// The scalars of the file.
    fn file(&mut self, file: &str, entries: &[Entry]) {
        for Entry { key, line, node } in entries {
            let is_list = matches!(node.value, Value::List(_));
            if matches!(key.as_str(), "providers" | "routes") || key == "keys" && is_list {
                continue;
            }
            let here = place(file, *line);
            let mut sections: Vec<_> = SCALARS.iter().map(table::Scalar::section).collect();
            sections.dedup();
            if !sections.contains(&key.as_str()) {
                sections.extend(["providers", "routes"]);
                let hint = did_you_mean(key, sections.iter().copied());
                let all = sections.join(", ");
                let message = format!("there is no section `{key}`{hint}: expected one of {all}");
                self.problems.add(here, message);
                continue;
            }
            let Value::Table(entries) = &node.value else {
                self.problems
                    .add(here, format!("`{key}` is a section: write [{key}]"));
                continue;
            };
            for entry in entries {
                self.entry(file, key, entry);
            }
        }
    }

    fn entry(&mut self, file: &str, section: &str, entry: &Entry) {
        let here = place(file, entry.line);
        let Some(at) = table::position(&format!("{section}.{}", entry.key)) else {
            let keys = || {
                SCALARS
                    .iter()
                    .filter(|s| s.section() == section)
                    .map(table::Scalar::key)
            };
            let hint = did_you_mean(&entry.key, keys());
            let all = keys().collect::<Vec<_>>().join(", ");
            let key = &entry.key;
            let message = format!("[{section}] knows no `{key}`{hint}: expected one of {all}");
            return self.problems.add(here, message);
        };
        let name = SCALARS[at].name;
        match &entry.node.value {
            Value::Text(text) => self.scalar(at, text, format!("{here}: {name}"), here),
            _ => {
                let shown = entry.node.shown();
                self.problems
                    .add(here, format!("{name} = {shown}: expected a single value"));
            }
        }
    }

    fn variables(&mut self) {
        for (at, scalar) in SCALARS.iter().enumerate() {
            let variable = scalar.variable();
            if let Some(text) = self.environment.get(&variable) {
                self.scalar(at, text, variable.clone(), variable);
            }
        }
        let known = || SCALARS.iter().map(table::Scalar::variable);
        for name in self.environment.names("OBS_") {
            if name == "OBS_CONFIG" || known().any(|known| known == name) {
                continue;
            }
            let known: Vec<_> = known().collect();
            let hint = did_you_mean(name, known.iter().map(String::as_str));
            self.warnings.push(format!(
                "the variable {name} is no setting{hint}: it has no effect"
            ));
        }
    }

    fn scalar(&mut self, at: usize, text: &str, place: String, origin: String) {
        let scalar = &SCALARS[at];
        if text.is_empty() {
            return self
                .problems
                .add(place, "is empty: give a value, or leave it out");
        }
        match (scalar.set)(&mut self.settings, text) {
            Ok(()) => {
                let text = Some(text.into());
                self.given[at] = Given { text, origin };
            }
            Err(expected) if scalar.secret => self.problems.add(place, expected),
            Err(expected) => {
                let shown = mask_url(text);
                self.problems
                    .add(place, format!("is {shown:?}: {expected}"));
            }
        }
    }

    /// Providers and routes, given or implied.
    fn tables(&mut self, file: &str, entries: &[Entry]) {
        let list = |key: &str| -> Option<&Node> {
            entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.node)
        };
        let given = list("providers")
            .map(|node| providers::providers(file, node, self.environment, &mut self.problems));
        let given = given.unwrap_or_default();
        let providers_given = !given.is_empty();
        check::providers(&given, &mut self.problems);
        self.settings.providers = given.into_iter().map(|(_, provider)| provider).collect();
        if !providers_given {
            let implied = implied::openai(self.environment, &mut self.problems)
                .unwrap_or_else(implied::simulated_provider);
            self.settings.providers.push(implied);
        }
        match list("routes") {
            Some(node) => {
                let routes = routes::routes(file, node, &mut self.problems);
                check::routes(&routes, &self.settings.providers, &mut self.problems);
                self.settings.routes = routes.into_iter().map(|(_, route)| route).collect();
                for name in ["router.cheap_model", "router.premium_model"] {
                    let given =
                        table::position(name).is_some_and(|at| self.given[at].text.is_some());
                    if given {
                        self.warnings
                            .push(format!("{name} has no effect: [[routes]] are given"));
                    }
                }
            }
            None => implied::routes(&mut self.settings),
        }
        check::named_routes(&self.settings, &mut self.problems);
        let of_settings = list("keys").filter(|node| matches!(node.value, Value::List(_)));
        let of_settings = of_settings.map(|node| keys::keys(file, node, &mut self.problems));
        let mut given = of_settings.unwrap_or_default();
        if let Some(file) = &self.settings.keys_file {
            let own = keys::of_file(file, &mut self.problems);
            if own.is_empty() && given.is_empty() {
                let message = "has no key: with it nobody, and without it everyone could call";
                self.problems.add(name_of(file), message);
            }
            given.extend(own);
        }
        keys::check(&given, &mut self.problems);
        self.settings.keys = given.into_iter().map(|(_, key)| key).collect();
    }

    fn prices(&mut self) {
        let Some(file) = &self.settings.prices.file else {
            return;
        };
        match std::fs::read_to_string(file) {
            Ok(text) => match PriceTable::from_json(&text) {
                Ok(own) => self.settings.prices.own = Some(own),
                Err(error) => self.problems.add(name_of(file), error.to_string()),
            },
            Err(error) => {
                self.problems.add(
                    "prices.file",
                    format!("{} cannot be read: {error}", file.display()),
                );
            }
        }
    }
}
