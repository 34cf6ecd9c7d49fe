//! What tells one question from another.
use obs_core::{Call, Fingerprint, FingerprintSecret, Key, LlmRequest};

use crate::{Generation, Timestamp};

/// Changes whenever answers that were kept before must not be found any more: another form of entries, another
/// meaning of a field below.
const VERSION: &[u8] = b"3";

/// Whether tenants see each other's answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tenants {
    /// They do not.
    #[default]
    Apart,
    /// They do: for callers of one organization, whose answers hold nothing that is for one of them alone.
    Together,
}

/// What a key has from the store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Derived {
    From(Generation),
    /// The store cannot say, and the answer is for this process alone. It would be found after a purge otherwise.
    Alone {
        since: Timestamp,
    },
}

/// All of a call that is in its key. No tenant is a tenant of its own, other than the empty one.
pub(crate) fn begin<R: LlmRequest>(
    call: &Call<R>,
    tenants: Tenants,
    secret: Option<&FingerprintSecret>,
) -> Fingerprint {
    let mut key = secret.map_or_else(Fingerprint::new, Fingerprint::with_secret);
    let context = &call.context;
    let (tenant, namespace) = (context.tenant.as_deref(), context.namespace.as_deref());
    key.field("version", VERSION);
    key.optional("namespace", namespace.map(str::as_bytes));
    match tenants {
        Tenants::Apart => key.optional("tenant", tenant.map(str::as_bytes)),
        Tenants::Together => key.field("tenants", b"together"),
    };
    key.field("operation", call.request.operation().as_str().as_bytes());
    call.request.fingerprint(&mut key);
    key
}

pub(crate) fn end(mut key: Fingerprint, derived: Derived) -> Key {
    let (name, numbers) = match derived {
        Derived::From(of) => ("generation", [of.all, of.namespace, of.tenant]),
        Derived::Alone { since } => {
            let process = std::process::id().into();
            ("process", [since.as_millis(), process, 0])
        }
    };
    let mut field = [0; 24];
    let (parts, _) = field.as_chunks_mut::<8>();
    for (part, number) in parts.iter_mut().zip(numbers) {
        *part = number.to_le_bytes();
    }
    key.field(name, &field);
    key.finish()
}
