//! Texts in pieces.

/// About how many bytes of text go into one chunk: some twelve words.
const PIECE: usize = 64;

/// Cuts a text where a word begins, for the chunks of a stream.
#[must_use]
pub fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::with_capacity(text.len() / PIECE + 1), text);
    while rest.len() > PIECE {
        let limit = (0..=PIECE).rev().find(|at| rest.is_char_boundary(*at));
        let limit = limit.filter(|at| *at > 0).unwrap_or(rest.len());
        let word = rest[..limit].rfind(' ').filter(|at| *at > 0);
        let (piece, more) = rest.split_at(word.unwrap_or(limit));
        pieces.push(piece);
        rest = more;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_short_and_together_the_text() {
        let text = "The quick brown fox jumps over the lazy dog. ".repeat(9);
        for text in [&*text, "short", &"x".repeat(300), &"ü€😀".repeat(50)] {
            let pieces = pieces(text);
            assert_eq!(pieces.concat(), text);
            assert!(pieces.iter().all(|p| !p.is_empty() && p.len() <= PIECE));
        }
    }
}
