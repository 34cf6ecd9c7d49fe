//! One pass over a prompt.

use std::ops::Range;

use obs_core::Role;

use super::bytes::{Byte, Class, lane};
use super::terms::{Seen, WordHash};
use crate::Prompt;

/// Most bytes of a prompt that are read, in bytes: its first quarter and its last three quarters, where a prompt is longer.
/// Lengths and turns are counted of the whole.
pub const MAX_SCANNED: usize = 4096;

/// Bytes of the beginning that are read of a prompt that is longer than [`MAX_SCANNED`].
const HEAD: usize = MAX_SCANNED / 4;

/// Takes the words and pairs of words of a prompt, each once, as numbers of buckets.
pub(crate) trait Terms {
    /// Whether pairs are wanted, too.
    const PAIRS: bool;

    /// A bucket; whether it was not met before; where in which piece it stands.
    fn term(&mut self, bucket: u16, first: bool, piece: usize, word: Range<usize>);
}

/// No terms, for models that have no weights for them.
#[derive(Debug)]
pub(crate) struct NoTerms;

impl Terms for NoTerms {
    const PAIRS: bool = false;

    fn term(&mut self, _: u16, _: bool, _: usize, _: Range<usize>) {}
}

/// What was counted in one pass. Sizes are in bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    /// Of the whole prompt, read or not.
    pub(super) bytes: usize,
    pub(super) system: usize,
    pub(super) last_user: usize,
    pub(super) turns: u32,
    pub(super) tools: u32,
    /// Of what was read.
    pub(super) scanned: usize,
    pub(super) classes: [u32; Class::COUNT],
    pub(super) words: u32,
    pub(super) word_bytes: u32,
    pub(super) short: u32,
    pub(super) long: u32,
    pub(super) very_long: u32,
    pub(super) numbers: u32,
    pub(super) distinct: u32,
    pub(super) lines: u32,
    pub(super) longest_line: usize,
    pub(super) first_line: usize,
    pub(super) items: u32,
    pub(super) item_bytes: f32,
    pub(super) item_squares: f32,
}

/// Reads a prompt: once for its size, and once for what is in it.
pub(super) fn scan(prompt: &(impl Prompt + ?Sized), terms: &mut impl Terms) -> Counts {
    let mut counts = Counts::default();
    prompt.visit(&mut |role, text| counts.piece(role, text.len()));
    let tail = if counts.bytes > MAX_SCANNED {
        counts.bytes - (MAX_SCANNED - HEAD)
    } else {
        0
    };
    let head = if counts.bytes > MAX_SCANNED {
        HEAD
    } else {
        counts.bytes
    };
    let (mut at, mut index) = (0, 0);
    let mut seen = Seen::new();
    prompt.visit(&mut |_, text| {
        let text = text.as_bytes();
        let begin = head.saturating_sub(at).min(text.len());
        let end = tail.saturating_sub(at).min(text.len()).max(begin);
        if end == begin {
            counts.read(text, 0, index, &mut seen, terms);
        } else {
            counts.read(&text[..begin], 0, index, &mut seen, terms);
            counts.read(&text[end..], end, index, &mut seen, terms);
        }
        at += text.len();
        index += 1;
    });
    counts
}

impl Counts {
    fn piece(&mut self, role: Role, bytes: usize) {
        self.bytes += bytes;
        match role {
            Role::System => self.system += bytes,
            Role::User => {
                self.turns += 1;
                self.last_user = bytes;
            }
            Role::Tool => self.tools += 1,
            _ => self.turns += 1,
        }
    }

    fn read<T: Terms>(
        &mut self,
        text: &[u8],
        offset: usize,
        piece: usize,
        seen: &mut Seen,
        terms: &mut T,
    ) {
        self.scanned += text.len();
        let (mut at, mut line) = (0, 0);
        let mut tally = 0;
        let mut before: Option<(WordHash, usize)> = None;
        while let Some(&byte) = text.get(at) {
            let class = Byte::of(byte).class;
            if class.is_word() || class == Class::Wide {
                let start = at;
                let hash = if class == Class::Wide {
                    self.wide(text, &mut at)
                } else {
                    word(text, &mut at, &mut tally)
                };
                self.word(at - start, class == Class::Digit);
                // No branch on what was met before: it cannot be foretold, and a wrong guess costs more than the sum.
                let bucket = hash.alone();
                let first = seen.first(bucket);
                self.distinct += u32::from(first);
                terms.term(bucket, first, piece, offset + start..offset + at);
                if T::PAIRS {
                    if let Some((earlier, from)) = before {
                        let bucket = hash.after(earlier);
                        terms.term(
                            bucket,
                            seen.first(bucket),
                            piece,
                            offset + from..offset + at,
                        );
                    }
                    before = Some((hash, start));
                }
                continue;
            }
            if class != Class::Space {
                self.classes[class as usize] += 1;
                if class == Class::Newline {
                    self.line(&text[line..at]);
                    line = at + 1;
                }
            }
            at += 1;
        }
        if line < text.len() {
            self.line(&text[line..]);
        }
        for class in [Class::Lower, Class::Upper, Class::Digit, Class::High] {
            self.classes[class as usize] += lane(tally, class);
        }
    }

    /// One character of three or four bytes from `at` on, which is moved behind it.
    fn wide(&mut self, text: &[u8], at: &mut usize) -> WordHash {
        let mut hash = WordHash::START;
        let start = *at;
        loop {
            hash = hash.byte(text[*at]);
            *at += 1;
            // Bytes that follow a lead byte are of this form, and no lead byte is.
            if !text
                .get(*at)
                .is_some_and(|byte| (0x80..0xc0).contains(byte))
            {
                break;
            }
        }
        self.classes[Class::Wide as usize] += (*at - start) as u32;
        hash
    }

    fn word(&mut self, bytes: usize, number: bool) {
        self.words += 1;
        self.word_bytes += bytes as u32;
        self.numbers += u32::from(number);
        self.short += u32::from(bytes <= 3);
        self.long += u32::from(bytes >= 8);
        self.very_long += u32::from(bytes >= 12);
    }

    fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        self.longest_line = self.longest_line.max(line.len());
        if self.lines == 1 {
            self.first_line = line.len();
        }
        if is_item(line) {
            let bytes = line.len() as f32;
            self.items += 1;
            self.item_bytes += bytes;
            self.item_squares += bytes * bytes;
        }
    }
}

/// One word from `at` on, which is moved behind it.
fn word(text: &[u8], at: &mut usize, tally: &mut u64) -> WordHash {
    let mut hash = WordHash::START;
    while let Some(&byte) = text.get(*at) {
        let Byte {
            class,
            folded,
            tally: one,
        } = Byte::of(byte);
        if !class.is_word() {
            break;
        }
        hash = hash.byte(*folded);
        *tally += one;
        *at += 1;
    }
    hash
}

/// Whether a line begins as one of a list does: `- x`, `* x`, `A. x`, `12) x`.
fn is_item(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    match line {
        [b'-' | b'*', b' ', ..] => true,
        [a, b'.' | b')', b' ', ..] => a.is_ascii_alphanumeric(),
        [a, b, b'.' | b')', b' ', ..] => a.is_ascii_digit() && b.is_ascii_digit(),
        _ => false,
    }
}
