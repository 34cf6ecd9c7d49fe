//! How requests, tenants and sessions are hashed.
use obs_core::FingerprintSecret;

use crate::settings::Settings;

/// The key of all hashes.
pub(crate) fn secret(settings: &Settings) -> Option<FingerprintSecret> {
    let key = settings.cache.key.as_ref()?;
    Some(FingerprintSecret::new(key.expose().as_bytes()))
}
