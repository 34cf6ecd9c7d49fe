//! What answers at the moment: settings may change while the gateway serves.
use std::{
    convert::Infallible,
    sync::{Arc, PoisonError, RwLock},
};

use axum::{Router, extract::Request};
use tower::{ServiceExt, service_fn};

use crate::{
    app::{self, App},
    serve::tls::Tls,
    settings::Settings,
};

/// One after the other. What has begun ends with what it began with.
#[derive(Clone, Debug)]
pub(crate) struct Live(Arc<RwLock<Now>>);

/// What answers for the time being.
#[derive(Clone, Debug)]
pub(crate) struct Now {
    pub(crate) settings: Arc<Settings>,
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) tls: Option<Tls>,
}

impl Now {
    pub(crate) fn new(settings: Settings, app: App, tls: Option<Tls>) -> Self {
        let app = Arc::new(app);
        Self {
            settings: Arc::new(settings),
            router: app::router(&app),
            app,
            tls,
        }
    }
}

impl Live {
    pub(crate) fn new(now: Now) -> Self {
        Self(Arc::new(RwLock::new(now)))
    }

    pub(crate) fn now(&self) -> Now {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn replace(&self, now: Now) {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *place, now);
        drop(place);
        // It may be the last handle to stores: nobody waits for their end.
        drop(before);
    }

    pub(crate) fn router(&self) -> Router {
        let now = self.0.read().unwrap_or_else(PoisonError::into_inner);
        now.router.clone()
    }

    pub(crate) fn tls(&self) -> Option<Tls> {
        let now = self.0.read().unwrap_or_else(PoisonError::into_inner);
        now.tls.clone()
    }

    /// Routes to mount, which answer as this does.
    pub(crate) fn mounted(&self) -> Router {
        let live = self.clone();
        Router::new().fallback_service(service_fn(move |request: Request| {
            let router = live.router();
            async move {
                Ok::<_, Infallible>(
                    router
                        .oneshot(request)
                        .await
                        .unwrap_or_else(|never| match never {}),
                )
            }
        }))
    }
}
