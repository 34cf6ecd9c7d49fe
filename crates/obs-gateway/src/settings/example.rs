//! A file of settings to begin with, made from their table: every one with its default, commented out.
use super::{print, table::SCALARS};

const HEAD: &str = "\
# Settings of the gateway, each at its default. Take the mark off what you change, and see it with
# `gateway print-config --config FILE`. Over this file stands the environment (OBS_SECTION_KEY), over that the flags
# (--section-key). Secrets are best left to the environment.
";

const LISTS: &str = r#"
# Who answers: the first one takes what no route names. Without any, OPENAI_API_KEY and OPENAI_BASE_URL name it; without
# those it is simulated.
# [[providers]]
# name = "openai"
# base_url = "https://api.openai.com/v1"
# api_key_env = "OPENAI_API_KEY"     # unset: each caller's own credential is passed on

# Where `auto` may go, the cheapest first. Without any there are `cheap` and `premium`.
# [[routes]]
# name = "cheap"
# provider = "openai"
# model = "gpt-6-luna"
# [[routes]]
# name = "premium"
# provider = "openai"
# model = "gpt-6.1-sol"
# fallback = ["cheap"]

# Who may call; without any, everyone. `gateway key new NAME` makes one.
# [[keys]]
# name = "mobile"
# hash = "blake3:…"
# models = ["auto", "cheap"]
# requests_per_minute = 600
# usd_per_day = "20"
"#;

/// The file.
pub(crate) fn example() -> String {
    let mut out = String::from(HEAD);
    let mut section = "";
    for scalar in &SCALARS {
        if scalar.section() != section {
            section = scalar.section();
            // `[keys]` and `[[keys]]` cannot stand in one file.
            let mark = if section == "keys" { "# " } else { "" };
            out.push_str(&format!("\n{mark}[{section}]\n"));
        }
        let value = scalar.default.map(print::value).unwrap_or_default();
        for line in wrapped(scalar.about) {
            out.push_str(&format!("# {line}\n"));
        }
        out.push_str(format!("# {} = {value}", scalar.key()).trim_end());
        out.push('\n');
    }
    out.push_str(LISTS);
    out
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, String::len);
        if last + word.len() > 108 {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            let gap = if line.is_empty() { "" } else { " " };
            line.push_str(gap);
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, Sources, load};

    fn loaded(text: &str) -> Settings {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        std::fs::write(&file, text).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        load(&sources)
            .unwrap_or_else(|problems| panic!("{problems}"))
            .settings
    }

    #[test]
    fn the_file_loads_and_changes_nothing_also_when_every_default_is_written_out() {
        let example = example();
        let defaults = format!("{:?}", Settings::default());
        assert_eq!(format!("{:?}", loaded(&example)), defaults);
        let (scalars, _) = example.split_once(LISTS).unwrap();
        // The line of a setting is its key, and the value in quotes or none.
        let keys: Vec<_> = SCALARS
            .iter()
            .filter(|scalar| scalar.default.is_some())
            .map(|scalar| format!("# {} = ", scalar.key()))
            .collect();
        let lines = scalars.lines().map(|line| {
            let is_set =
                keys.iter().any(|key| line.starts_with(key.as_str())) && !line.ends_with('=');
            if is_set { &line[2..] } else { line }
        });
        let written = lines.collect::<Vec<_>>().join("\n");
        assert_eq!(format!("{:?}", loaded(&written)), defaults);
        for scalar in &SCALARS {
            assert!(
                example.contains(&format!("# {} =", scalar.key())),
                "{}",
                scalar.name
            );
        }
    }

    #[test]
    fn the_lists_load_when_their_marks_are_taken_off() {
        let marked = |line: &&str| {
            !line.starts_with("# Who")
                && !line.starts_with("# Where")
                && !line.starts_with("# those")
        };
        let lines = LISTS.lines().filter(marked);
        let text: Vec<_> = lines
            .map(|line| line.strip_prefix("# ").unwrap_or(line))
            .collect();
        let text = text
            .join("\n")
            .replace("blake3:…", &format!("blake3:{}", "0f".repeat(32)));
        let text = text.replace("api_key_env", "# api_key_env");
        let settings = loaded(&text);
        assert_eq!(
            (
                settings.providers.len(),
                settings.routes.len(),
                settings.keys.len()
            ),
            (1, 2, 1)
        );
    }
}
