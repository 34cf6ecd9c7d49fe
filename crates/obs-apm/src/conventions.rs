//! The generations of the GenAI conventions.

/// Which generation of the OpenTelemetry GenAI conventions names metrics and attributes.
///
/// Both are marked as under development. The default stays with the one that dashboards know;
/// `OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental` asks for the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Conventions {
    /// Those of version 1.41: `gen_ai.client.token.usage` with the type of tokens as a label.
    #[default]
    V1_41,
    /// Those that have moved to a repository of their own: counters and histograms for each type of tokens, and tokens that
    /// are written to a cache of the provider as `cache_write`.
    Latest,
}

impl Conventions {
    /// Reads the list of the variable; what is of other conventions is not looked at.
    pub(crate) fn parse(list: &str) -> Self {
        let mut wanted = list.split(',').map(str::trim);
        match wanted.any(|wanted| wanted == "gen_ai_latest_experimental") {
            true => Self::Latest,
            false => Self::V1_41,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_word_opts_in() {
        for (list, expected) in [
            ("", Conventions::V1_41),
            ("http,database/dup", Conventions::V1_41),
            ("gen_ai_latest_experimental", Conventions::Latest),
            ("http, gen_ai_latest_experimental", Conventions::Latest),
        ] {
            assert_eq!(Conventions::parse(list), expected, "{list}");
        }
    }
}
