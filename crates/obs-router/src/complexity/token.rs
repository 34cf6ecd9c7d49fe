//! Words, numbers and what stands between them.
use super::cue::WordHash;

/// Splits running text, in one pass and without an allocation.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    before: char,
}

#[derive(Debug)]
pub(super) enum Piece {
    Word(Token),
    /// Anything else, and what stands on both sides of it.
    Other {
        before: char,
        this: char,
        next: char,
    },
}

/// A run of letters and digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) hash: WordHash,
    pub(super) letters: u32,
    pub(super) digits: u32,
    pub(super) uppers: u32,
    /// Raised or lowered digits, and underscores.
    pub(super) scripts: u32,
    /// Words that characters of scripts without spaces make.
    dense: f32,
    starts_with_digit: bool,
    last: [char; 2],
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            before: ' ',
        }
    }

    /// Up to the next space.
    pub(super) fn skip_word(&mut self) {
        while let Some(c) = self.peek()
            && !c.is_whitespace()
        {
            self.step(c);
        }
    }

    fn peek(&self) -> Option<char> {
        let byte = *self.text.as_bytes().get(self.at)?;
        if byte.is_ascii() {
            return Some(char::from(byte));
        }
        self.text[self.at..].chars().next()
    }

    fn step(&mut self, c: char) {
        self.at += c.len_utf8();
        self.before = c;
    }

    fn token(&mut self, first: char) -> Token {
        let mut token = Token::new(first);
        loop {
            self.run(&mut token);
            let Some(this) = self.peek() else { break };
            let mut after = self.text[self.at..].chars().skip(1);
            if is_word(this) || !joins(self.before, this, after.next().unwrap_or(' ')) {
                break;
            }
            token.scripts += u32::from(this == '_');
            token.hash.push(this);
            self.step(this);
        }
        token
    }

    /// Letters and digits. Those of scripts without spaces stand beside others without a space.
    fn run(&mut self, token: &mut Token) {
        while let Some(this) = self.peek() {
            if this.is_ascii_alphanumeric() && !token.is_dense() {
                self.ascii_run(token);
            } else if is_word(this) && (token.is_empty() || token.is_dense() == is_dense(this)) {
                token.push(this);
                self.step(this);
            } else {
                break;
            }
        }
    }

    /// Nearly all of most texts.
    fn ascii_run(&mut self, token: &mut Token) {
        for byte in &self.text.as_bytes()[self.at..] {
            if !byte.is_ascii_alphanumeric() {
                break;
            }
            let digit = byte.is_ascii_digit();
            token.digits += u32::from(digit);
            token.letters += u32::from(!digit);
            token.uppers += u32::from(byte.is_ascii_uppercase());
            token.last = [token.last[1], char::from(*byte)];
            token.hash.push_ascii(*byte);
            self.at += 1;
        }
        self.before = token.last[1];
    }
}

impl Iterator for Lexer<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let this = self.peek()?;
        if is_word(this) {
            return Some(Piece::Word(self.token(this)));
        }
        let before = self.before;
        self.step(this);
        let next = self.peek().unwrap_or(' ');
        Some(Piece::Other { before, this, next })
    }
}

impl Token {
    fn new(first: char) -> Self {
        Self {
            hash: WordHash::new(),
            letters: 0,
            digits: 0,
            uppers: 0,
            scripts: 0,
            dense: 0.0,
            starts_with_digit: first.is_ascii_digit(),
            last: [' '; 2],
        }
    }

    fn push(&mut self, c: char) {
        if c.is_numeric() {
            self.digits += 1;
            self.scripts += u32::from(is_raised(c));
        } else {
            self.letters += 1;
            self.uppers += u32::from(c.is_uppercase());
        }
        self.dense += density(c);
        self.last = [self.last[1], c];
        self.hash.push(c);
    }

    /// How many words of usual length it is.
    pub(super) fn words(&self) -> f32 {
        if self.is_dense() {
            return self.dense;
        }
        (self.letters as f32 / 6.0).clamp(1.0, 3.0)
    }

    fn is_empty(&self) -> bool {
        self.letters + self.digits == 0
    }

    pub(super) fn is_dense(&self) -> bool {
        self.dense > 0.0
    }

    /// As in `4k` and `C8H10O`.
    pub(super) fn is_formula(&self) -> bool {
        if self.starts_with_digit {
            self.letters == 1 && self.uppers == 0
        } else {
            self.uppers > 0
        }
    }

    /// As in `16th`, or a name for something rather than how much there is of it.
    pub(super) fn is_no_quantity(&self) -> bool {
        let ordinal = matches!(self.last, ['s', 't'] | ['n', 'd'] | ['r', 'd'] | ['t', 'h']);
        !self.starts_with_digit || self.letters > 4 || (self.letters == 2 && ordinal)
    }

    pub(super) fn is_acronym(&self) -> bool {
        self.letters > 1 && self.uppers == self.letters
    }

    /// A lone letter, unless it is a word of some language.
    pub(super) fn is_variable(&self) -> bool {
        let only = self.last[1];
        let latin_or_greek = only.is_ascii_lowercase() || matches!(only, 'α'..='ω' | 'Α'..='Ω');
        let word = matches!(only, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
        self.letters == 1 && latin_or_greek && !word
    }
}

pub(super) fn is_dense(c: char) -> bool {
    density(c) > 0.0
}

fn is_word(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric()
    } else {
        c.is_alphanumeric() || is_mark(c)
    }
}

/// Whether it stands inside a word or a number.
fn joins(before: char, c: char, next: char) -> bool {
    match c {
        '.' | ',' | ':' | '/' | '-' => before.is_ascii_digit() && next.is_ascii_digit(),
        '\'' | '\u{2019}' => before.is_alphabetic() && next.is_alphabetic(),
        '_' => before.is_alphanumeric() && next.is_alphanumeric(),
        _ => false,
    }
}

/// Superscript and subscript digits.
fn is_raised(c: char) -> bool {
    matches!(c, '²' | '³' | '¹' | '\u{2070}'..='\u{209c}')
}

/// Vowel signs and other marks that belong to the letter before them.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{93a}'..='\u{94f}' | '\u{e31}' | '\u{e34}'..='\u{e4e}')
}

/// Words that one character of a script without spaces, or with few, makes.
fn density(c: char) -> f32 {
    match c {
        ..'\u{e00}' => 0.0,
        '\u{3040}'..='\u{30ff}' => 0.4,
        '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{2fa1f}' => 0.6,
        '\u{ac00}'..='\u{d7af}' => 0.45,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => 0.25,
        _ => 0.0,
    }
}
