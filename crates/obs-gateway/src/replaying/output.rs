//! Where reports go.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Arg, ArgMatches, value_parser};
use serde::Serialize;

/// Where reports go besides standard output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outputs {
    /// A file for all figures, as JSON.
    pub json: Option<PathBuf>,
    /// A file for a page with pictures.
    pub html: Option<PathBuf>,
}

impl Outputs {
    pub(super) fn args() -> [Arg; 2] {
        let file = |name: &'static str, help: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help(help)
        };
        [
            file("json", "Write all figures to this file, as JSON"),
            file("html", "Write a page with pictures to this file"),
        ]
    }

    pub(super) fn of(matches: &ArgMatches) -> Self {
        let file = |name| matches.get_one::<PathBuf>(name).cloned();
        Self {
            json: file("json"),
            html: file("html"),
        }
    }

    /// Writes what was asked for.
    pub(super) fn write(
        &self,
        figures: &impl Serialize,
        page: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let fault = |file: &Path, error: io::Error| format!("{}: {error}", file.display());
        if let Some(file) = &self.json {
            let json = serde_json::to_vec_pretty(figures).map_err(|error| error.to_string())?;
            fs::write(file, json).map_err(|error| fault(file, error))?;
        }
        if let Some(file) = &self.html {
            fs::write(file, page()).map_err(|error| fault(file, error))?;
        }
        Ok(())
    }
}
