//! Asking a store, which may be anybody's code.
use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use super::{StoreError, StoreFault};

/// Asks, and waits for the answer.
pub(crate) async fn ask<F, T>(make: impl FnOnce() -> F) -> Result<T, StoreFault>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let asking = catch_unwind(AssertUnwindSafe(make)).map_err(|_| StoreFault::Panicked)?;
    let mut asking = pin!(asking);
    poll_fn(|cx| poll_store(asking.as_mut(), cx)).await
}

/// A fault and a panic are alike: there is nothing.
pub(crate) fn poll_store<F, T>(
    get: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, StoreFault>>
where
    F: Future<Output = Result<T, StoreError>> + ?Sized,
{
    match catch_unwind(AssertUnwindSafe(|| get.poll(cx))) {
        Ok(found) => found.map_err(|error| {
            tracing::debug!(%error, "a look-up failed");
            error.fault()
        }),
        Err(_) => Poll::Ready(Err(StoreFault::Panicked)),
    }
}
