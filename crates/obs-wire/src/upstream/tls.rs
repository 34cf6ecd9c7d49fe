//! TLS by rustls with ring, and the certificates that the system trusts.
use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

use super::build_error::BuildError;

/// Whether TLS will be spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Surely,
    /// With a proxy, which the environment may name.
    Perhaps,
    /// The certificates of the system need not be read.
    Never,
}

pub(super) fn config(trusted: &[Vec<u8>], need: Need) -> Result<ClientConfig, BuildError> {
    let provider = Arc::new(ring::default_provider());
    let extra = certificates(trusted)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::new("base_url", format!("cannot use TLS: {error}")))?;
    let found = match need {
        Need::Never => None,
        Need::Perhaps => verifier(extra, provider).ok(),
        Need::Surely => Some(verifier(extra, provider).map_err(|error| {
            let problem = format!(
                "needs certificates to trust, and there are none ({error}): install the system's certificates \
                 (`ca-certificates`), or give your own to trust"
            );
            BuildError::new("base_url", problem)
        })?),
    };
    let mut config = match found {
        Some(verifier) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth(),
        // Nobody is trusted.
        None => builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(not(target_os = "android"))]
fn verifier(
    extra: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, rustls::Error> {
    Verifier::new_with_extra_roots(extra, provider)
}

/// There the system alone decides whom to trust.
#[cfg(target_os = "android")]
fn verifier(
    _extra: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, rustls::Error> {
    Verifier::new(provider)
}

fn certificates(pems: &[Vec<u8>]) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let wrong = |problem: String| BuildError::new("trust", problem);
    let mut all = Vec::new();
    for pem in pems {
        let before = all.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            all.push(certificate.map_err(|error| wrong(format!("is no PEM: {error}")))?);
        }
        if all.len() == before {
            return Err(wrong("holds no certificate: expected PEM".to_owned()));
        }
    }
    Ok(all)
}
