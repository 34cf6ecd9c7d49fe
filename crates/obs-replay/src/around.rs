//! What is around each attempt.
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use obs_core::{Call, Error};
use tower::{Layer, util::BoxCloneSyncService};

use crate::{Answer, Ask};

/// A stack that is replayed through, its type hidden.
pub type Stack = BoxCloneSyncService<Call<Ask>, Answer, Error>;

/// What is around each attempt, inside of the router: limits of one attempt, hedges, or both.
///
/// ```
/// use std::time::Duration;
///
/// use obs_replay::Around;
/// use obs_timeout::AttemptTimeoutLayer;
///
/// let around = Around::new(AttemptTimeoutLayer::new().first_token(Duration::from_secs(10)));
/// ```
#[derive(Clone)]
pub struct Around(Arc<dyn Fn(Stack) -> Stack + Send + Sync>);

/// The services inside of the router, for judges that ask a second time. A clone is another handle to the same.
#[derive(Clone, Debug, Default)]
pub struct Inside(Arc<OnceLock<Stack>>);

impl Around {
    /// This layer; several, put together with tower's `Stack` or `ServiceBuilder`.
    #[must_use]
    pub fn new<L>(layer: L) -> Self
    where
        L: Layer<Stack> + Send + Sync + 'static,
        L::Service: tower_service::Service<Call<Ask>, Response = Answer, Error = Error, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        Self(Arc::new(move |attempts| Stack::new(layer.layer(attempts))))
    }

    /// The same; what is made of it is found in there.
    #[must_use]
    pub fn found_in(self, inside: &Inside) -> Self {
        let (inside, around) = (inside.clone(), self.0);
        Self(Arc::new(move |attempts| {
            let stack = around(attempts);
            // A second replay through the same layers finds the services of the first one: they keep nothing of their own.
            inside.0.get_or_init(|| stack.clone());
            stack
        }))
    }

    pub(crate) fn layer(&self, attempts: Stack) -> Stack {
        (self.0)(attempts)
    }
}

impl Inside {
    /// `None`: nothing was made yet.
    pub(crate) fn stack(&self) -> Option<Stack> {
        self.0.get().cloned()
    }
}

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Around(..)")
    }
}
