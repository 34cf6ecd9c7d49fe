//! A page that needs nothing else.
use std::fmt::Write;

use super::Chart;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;color:#1b1b1b}\
table{border-collapse:collapse;margin:1em 0;font-variant-numeric:tabular-nums}\
th,td{padding:.25em .6em;border-bottom:1px solid #ddd;text-align:right}\
th:first-child,td:first-child{text-align:left}th{background:#f5f5f5}svg{max-width:100%;height:auto}";

/// A page of this text, which is in the little Markdown that reports are written in (headings, lists, tables), with pictures.
pub(crate) fn page(title: &str, text: &str, charts: &[Chart]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{0}</title>\n<style>{STYLE}</style>\n<h1>{0}</h1>\n",
        escaped(title)
    );
    for svg in charts.iter().filter_map(Chart::svg) {
        let _ = writeln!(page, "{svg}");
    }
    let mut inside = Inside::Nothing;
    for line in text.lines() {
        let now = Inside::of(line);
        if now != inside {
            page.push_str(inside.end());
            page.push_str(now.begin());
        }
        let begins = now != inside;
        inside = now;
        let _ = match now {
            Inside::Table if line.starts_with("|---") => Ok(()),
            Inside::Table => row(&mut page, line, if begins { "th" } else { "td" }),
            Inside::List => writeln!(page, "<li>{}", escaped(&line[2..])),
            Inside::Nothing => match line.strip_prefix("### ") {
                Some(head) => writeln!(page, "<h2>{}</h2>", escaped(head)),
                None if line.is_empty() => Ok(()),
                None => writeln!(page, "<p>{}", escaped(line)),
            },
        };
    }
    page.push_str(inside.end());
    page.push_str("</html>\n");
    page
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    List,
    Table,
}

impl Inside {
    fn of(line: &str) -> Self {
        match line.as_bytes().first() {
            Some(b'|') => Self::Table,
            Some(b'-') if line.starts_with("- ") => Self::List,
            _ => Self::Nothing,
        }
    }

    const fn begin(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::List => "<ul>\n",
            Self::Table => "<table>\n",
        }
    }

    const fn end(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::List => "</ul>\n",
            Self::Table => "</table>\n",
        }
    }
}

fn row(page: &mut String, line: &str, cell: &str) -> std::fmt::Result {
    page.push_str("<tr>");
    for text in line.trim_matches('|').split('|') {
        write!(page, "<{cell}>{}", escaped(text.trim()))?;
    }
    page.push('\n');
    Ok(())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
