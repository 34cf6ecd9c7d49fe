//! TLS by rustls with ring, and the certificates that the system trusts.

use std::{fs, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

/// `certificate`: a PEM file with more to trust.
pub(super) fn config(certificate: Option<&str>) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let extra = match certificate {
        Some(file) => certificates(file)?,
        None => Vec::new(),
    };
    let verifier = verifier(extra, provider.clone())
        .map_err(|error| format!("there are no certificates to trust: {error}"))?;
    Ok(builder(provider)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// For connections without TLS: trusts nobody.
pub(super) fn none() -> Result<ClientConfig, String> {
    Ok(builder(Arc::new(ring::default_provider()))?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn builder(
    provider: Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no TLS: {error}"))
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

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = fs::read(file).map_err(|error| format!("cannot read {file}: {error}"))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|error| format!("{file} is no PEM: {error}"))?;
    match all.is_empty() {
        false => Ok(all),
        true => Err(format!("{file} holds no certificate")),
    }
}
