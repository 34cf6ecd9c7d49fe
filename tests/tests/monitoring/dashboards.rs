//! The dashboards of the repository.
use std::{fs, path::Path};

use serde_json::Value;

/// One dashboard.
pub(crate) struct Dashboard {
    pub(crate) file: String,
    pub(crate) json: Value,
}

/// Something that a dashboard asks for.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) of: String,
    /// With values in place of variables.
    pub(crate) text: String,
}

impl Dashboard {
    pub(crate) fn all(monitoring: &Path) -> Vec<Self> {
        let files = fs::read_dir(monitoring.join("grafana/dashboards")).unwrap();
        let dashboards = files.map(|file| {
            let file = file.unwrap().path();
            let text = fs::read_to_string(&file).unwrap();
            Self {
                file: file.file_name().unwrap().to_string_lossy().into_owned(),
                json: serde_json::from_str(&text).unwrap(),
            }
        });
        dashboards.collect()
    }

    pub(crate) fn panels(&self) -> &[Value] {
        self.json["panels"].as_array().expect("panels")
    }

    pub(crate) fn variables(&self) -> &[Value] {
        self.json["templating"]["list"]
            .as_array()
            .expect("variables")
    }

    pub(crate) fn queries(&self) -> Vec<Query> {
        let panels = self.panels().iter();
        let queries = panels.flat_map(|panel| {
            let targets = panel["targets"].as_array().expect("targets").iter();
            targets.map(|target| Query {
                of: format!("{}: {} {}", self.file, panel["title"], target["refId"]),
                text: filled(target["expr"].as_str().expect("an expression")),
            })
        });
        queries.collect()
    }
}

fn filled(query: &str) -> String {
    let filled = query
        .replace("$instance", ".*")
        .replace("$operation", ".*")
        .replace("$__rate_interval", "5m")
        .replace("$__range", "5m");
    assert!(
        !filled.contains('$'),
        "a variable that is not known: {query}"
    );
    filled
}
