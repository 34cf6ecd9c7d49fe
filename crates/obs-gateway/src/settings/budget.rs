//! What may be spent.
use obs_core::Usd;

/// What may be spent.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Budget {
    /// In an hour, by all callers together; `None`: no matter.
    pub usd_per_hour: Option<Usd>,
    /// In a day, by all callers together; `None`: no matter.
    pub usd_per_day: Option<Usd>,
    /// In an hour, by each tenant; `None`: no matter.
    pub tenant_usd_per_hour: Option<Usd>,
    /// What of a budget is left when calls begin to become cheap, 0 to 1.
    pub degrade_from: f64,
    /// In a day, for comparisons of routes.
    pub shadow_usd_per_day: Usd,
}

/// Who looks at cheap answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Judging {
    /// Refusals, errors and empty answers are not good enough.
    Refusal,
    /// Nor are answers that a limit of tokens cut.
    Cut,
    /// Nor are those that are no JSON.
    Json,
    /// Nor are those that do not obey the JSON Schema that their request asks for.
    Schema,
    /// Nor are those of which the model was less sure: by how much the tokens were likelier than the next likeliest ones, on average, in
    /// natural logarithms, where the provider tells.
    Margin(f32),
    /// Nor are those that a second answer does not agree with.
    Consistency,
}

/// A list of names, or `off`.
pub(super) fn judges(text: &str) -> Result<Vec<Judging>, String> {
    if text == "off" {
        return Ok(Vec::new());
    }
    let judge = |name: &str| match name.trim() {
        "refusal" => Ok(Judging::Refusal),
        "cut" => Ok(Judging::Cut),
        "json" => Ok(Judging::Json),
        "schema" => Ok(Judging::Schema),
        "consistency" => Ok(Judging::Consistency),
        other => {
            let least = other.strip_prefix("margin:").and_then(|of| of.parse().ok());
            let least = least.filter(|least: &f32| least.is_finite() && *least >= 0.0);
            least.map(Judging::Margin).ok_or_else(|| {
                "expected off, or some of refusal, cut, json, schema, margin:0.7 (a number from 0 up) and consistency, with commas \
                 between them"
                    .into()
            })
        }
    };
    text.split(',').map(judge).collect()
}
