//! One turn of a conversation, looked at once, without an allocation.
use super::{
    counts::Counts,
    cue::{self, Cue},
    feature::Feature,
    line::{self, Kind, Marker},
    token::{Lexer, Piece, Token},
};

/// Lines of data count as so much of their numbers; their words do not count.
const DATA_SHARE: f32 = 0.2;

/// Most words of a lead such as "put this in a table:".
const LEAD: f32 = 16.0;

/// Letters of a word above which it is a long one.
const LONG: u32 = 7;

/// Reads one turn, line by line.
#[derive(Debug, Default)]
pub(super) struct Turn {
    counts: Counts,
    /// The counts before what followed the first lead.
    lead: Option<Counts>,
    proof: bool,
    /// Words of the sentence that is being read.
    sentence: f32,
    /// The words that were seen, as a small Bloom filter.
    seen: [u64; 8],
    fence: Option<bool>,
    lines: u32,
    bytes: usize,
    /// Digits stood last: those that follow without a word between belong to them, as in telephone numbers.
    after_number: bool,
    /// Within quotation marks, where numbers are data.
    quoted: bool,
    /// Within a tag of HTML or XML.
    tagged: bool,
    /// The last word was `show` or its like.
    shows: bool,
    courtesies: u32,
    others: u32,
}

impl Turn {
    /// `bytes`: all of it, also what is not read.
    pub(super) fn grow(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    pub(super) fn read(&mut self, text: &str) {
        for line in text.lines() {
            self.line(line);
        }
    }

    /// What is known of it, by features. The other features are those of the conversation.
    pub(super) fn features(mut self, values: &mut [f32; Feature::COUNT]) {
        self.end_sentence(false);
        let kilobytes = (self.bytes as f32 / 1024.0).max(1.0);
        self.counts.of_task(self.lead, self.proof).write(values);
        values[Feature::Proof.index()] = f32::from(self.proof);
        values[Feature::Size.index()] = kilobytes.log2();
    }

    /// Nothing but thanks or a greeting, in one of some twenty languages.
    pub(super) fn is_courtesy(&self) -> bool {
        self.courtesies > 0 && self.others == 0 && self.counts.questions == 0.0
    }

    fn line(&mut self, line: &str) {
        if let Some(name) = line.trim_start().strip_prefix("```") {
            self.fence = match self.fence {
                Some(_) => None,
                None => Some(line::names_data_format(name)),
            };
            self.end_sentence(false);
            return;
        }
        let first = self.lines == 0;
        self.lines += 1;
        let (marker, text) = line::marker(line);
        if marker.is_some() || text.is_empty() {
            self.end_sentence(false);
        }
        if let Some(Marker::Letter(letter)) = marker
            && f32::from(letter) == self.counts.options
        {
            self.counts.options += 1.0;
        }
        let fenced = self.fence == Some(false);
        // A lead and what it leads to may share a line.
        let split = if first { text.split_once(": ") } else { None };
        let whole = line::kind(text, first, fenced);
        match (whole, split) {
            (Kind::Prose, Some((lead, rest))) => {
                self.prose(lead);
                self.lead();
                match line::kind(rest, true, false) {
                    Kind::Prose => self.prose(rest),
                    other => self.other(other, rest),
                }
            }
            (Kind::Prose, None) => {
                let before = self.counts.words;
                self.prose(text);
                if text.trim_end().ends_with([':', '：']) {
                    self.lead();
                    self.end_sentence(false);
                }
                if marker.is_some() && self.counts.words - before > 3.0 {
                    self.counts.items += 1.0;
                }
            }
            (other, _) => self.other(other, text),
        }
    }

    fn lead(&mut self) {
        if self.lead.is_none() && self.counts.words <= LEAD {
            self.lead = Some(self.counts);
        }
    }

    fn other(&mut self, kind: Kind, text: &str) {
        if kind == Kind::Code {
            self.counts.code += 1.0;
            return;
        }
        let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ':' | '-' | '/');
        let numbers = text
            .split(|c: char| !digits(c))
            .filter(|run| run.starts_with(|c: char| c.is_ascii_digit()))
            .count();
        self.counts.numbers += DATA_SHARE * numbers as f32;
        self.others += 1;
    }

    fn end_sentence(&mut self, question: bool) {
        let words = std::mem::take(&mut self.sentence);
        if words < 2.0 {
            if question {
                self.counts.questions += 1.0;
            }
            return;
        }
        self.counts.sentences += 1.0;
        self.counts.longest = self.counts.longest.max(words);
        if question {
            self.counts.questions += 1.0;
        } else if words >= 4.0 {
            self.counts.premises += 1.0;
        }
    }

