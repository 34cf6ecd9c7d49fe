//! A look-up by a key that may turn out to be another one.
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use obs_core::LlmRequest;

use crate::{
    Entry, Generation, Pending, Store, StoreError, StoreFault, key::Derived, lookup::Lookup,
    store::poll_store,
};

/// What a look-up gave.
type Got = Result<Option<Entry>, StoreFault>;

/// The key of a look-up was made with this generation, which is asked for at the same time.
pub(crate) struct Guessed {
    guess: Generation,
    asking: Pending<Generation>,
    /// How often the store had lost what it held when this began.
    losses: u64,
    is_right: bool,
    /// By the key that was guessed.
    found: Option<Got>,
}

impl Guessed {
    /// In a box: few calls need one.
    pub(crate) fn new(
        guess: Generation,
        asking: Pending<Generation>,
        store: &impl Store,
    ) -> Box<Self> {
        Box::new(Self {
            guess,
            asking,
            losses: losses(store),
            is_right: false,
            found: None,
        })
    }

    /// Looks up meanwhile. `None`: the key was wrong, and is right now: look up again.
    pub(crate) fn poll_get<S, R: LlmRequest, St: Store>(
        &mut self,
        get: Pin<&mut impl Future<Output = Result<Option<Entry>, StoreError>>>,
        lookup: &mut Lookup<S, R, St>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Got>> {
        if self.found.is_none()
            && let Poll::Ready(found) = poll_store(get, cx)
        {
            self.found = Some(found);
        }
        if !ready!(self.poll_key(lookup, cx)) {
            return Poll::Ready(None);
        }
        self.found
            .take()
            .map_or(Poll::Pending, |found| Poll::Ready(Some(found)))
    }

    /// Whether the key was right, and so is what it finds. If not, it is so now.
    pub(crate) fn poll_key<S, R: LlmRequest, St: Store>(
        &mut self,
        lookup: &mut Lookup<S, R, St>,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        if self.is_right {
            return Poll::Ready(true);
        }
        let derived = match ready!(poll_store(self.asking.as_mut(), cx)) {
            // After a loss it may be what it was before a purge that is lost too, and what was found may be from then.
            Ok(generation)
                if generation == self.guess && losses(&lookup.shared.store) == self.losses =>
            {
                self.is_right = true;
                return Poll::Ready(true);
            }
            Ok(generation) => Derived::From(generation),
            // The look-up that follows counts the fault.
            Err(_) => lookup.shared.alone(),
        };
        lookup.key = lookup.shared.settings.key_of(&lookup.call, derived);
        Poll::Ready(false)
    }
}

/// A store may be anybody's code.
fn losses(store: &impl Store) -> u64 {
    catch_unwind(AssertUnwindSafe(|| store.losses())).unwrap_or_default()
}
