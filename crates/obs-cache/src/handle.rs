//! What an operator does to a cache.
use std::{fmt, future::Future, sync::Arc};

use obs_core::{Call, Fingerprint, LlmRequest, Operation};

use crate::{
    Generation, Purge, Reading, Stats, Store, StoreError, StoreFault, Tenants,
    key::{self, Derived},
    ledger::Ledger,
    settings::Settings,
};

/// Removes answers from the store of a [`CacheLayer`](crate::CacheLayer): from [`CacheLayer::handle`](crate::CacheLayer::handle).
///
/// It makes keys as the layer does that it was taken from, so take it when that is set up. A call that is under way
/// when its answer is deleted keeps what it brings; one that is under way during a purge keeps it where nobody finds it.
///
/// None of the futures need be awaited at once, but nothing happens before they are polled; dropping one leaves open
/// whether it was done.
#[derive(Clone, Debug)]
pub struct CacheHandle<St> {
    store: St,
    settings: Settings,
    ledger: Arc<Ledger>,
}

/// Where the answer to a call is kept: from [`CacheHandle::place`]. It holds a hash, tenant and namespace, and nothing
/// of what was asked.
#[derive(Clone)]
pub struct Place {
    begun: Fingerprint,
    namespace: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
    operation: Operation,
}

impl<St: Store> CacheHandle<St> {
    pub(crate) const fn new(store: St, settings: Settings, ledger: Arc<Ledger>) -> Self {
        Self {
            store,
            settings,
            ledger,
        }
    }

    /// Deletes the answer to this call, or its refusal: of its tenant, in its namespace. No error if there is none.
    ///
    /// Other processes that hold it in their memory ([`Tiered`](crate::Tiered)) hold it until it is no longer fresh:
    /// there, [`purge_namespace`](Self::purge_namespace) reaches all.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached.
    pub fn delete<R: LlmRequest>(
        &self,
        call: &Call<R>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<St, R> {
        self.delete_at(&self.place(call))
    }

    /// Where the answer to this call is kept, for deleting it later: the call itself may be gone by then.
    #[must_use]
    pub fn place<R: LlmRequest>(&self, call: &Call<R>) -> Place {
        let settings = &self.settings;
        Place {
            begun: key::begin(call, settings.tenants, settings.secret.as_ref()),
            namespace: call.context.namespace.clone(),
            tenant: call.context.tenant.clone(),
            operation: call.request.operation(),
        }
    }

    /// As [`delete`](Self::delete).
    ///
    /// # Errors
    ///
    /// When the store cannot be reached.
    pub fn delete_at(
        &self,
        place: &Place,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<St> {
        let begun = place.begun.clone();
        let settings = &self.settings;
        let scope = settings.scope(place.namespace.as_deref(), place.tenant.as_deref());
        let reading = self.store.generation(scope);
        let store = self.store.clone();
        let refusals = self.settings.refusals.clone();
        async move {
            let generation: Generation = match reading {
                Reading::Known(generation) => generation,
                Reading::Asking { asking, .. } => asking.await?,
            };
            let key = key::end(begun, Derived::From(generation));
            if let Some(refusals) = refusals {
                refusals.forget(&key);
            }
            store.delete(&key).await
        }
    }

    /// As [`report_bad_hit`](Self::report_bad_hit).
    ///
    /// # Errors
    ///
    /// When the store cannot be reached. It is counted all the same.
    pub fn report_bad_hit_at(
        &self,
        place: &Place,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<St> {
        self.ledger.bad_hits[place.operation].inc();
        self.delete_at(place)
    }

    /// The answer that the cache gave to this call was wrong: it is counted (`cache_bad_hits_total`,
    /// [`Stats::bad_hits`]), and deleted as by [`delete`](Self::delete).
    ///
    /// # Errors
    ///
    /// When the store cannot be reached. It is counted all the same.
    pub fn report_bad_hit<R: LlmRequest>(
        &self,
        call: &Call<R>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<St, R> {
        self.report_bad_hit_at(&self.place(call))
    }

    /// Purges the answers of one namespace, of all its tenants, in constant time: they are not found any more, and
    /// go when their time is over or room is needed. `None`: of the calls that name no namespace.
    ///
    /// Other processes see it within a second, those that cannot reach the store when they can again. After an error it
    /// may be seen by some: purge again.
    ///
    /// # Errors
    ///
    /// When the store cannot be reached, or is of a kind that cannot purge.
    pub async fn purge_namespace(&self, namespace: Option<&str>) -> Result<(), StoreError> {
        self.store.purge(Purge::Namespace(namespace)).await
    }

    /// The same with the answers of one tenant, in all namespaces; `None`: of the calls that name no tenant. A tenant
    /// `a/b` is a part of the tenant `a`, and is purged with it. What is asked for at the moment is given to who asked, and not found afterwards.
    ///
    /// # Errors
    ///
    /// As [`purge_namespace`](Self::purge_namespace); and where tenants share answers ([`Tenants::Together`]), of which
    /// nobody knows whose they are.
    pub async fn purge_tenant(&self, tenant: Option<&str>) -> Result<(), StoreError> {
        if self.settings.tenants == Tenants::Together {
            let what = "tenants share their answers here: purge a namespace, or all";
            return Err(StoreError::new(StoreFault::Other, what));
        }
        self.store.purge(Purge::Tenant(tenant)).await
    }

    /// The same with all answers.
    ///
    /// # Errors
    ///
    /// As [`purge_namespace`](Self::purge_namespace).
    pub async fn purge_all(&self) -> Result<(), StoreError> {
        self.store.purge(Purge::All).await
    }

    /// What the layer counts.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.settings.stats(&self.ledger)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").finish_non_exhaustive()
    }
}
