//! The few words that are known: what asks for a proof, and what only closes or opens a conversation.

/// What a word is known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cue {
    Proof,
    /// Asks for a proof before [`That`](Self::That).
    Show,
    That,
    /// May stand between the two.
    Polite,
    Courtesy,
}

const PROOF: &[u64] = &hashes([
    "prove",
    "proof",
    "derive",
    "disprove", // English
    "beweise",
    "beweisen", // German
    "demuestra",
    "demuestre",
    "demostrar", // Spanish
    "démontrer",
    "démontrez",
    "démontre",
    "prouver",
    "prouvez", // French
    "dimostra",
    "dimostrare",
    "dimostrate", // Italian
    "prove",
    "demonstre",
    "provar", // Portuguese
    "bewijs",
    "udowodnij",
    "dokaż",
    "bevisa",
    "kanıtlayın",
    "kanıtla", // Dutch, Polish, Swedish, Turkish
    "докажи",
    "докажите",
    "доведіть", // Russian, Ukrainian
    "أثبت",
    "برهن",
    "सिद्ध", // Arabic, Hindi
    "증명하라",
    "증명하시오",
    "증명해",
    "증명", // Korean
]);

const SHOW: &[u64] = &hashes([
    "show",
    "zeigen",
    "zeige",
    "muestra",
    "muestre",
    "montrer",
    "montrez",
    "montre",
    "mostra",
    "mostre",
    "mostrare",
    "toon",
    "покажи",
    "покажите",
    "pokaż",
    "visa",
]);

const THAT: &[u64] = &hashes([
    "that", "dass", "daß", "que", "che", "dat", "что", "że", "att",
]);

const POLITE: &[u64] = &hashes(["sie"]);

/// Without spaces between words these are looked for anywhere.
const PROOF_WITHIN: [&str; 4] = ["证明", "證明", "証明", "求证"];

const COURTESY: &[u64] = &hashes([
    "hi",
    "hello",
    "hey",
    "thanks",
    "thank",
    "you",
    "thx",
    "ty",
    "cheers",
    "bye",
    "goodbye",
    "welcome",
    "please",
    "ok",
    "okay",
    "great",
    "perfect",
    "cool",
    "nice",
    "awesome",
    "good",
    "morning",
    "evening",
    "night",
    "a",
    "lot",
    "so",
    "very",
    "much",
    "all",
    "for",
    "the",
    "your",
    "help",
    "was",
    "helpful", // English
    "danke",
    "schön",
    "sehr",
    "vielen",
    "dank",
    "hallo",
    "tschüss",
    "super",
    "guten",
    "tag",
    "prima", // German
    "gracias",
    "muchas",
    "hola",
    "adiós",
    "perfecto",
    "genial",
    "buenos",
    "días", // Spanish
    "merci",
    "beaucoup",
    "bonjour",
    "salut",
    "parfait",
    "revoir",
    "au", // French
    "grazie",
    "mille",
    "ciao",
    "perfetto",
    "obrigado",
    "obrigada",
    "olá",
    "tchau", // Italian, Portuguese
    "bedankt",
    "dank",
    "je",
    "wel",
    "dziękuję",
    "dzięki",
    "tack",
    "teşekkürler",
    "teşekkür",
    "ederim",
    "sağol",
    "спасибо",
    "большое",
    "привет",
    "пока",
    "дякую", // Russian, Ukrainian
    "شكرا",
    "شكراً",
    "مرحبا",
    "جزيلا",
    "धन्यवाद",
    "शुक्रिया",
    "नमस्ते", // Arabic, Hindi
    "谢谢",
    "谢谢你",
    "谢谢您",
    "多谢",
    "感谢",
    "好的",
    "你好",
    "再见",
    "太好了",
    "謝謝", // Chinese
    "ありがとう",
    "ありがとうございます",
    "ありがとうございました",
    "どうも",
    "こんにちは", // Japanese
    "감사합니다",
    "고마워요",
    "고마워",
    "안녕하세요",
    "안녕", // Korean
]);

/// Which words may be known at all: most are not, and one look says so.
const KNOWN: [u64; 16] = known(
    known(known(known(known([0; 16], PROOF), SHOW), THAT), POLITE),
    COURTESY,
);

const EMPTY: u64 = 0xcbf2_9ce4_8422_2325;

/// A word on its way, letter by letter (FNV-1a).
#[derive(Clone, Copy, Debug)]
pub(super) struct WordHash(u64);

impl WordHash {
    pub(super) const fn new() -> Self {
        Self(EMPTY)
    }

    /// Without regard to case.
    pub(super) fn push(&mut self, c: char) {
        for c in c.to_lowercase() {
            for &byte in c.encode_utf8(&mut [0; 4]).as_bytes() {
                self.0 = step(self.0, byte);
            }
        }
    }

    pub(super) fn push_ascii(&mut self, byte: u8) {
        self.0 = step(self.0, byte.to_ascii_lowercase());
    }

    pub(super) const fn get(self) -> u64 {
        self.0
    }

    pub(super) fn cue(self) -> Option<Cue> {
        let (place, bit) = place(self.0);
        if KNOWN[place] & bit == 0 {
            return None;
        }
        let lists = [
            (PROOF, Cue::Proof),
            (SHOW, Cue::Show),
            (THAT, Cue::That),
            (POLITE, Cue::Polite),
            (COURTESY, Cue::Courtesy),
        ];
        lists
            .into_iter()
            .find_map(|(list, cue)| list.contains(&self.0).then_some(cue))
    }
}

pub(super) fn asks_for_proof_within(text: &str) -> bool {
    PROOF_WITHIN.iter().any(|cue| text.contains(cue))
}

const fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3)
}

const fn place(hash: u64) -> (usize, u64) {
    ((hash >> 6) as usize & 15, 1 << (hash & 63))
}

const fn known(mut bits: [u64; 16], hashes: &[u64]) -> [u64; 16] {
    let mut at = 0;
    while at < hashes.len() {
        let (place, bit) = place(hashes[at]);
        bits[place] |= bit;
        at += 1;
    }
    bits
}

const fn hashes<const N: usize>(words: [&str; N]) -> [u64; N] {
    let mut hashes = [EMPTY; N];
    let mut word = 0;
    while word < N {
        let bytes = words[word].as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            hashes[word] = step(hashes[word], bytes[at]);
            at += 1;
        }
        word += 1;
    }
    hashes
}
