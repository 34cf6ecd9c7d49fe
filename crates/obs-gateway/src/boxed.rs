//! Stacks whose types are hidden.
use obs_core::{Call, Error};
use tower::util::BoxCloneSyncService;

/// A stack of layers, its type hidden.
pub(crate) type Stack<R, Res> = BoxCloneSyncService<Call<R>, Res, Error>;