    fn prose(&mut self, text: &str) {
        self.quoted = false;
        self.tagged = false;
        if !text.is_ascii() && cue::asks_for_proof_within(text) {
            self.proof = true;
        }
        let mut pieces = Lexer::new(text);
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Word(token) => self.word(&token),
                Piece::Other {
                    before,
                    this: ':',
                    next: '/',
                } if !before.is_whitespace() => {
                    // The rest of an address says nothing.
                    pieces.skip_word();
                }
                Piece::Other { this, next, .. } if line::ends_sentence(this) => {
                    if this != '.' || next.is_whitespace() || closes(next) {
                        self.end_sentence(line::is_question(this));
                    }
                }
                Piece::Other { before, this, next } => self.punctuation(before, this, next),
            }
        }
    }

    fn punctuation(&mut self, before: char, c: char, next: char) {
        let spaced = before == ' ' && next == ' ';
        let beside_digit = before.is_ascii_digit() || next.is_ascii_digit();
        match c {
            '"' => self.quoted = !self.quoted,
            '“' | '„' | '«' | '「' => self.quoted = true,
            '”' | '»' | '」' => self.quoted = false,
            '[' if next == '[' || next.is_ascii_digit() => self.counts.math += 0.5,
            ',' | '，' | '、' | '،' => self.counts.clauses += 1.0,
            ';' | '；' | '؛' | '(' | '（' | '[' => self.counts.clauses += 2.0,
            '^' | '±' | '×' | '÷' => self.counts.math += 1.0,
            // Arrows, quantifiers, sets, sums, integrals, comparisons.
            '\u{2190}'..='\u{21ff}' | '\u{2200}'..='\u{22ff}' | '\u{27e6}'..='\u{27ef}' => {
                self.counts.math += 1.0
            }
            '=' | '+' => self.counts.math += 1.0,
            '-' | '*' | '/' | '|' if spaced => self.counts.math += 0.5,
            '*' if beside_digit => self.counts.math += 1.0,
            '<' if next == '/' || next.is_alphabetic() => self.tagged = true,
            '>' if std::mem::take(&mut self.tagged) => {}
            '<' | '>' if spaced || beside_digit || next == '=' || matches!(before, '-' | '=') => {
                self.counts.math += 1.0
            }
            '\\' if next.is_ascii_alphabetic() => self.counts.math += 1.0,
            _ => {}
        }
    }

    fn word(&mut self, token: &Token) {
        let begins = self.sentence == 0.0;
        let words = token.words();
        self.counts.words += words;
        self.sentence += words;
        self.counts.math += token.scripts as f32;
        if token.digits > 0 {
            self.others += 1;
            self.number(token);
            return;
        }
        self.after_number = false;
        self.counts.math += if token.is_variable() { 0.5 } else { 0.0 };
        self.cues(token);
        let acronym = token.is_acronym();
        if token.uppers > 0 && !acronym && !begins {
            self.counts.names += 1.0;
        }
        if token.is_dense() {
            return;
        }
        self.counts.long_words += token.letters.saturating_sub(LONG).min(LONG) as f32;
        if token.letters >= 4 && !acronym {
            let hash = token.hash.get();
            let bit = 1 << (hash & 63);
            let place = &mut self.seen[(hash >> 6) as usize & 7];
            self.counts.repeats += f32::from(*place & bit != 0);
            *place |= bit;
        }
    }

    fn number(&mut self, token: &Token) {
        if token.is_formula() {
            self.counts.math += 1.0;
        } else if !token.is_no_quantity() {
            let share = if self.quoted { DATA_SHARE } else { 1.0 };
            self.counts.numbers += if self.after_number { 0.0 } else { share };
            self.after_number = token.letters == 0;
        }
    }

    fn cues(&mut self, token: &Token) {
        let cue = token.hash.cue();
        self.proof |= match cue {
            Some(Cue::Proof) => true,
            Some(Cue::That) => self.shows,
            _ => false,
        };
        self.shows = cue == Some(Cue::Show) || (self.shows && cue == Some(Cue::Polite));
        if cue == Some(Cue::Courtesy) {
            self.courtesies += 1;
        } else {
            self.others += 1;
        }
    }
}

fn closes(c: char) -> bool {
    matches!(c, '"' | '\'' | ')' | ']' | '»' | '”' | '’' | '」')
}
