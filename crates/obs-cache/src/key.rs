//! What tells one question from another.
use obs_core::{Call, Fingerprint, FingerprintSecret, Key, LlmRequest};

use crate::Tenants;

/// Changes whenever answers that were kept before must not be found any more: another form of entries, another
/// meaning of a field below.
const VERSION: &[u8] = b"1";

/// The key of a call. No tenant is a tenant of its own, other than the empty one.
pub(crate) fn of<R: LlmRequest>(
    call: &Call<R>,
    tenants: Tenants,
    secret: Option<&FingerprintSecret>,
) -> Key {
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
    key.finish()
}
