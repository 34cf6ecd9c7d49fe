//! What a text consists of.

/// A value, or the name of one.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) kind: Kind,
    /// Where it is in the text; what was decoded is at this place in its list.
    pub(super) start: u32,
    /// Where it ends in the text; of objects and lists, where the parts after them begin.
    pub(super) end: u32,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Object,
    List,
    /// Without escapes, and without its quotes.
    Text,
    Decoded,
    Number,
    /// true, false, null
    Word,
    Verbatim,
}
