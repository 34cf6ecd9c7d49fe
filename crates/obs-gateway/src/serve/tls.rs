//! Encryption, with a certificate of the operator's.
use std::{fmt, io, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{build_error::BuildError, settings::Server};

/// Accepts encrypted connections.
#[derive(Clone)]
pub(crate) struct Tls(TlsAcceptor);

impl Tls {
    /// Reads both files: for a certificate that was renewed, settings need only be loaded again. `None`: nothing is to
    /// be encrypted.
    pub(crate) fn of(settings: &Server) -> Result<Option<Self>, BuildError> {
        match (&settings.tls_cert, &settings.tls_key) {
            (Some(cert), Some(key)) => Self::new(cert, key).map(Some),
            _ => Ok(None),
        }
    }

    fn new(cert_file: &Path, key_file: &Path) -> Result<Self, BuildError> {
        let cert = read("server.tls_cert", cert_file)?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&cert).collect();
        let certificates = match certificates {
            Ok(found) if !found.is_empty() => found,
            Ok(_) => {
                return Err(bad(
                    "server.tls_cert",
                    cert_file,
                    "has no certificate in PEM form",
                ));
            }
            Err(error) => {
                let problem = format!("is no PEM: {error}");
                return Err(bad("server.tls_cert", cert_file, &problem));
            }
        };
        let key = read("server.tls_key", key_file)?;
        // What is wrong with a key is not shown: the words might hold a part of it.
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|_| bad("server.tls_key", key_file, "has no private key in PEM form"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| BuildError::new(format!("TLS: {error}")))?
            .with_no_client_auth()
            .with_single_cert(certificates, key);
        let mut config = config.map_err(|error| {
            let problem = format!("does not go with {}: {error}", key_file.display());
            bad("server.tls_cert", cert_file, &problem)
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(super) async fn accept<Io>(&self, connection: Io) -> io::Result<TlsStream<Io>>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        self.0.accept(connection).await
    }
}

fn read(setting: &str, file: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(file).map_err(|error| bad(setting, file, &format!("cannot be read: {error}")))
}

fn bad(setting: &str, file: &Path, problem: &str) -> BuildError {
    BuildError::new(format!("{setting}: {} {problem}", file.display()))
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(..)")
    }
}
