//! What is read of a request: its pieces, in order, without joining them.

use std::fmt;

use obs_core::Role;

/// A prompt, shown piece by piece. It is visited twice for one prediction, and must show the same both times.
///
/// Plain text is one piece by the user. A request of ours is shown with [`pieces`]:
/// `pieces(|visit| request.visit_prompt(visit))`.
pub trait Prompt {
    /// Shows every piece, in order.
    fn visit(&self, visit: &mut dyn FnMut(Role, &str));
}

/// A prompt shown by a closure, see [`pieces`].
#[derive(Clone, Copy)]
pub struct Pieces<F>(F);

/// A prompt shown by a closure that hands each piece to what it is given.
pub const fn pieces<F>(show: F) -> Pieces<F>
where
    F: Fn(&mut dyn FnMut(Role, &str)),
{
    Pieces(show)
}

impl Prompt for str {
    fn visit(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, self);
    }
}

impl Prompt for String {
    fn visit(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, self);
    }
}

impl<S: AsRef<str>> Prompt for [(Role, S)] {
    fn visit(&self, visit: &mut dyn FnMut(Role, &str)) {
        for (role, text) in self {
            visit(*role, text.as_ref());
        }
    }
}

impl<P: Prompt + ?Sized> Prompt for &P {
    fn visit(&self, visit: &mut dyn FnMut(Role, &str)) {
        (**self).visit(visit);
    }
}

impl<F> Prompt for Pieces<F>
where
    F: Fn(&mut dyn FnMut(Role, &str)),
{
    fn visit(&self, visit: &mut dyn FnMut(Role, &str)) {
        (self.0)(visit);
    }
}

impl<F> fmt::Debug for Pieces<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pieces")
    }
}
