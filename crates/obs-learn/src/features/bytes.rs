//! What kind of byte it is.

/// A class of bytes. What stands before [`Class::Space`] is part of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Class {
    /// Lower-case letters of ASCII.
    Lower,
    /// Upper-case letters of ASCII.
    Upper,
    Digit,
    /// A byte of a two-byte character, or one that follows in a longer character: Latin with accents, Greek, Cyrillic, Hebrew, Arabic.
    High,
    /// Blanks and control characters.
    Space,
    Newline,
    /// Ends a sentence: `.` and `!`.
    Stop,
    Question,
    /// `,`, `;` and `:`
    Pause,
    /// `"`, `'` and a backtick
    Quote,
    /// `(`, `)`, `[` and `]`
    Bracket,
    /// `+ - * / = < > ^ % ~ |`
    Operator,
    /// `{ } \ _ # $ & @`
    Code,
    /// Begins a character of three or four bytes, which is a word by itself: these scripts often write words without blanks.
    Wide,
}

/// What the pass needs to know of a byte, in one look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Byte {
    pub(super) class: Class,
    /// The byte as words are hashed: letters of ASCII in lower case.
    pub(super) folded: u8,
    /// One, in the lane of its class: see [`lane`].
    pub(super) tally: u64,
}

/// Bits of a lane. No more bytes than [`MAX_SCANNED`](super::MAX_SCANNED) are ever counted in it.
const LANE: u32 = 16;

/// How many bytes of a class were tallied; the classes that stand before [`Class::Space`] have lanes.
pub(super) const fn lane(tally: u64, class: Class) -> u32 {
    (tally >> (LANE * class as u32)) as u32 & ((1 << LANE) - 1)
}

impl Byte {
    const TABLE: [Self; 256] = {
        let mut table = [Self {
            class: Class::Space,
            folded: 0,
            tally: 0,
        }; 256];
        let mut byte = 0;
        while byte < 256 {
            let class = Class::of(byte as u8);
            table[byte] = Self {
                class,
                folded: (byte as u8).to_ascii_lowercase(),
                tally: if class.is_word() {
                    1 << (LANE * class as u32)
                } else {
                    0
                },
            };
            byte += 1;
        }
        table
    };

    pub(super) const fn of(byte: u8) -> &'static Self {
        &Self::TABLE[byte as usize]
    }
}

impl Class {
    pub(super) const COUNT: usize = 14;

    const fn of(byte: u8) -> Self {
        match byte {
            b'a'..=b'z' => Self::Lower,
            b'A'..=b'Z' => Self::Upper,
            b'0'..=b'9' => Self::Digit,
            b'\n' => Self::Newline,
            b'.' | b'!' => Self::Stop,
            b'?' => Self::Question,
            b',' | b';' | b':' => Self::Pause,
            b'"' | b'\'' | b'`' => Self::Quote,
            b'(' | b')' | b'[' | b']' => Self::Bracket,
            b'+' | b'-' | b'*' | b'/' | b'=' | b'<' | b'>' | b'^' | b'%' | b'~' | b'|' => {
                Self::Operator
            }
            b'{' | b'}' | b'\\' | b'_' | b'#' | b'$' | b'&' | b'@' => Self::Code,
            0x80..=0xdf => Self::High,
            0xe0..=0xff => Self::Wide,
            _ => Self::Space,
        }
    }

    /// Whether a byte of this class goes on with a word.
    pub(super) const fn is_word(self) -> bool {
        (self as u8) < Self::Space as u8
    }
}
