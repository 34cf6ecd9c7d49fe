//! The least number of tokens.
use obs_core::{Fingerprint, LlmRequest, Role, least_tokens};

#[test]
fn each_word_is_a_token_at_least_and_blanks_and_dashes_are_none() {
    for (text, least) in [
        ("", 0),
        (" \n\t ", 0),
        ("one", 1),
        ("one two\nthree", 3),
        ("---- ==== ----", 0),
        ("- item", 1),
        // No blanks, so far too low: it is a bound.
        ("给主人留下些什么吧", 1),
        ("größer ist 1", 3),
    ] {
        assert_eq!(least_tokens(text), least, "{text:?}");
    }
    assert_eq!(least_tokens(&"x".repeat(128)), 1);
    assert_eq!(least_tokens(&"x".repeat(129)), 2);
}

struct Ask(&'static [&'static str]);

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        "m"
    }
    fn set_model(&mut self, _: &str) {}
    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        self.0.iter().for_each(|text| visit(Role::User, text));
    }
    fn fingerprint(&self, _: &mut Fingerprint) {}
}

#[test]
fn all_pieces_of_a_prompt_must_fit_together() {
    let ask = Ask(&["one two", "three", ""]);
    assert!(ask.fits(3) && !ask.fits(2));
    assert!(Ask(&[]).fits(0));
}
