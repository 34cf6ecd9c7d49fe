//! Which series a query asks for.

/// Words that are neither metrics nor functions.
const WORDS: [&str; 17] = [
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "sum",
    "avg",
    "min",
    "max",
    "count",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "Inf",
];

/// Words that a list of labels follows.
const BEFORE_LABELS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

/// The selectors of a query, as written but for their ranges.
pub(crate) fn selectors(query: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(next) = rest.chars().next() {
        let end = match next {
            '"' => 2 + rest[1..].find('"').expect("strings end"),
            '[' => 1 + rest.find(']').expect("ranges end"),
            'a'..='z' | 'A'..='Z' | '_' | ':' => {
                let word = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
                let after = rest[word..].trim_start();
                let skipped = rest.len() - after.len();
                if BEFORE_LABELS.contains(&&rest[..word]) && after.starts_with('(') {
                    skipped + 1 + after.find(')').expect("lists end")
                } else if WORDS.contains(&&rest[..word]) || after.starts_with('(') {
                    word
                } else if after.starts_with('{') {
                    let end = skipped + closing(after);
                    found.push(rest[..end].to_owned());
                    end
                } else {
                    found.push(rest[..word].to_owned());
                    word
                }
            }
            '0'..='9' => rest
                .find(|c: char| !is_part(c) && c != '.')
                .unwrap_or(rest.len()),
            _ => next.len_utf8(),
        };
        rest = &rest[end..];
    }
    found
}

/// The name of the metric of a selector.
pub(crate) fn metric(selector: &str) -> &str {
    selector.split('{').next().unwrap_or(selector).trim_end()
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// After the matchers, in whose strings braces may stand.
fn closing(matchers: &str) -> usize {
    let mut quoted = false;
    for (at, c) in matchers.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '}' if !quoted => return at + 1,
            _ => {}
        }
    }
    panic!("matchers end: {matchers}");
}

#[test]
fn the_selectors_of_queries_are_found() {
    let query = "histogram_quantile(0.95, sum by (le, route) (rate(a_bucket{x=~\"$y|}\"}[5m]))) > 14.4 * 0.01\n  \
                 and on(route) max without (a) (obs:b:rate5m) or scalar(c offset 5m) / ignoring (d) 1e3";
    let found = selectors(query);
    assert_eq!(found, ["a_bucket{x=~\"$y|}\"}", "obs:b:rate5m", "c"]);
    assert_eq!(metric(&found[0]), "a_bucket");
}
