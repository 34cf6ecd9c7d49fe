//! Encrypted connections.
use std::{path::Path, sync::Arc};

use fred::types::config::TlsConnector;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::ConfigError;

/// Trusts the authorities in this file, else those of the system. The provider of cryptography is named: which one
/// is the process's default is another's choice.
pub(crate) fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, ConfigError> {
    let roots = match ca_file {
        Some(path) => from_file(path)?,
        None => from_system()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::new(format!("tls cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config.into())
}

fn from_file(path: &Path) -> Result<RootCertStore, ConfigError> {
    let bad = |cause: String| ConfigError::new(format!("ca file {}: {cause}", path.display()));
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(bad("it holds no certificate in PEM form".into()));
    }
    Ok(roots)
}

fn from_system() -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let help = "the system has no certificate authorities to trust: install ca-certificates, or name a ca file";
        return Err(ConfigError::new(help.into()));
    }
    Ok(roots)
}
