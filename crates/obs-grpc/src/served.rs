//! A stack behind a server of tonic's.
use std::{fmt, sync::Arc};

use obs_core::{Call, CallContext, Error, ErrorKind, LlmResponse};
use obs_http::{Tenant, TenantBy, Told, circumstances, report};
use tonic::{Request, Response, Status, metadata::MetadataMap};
use tower::ServiceExt;
use tower_service::Service;

use crate::{replies::Replies, status::status};

/// A stack of layers for the methods of a server: each request becomes a [`Call`] in the circumstances that its metadata tell
/// (`grpc-timeout` or `x-obs-deadline-ms`, `authorization`, `x-obs-tenant`, `x-obs-session`, `cache-control`), and an error a
/// [`status`](crate::status()) with details. The metadata of an answer tell of the call (`x-obs-cache`, `x-obs-route`, ...).
///
/// [`Tenant`] in the extensions of a request, which an interceptor of the application's may have put there, stands over what its
/// metadata say.
#[derive(Clone)]
pub struct Served<S> {
    stack: S,
    tenants: TenantBy,
    context: Option<Adjust>,
}

type Adjust = Arc<dyn Fn(&MetadataMap, &mut CallContext) + Send + Sync>;

impl<S> Served<S> {
    /// Answers with this stack.
    pub const fn new(stack: S) -> Self {
        Self {
            stack,
            tenants: TenantBy::Credential,
            context: None,
        }
    }

    /// Tells tenants apart like this; by their credentials, unless told.
    #[must_use]
    pub const fn tenants(mut self, by: TenantBy) -> Self {
        self.tenants = by;
        self
    }

    /// Has the last word on the circumstances of each call.
    #[must_use]
    pub fn context(
        mut self,
        adjust: impl Fn(&MetadataMap, &mut CallContext) + Send + Sync + 'static,
    ) -> Self {
        self.context = Some(Arc::new(adjust));
        self
    }

    /// Answers one message with one.
    ///
    /// # Errors
    /// That of the stack, as a status.
    pub async fn unary<R, A>(&self, request: Request<R>) -> Result<Response<A>, Status>
    where
        S: Service<Call<R>, Response = A, Error = Error> + Clone,
    {
        self.ask(request, Told::Ended).await
    }

    /// Answers one message with a stream of them.
    ///
    /// # Errors
    /// That of the stack, as a status; of kind [`ErrorKind::Upstream`] if what it answers is no stream.
    pub async fn streaming<R, A>(
        &self,
        request: Request<R>,
    ) -> Result<Response<Replies<A::Chunk>>, Status>
    where
        S: Service<Call<R>, Response = A, Error = Error> + Clone,
        A: LlmResponse,
    {
        let mut response = self.ask(request, Told::Begun).await?;
        let chunks = response.get_mut().stream_mut().map(std::mem::take);
        let (metadata, _, extensions) = response.into_parts();
        match chunks {
            Some(chunks) => Ok(Response::from_parts(
                metadata,
                Replies::new(chunks),
                extensions,
            )),
            None => {
                let problem = "the answer to a streamed request is no stream";
                Err(status(&Error::new(ErrorKind::Upstream, problem)))
            }
        }
    }

    async fn ask<R, A>(&self, request: Request<R>, told: Told) -> Result<Response<A>, Status>
    where
        S: Service<Call<R>, Response = A, Error = Error> + Clone,
    {
        let context = self.circumstances(&request);
        let context = context.map_err(|error| status(&error))?;
        let call = Call::with_context(request.into_inner(), context);
        let journal = call.journal();
        let answered = self.stack.clone().oneshot(call).await;
        let mut metadata = MetadataMap::new();
        report(metadata.as_mut(), &journal, told);
        match answered {
            Ok(answer) => Ok(Response::from_parts(metadata, answer, Default::default())),
            Err(error) => {
                let mut status = status(&error);
                *status.metadata_mut() = metadata;
                Err(status)
            }
        }
    }

    fn circumstances<R>(&self, request: &Request<R>) -> Result<CallContext, Error> {
        let mut context = circumstances(request.metadata().as_ref(), self.tenants)?;
        if let Some(Tenant(tenant)) = request.extensions().get() {
            context.tenant = Some(tenant.clone());
        }
        if let Some(adjust) = &self.context {
            adjust(request.metadata(), &mut context);
        }
        Ok(context)
    }
}

impl<S> fmt::Debug for Served<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("tenants", &self.tenants)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whose call it is, by all that a request may say of it.
    fn tenant(served: &Served<()>, extension: Option<&str>) -> Option<Arc<str>> {
        let mut request = Request::new(());
        let metadata = request.metadata_mut();
        metadata.insert("authorization", "Bearer secret".parse().expect("a value"));
        metadata.insert("x-obs-tenant", "acme".parse().expect("a value"));
        if let Some(tenant) = extension {
            request.extensions_mut().insert(Tenant(tenant.into()));
        }
        served.circumstances(&request).expect("it is sound").tenant
    }

    #[test]
    fn an_interceptor_says_whose_call_it_is_over_its_metadata() {
        let served = Served::new(());
        let by_metadata = tenant(&served, None).expect("a tenant");
        assert!(!by_metadata.contains("secret") && *by_metadata != *"checked");
        assert_eq!(tenant(&served, Some("checked")).as_deref(), Some("checked"));
        let last = served.context(|_, context| context.tenant = Some("last".into()));
        assert_eq!(tenant(&last, Some("checked")).as_deref(), Some("last"));
    }
}
