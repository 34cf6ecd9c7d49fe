//! What a line is: running text, data that is to be converted, or program code.
use super::token::is_dense;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Prose,
    Data,
    Code,
}

/// What stands before a list item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Item,
    /// With its place in the alphabet.
    Letter(u8),
}

/// Formats of data that fences name. Another name is that of a programming language.
const DATA_FORMATS: [&str; 14] = [
    "", "json", "jsonl", "yaml", "yml", "toml", "ini", "csv", "tsv", "xml", "html", "md",
    "markdown", "text",
];

/// Lines of program code have fewer words than this, or end as statements do.
const CODE_WORDS: usize = 10;

/// Bytes of a line that tell what it is.
const LOOK: usize = 160;

/// Most words of a field of a record.
const FIELD_WORDS: usize = 5;

pub(super) fn names_data_format(fence: &str) -> bool {
    let name = fence.trim();
    DATA_FORMATS
        .iter()
        .any(|format| name.eq_ignore_ascii_case(format))
}

pub(super) fn ends_sentence(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '。' | '！' | '？' | '؟' | '।' | '…')
}

pub(super) fn is_question(c: char) -> bool {
    matches!(c, '?' | '？' | '؟')
}

/// `fenced`: between fences that name no format of data.
pub(super) fn kind(line: &str, first: bool, fenced: bool) -> Kind {
    let text = line.trim();
    let Some(start) = text.chars().next() else {
        return Kind::Data;
    };
    let markup = start == '<' && text.contains('>');
    if markup || matches!(start, '|' | '}' | ']') {
        return Kind::Data;
    }
    let look = Look::at(text);
    if look.quoted_names {
        return Kind::Data;
    }
    // Legal prose ends in semicolons too, and arrows stand between sets: neither alone makes a line code.
    let statement = text.ends_with(';') && text.contains(['=', '(']);
    if statement || (look.operators && look.words < CODE_WORDS) {
        return Kind::Code;
    }
    let opens = matches!(start, '{' | '[');
    if fenced && !opens {
        return Kind::Code;
    }
    if (opens && text.len() > 1)
        || look.is_record(text)
        || is_pair(text, &look)
        || (!first && look.is_scrap(text))
    {
        return Kind::Data;
    }
    Kind::Prose
}

/// What one pass over a line finds.
#[derive(Debug, Default)]
struct Look {
    words: usize,
    /// Between commas, bars and the like.
    fields: usize,
    /// The longest of them, in words.
    longest: usize,
    /// Pairs of operators that running text does not have.
    operators: bool,
    /// `":`, as in JSON.
    quoted_names: bool,
    /// A sentence ends before the end of the line.
    inner_end: bool,
}

impl Look {
    fn at(text: &str) -> Self {
        let mut look = Self {
            fields: 1,
            ..Self::default()
        };
        let (mut dense, mut field, mut before) = (0, 0, ' ');
        for (at, c) in text.char_indices() {
            if at >= LOOK {
                break;
            }
            let space = c == ' ' || c.is_whitespace();
            if !space && before == ' ' {
                look.words += 1;
                field += 1;
                look.longest = look.longest.max(field);
            }
            if !(c.is_ascii_alphanumeric() || space) {
                look.mark(before, c);
                dense += usize::from(is_dense(c));
                if is_separator(c) {
                    look.fields += 1;
                    field = 0;
                }
            }
            look.inner_end |= ends_sentence(before) && (space || !before.is_ascii());
            before = if space { ' ' } else { c };
        }
        look.words = look.words.max(dense / 2);
        look
    }

    fn mark(&mut self, before: char, c: char) {
        self.quoted_names |= before == '"' && c == ':';
        self.operators |= matches!(
            (before, c),
            (':', ':')
                | ('=' | '!' | '+' | '-', '=')
                | ('&', '&')
                | ('|', '|')
                | ('=' | '-', '>')
                | ('(', ')')
                | (')', '{' | ':')
        );
    }

    /// Short fields between separators, as in a row of a table or an enumeration.
    fn is_record(&self, text: &str) -> bool {
        if self.fields < 3 || self.inner_end || text.ends_with(is_question) {
            return false;
        }
        let most = if text.ends_with(ends_sentence) { 2 } else { 3 };
        self.longest <= FIELD_WORDS && self.words <= most * self.fields
    }

    /// A few words without an end, after other lines: an item of a list.
    fn is_scrap(&self, text: &str) -> bool {
        self.words <= 3 && !text.ends_with(ends_sentence) && !text.ends_with([':', '：'])
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, ',' | ';' | '|' | '\t' | '，' | '、' | '؛' | '،')
}

/// A short name, and what it stands for.
fn is_pair(text: &str, look: &Look) -> bool {
    if look.words > 6 || text.ends_with(ends_sentence) {
        return false;
    }
    let Some((name, value)) = text.split_once([':', '=']) else {
        return false;
    };
    (1..=2).contains(&Look::at(name.trim()).words)
        && (1..=4).contains(&Look::at(value.trim()).words)
}

/// Takes the marker of a list item off.
pub(super) fn marker(line: &str) -> (Option<Marker>, &str) {
    let text = line.trim_start();
    let Some(first) = text.chars().next() else {
        return (None, text);
    };
    if matches!(first, '-' | '*' | '•' | '–' | '·') {
        let rest = &text[first.len_utf8()..];
        if rest.starts_with(' ') {
            return (Some(Marker::Item), rest);
        }
        return (None, text);
    }
    let inner = text.strip_prefix('(').unwrap_or(text);
    let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
    let name = if digits > 0 {
        digits
    } else {
        usize::from(inner.starts_with(|c: char| c.is_ascii_alphabetic()))
    };
    let after = &inner[name..];
    if name == 0
        || name > 2
        || !after.starts_with(['.', ')'])
        || !after[1..].starts_with([' ', '\t'])
    {
        return (None, text);
    }
    let marker = match inner.as_bytes()[0] {
        letter if letter.is_ascii_alphabetic() => {
            Marker::Letter(letter.to_ascii_lowercase() - b'a')
        }
        _ => Marker::Item,
    };
    (Some(marker), &after[1..])
}
