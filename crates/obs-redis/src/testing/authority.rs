//! Certificates for servers on the loopback address.
use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, IsCa, KeyPair,
};
use tempfile::TempDir;

/// An authority of its own, with a certificate that is good for `localhost` and 127.0.0.1, and for nothing else.
#[derive(Debug)]
pub struct Authority {
    dir: TempDir,
    ca: PathBuf,
}

impl Authority {
    /// Makes keys and certificates.
    ///
    /// # Panics
    ///
    /// If that fails.
    #[must_use]
    pub fn new() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let key = || KeyPair::generate().expect("randomness");
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key()).expect("an authority");
        let names = ["localhost".into(), "127.0.0.1".into()];
        let mut params = CertificateParams::new(names).expect("good names");
        // Else it has the name of the authority, and passes for one that has signed itself.
        params.distinguished_name = DistinguishedName::new();
        let server_key = key();
        let server = params.signed_by(&server_key, &authority);
        let write = |name: &str, text: String| {
            let path = dir.path().join(name);
            fs::write(&path, text).expect("written");
            path
        };
        let ca = write("ca.pem", authority.pem());
        write("server.pem", server.expect("a certificate").pem());
        write("server.key", server_key.serialize_pem());
        Self { dir, ca }
    }

    /// Where its own certificate is, in PEM form: what a client is to trust.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        &self.ca
    }

    /// The file with the server's private key.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.dir.path().join("server.key")
    }

    /// By which a server speaks TLS alone, also to other servers.
    pub(super) fn server_args(&self) -> Vec<String> {
        let path = |name: &str| {
            let path = self.dir.path().join(name);
            path.to_str().expect("text").to_owned()
        };
        let args = [
            ("--tls-port", "{port}".into()),
            ("--tls-cert-file", path("server.pem")),
            ("--tls-key-file", path("server.key")),
            ("--tls-ca-cert-file", path("ca.pem")),
            ("--tls-auth-clients", "no".into()),
            ("--tls-replication", "yes".into()),
        ];
        let pairs = args.into_iter().map(|(name, value)| [name.into(), value]);
        pairs.flatten().collect()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
