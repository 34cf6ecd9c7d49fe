//! HTTP/2 that is agreed on while encryption is: a provider behind TLS, as real ones are.
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use fault_server::FaultServer;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::setup::Faulty;

const H2: &str = "h2";
const HTTP_1: &str = "http/1.1";

/// What takes encryption off in front of a provider, and what was agreed on with each connection.
struct Front {
    address: SocketAddr,
    agreed: Arc<Mutex<Vec<String>>>,
    certificate: tempfile::NamedTempFile,
}

impl Front {
    /// Offers these protocols.
    async fn of(to: SocketAddr, offers: &[&str]) -> Self {
        let names = vec!["localhost".into(), "127.0.0.1".into()];
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).unwrap();
        let certificate = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(certificate.path(), cert.pem()).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(cert.pem().as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(signing_key.serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut config = config
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = offers.iter().map(|of| of.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let agreed = Arc::<Mutex<Vec<String>>>::default();
        let tells = agreed.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (acceptor, tells) = (acceptor.clone(), tells.clone());
                tokio::spawn(async move {
                    let Ok(mut inner) = acceptor.accept(connection).await else {
                        return;
                    };
                    let of = inner.get_ref().1.alpn_protocol().unwrap_or_default();
                    let of = String::from_utf8_lossy(of).into_owned();
                    tells.lock().unwrap().push(of);
                    let mut plain = TcpStream::connect(to).await.unwrap();
                    // However it ends, both ends hear of it.
                    let _ = tokio::io::copy_bidirectional(&mut inner, &mut plain).await;
                });
            }
        });
        Self {
            address,
            agreed,
            certificate,
        }
    }

    fn agreed(&self) -> Vec<String> {
        self.agreed.lock().unwrap().clone()
    }
}

/// A gateway whose provider is behind such a front.
async fn behind(fault: &str, offers: &[&str], more: &str) -> (Faulty, Front) {
    let server = FaultServer::builder();
    let server = server.tempo(crate::setup::TEMPO).start().await.unwrap();
    let front = Front::of(server.address().unwrap(), offers).await;
    let provider = format!(
        "base_url = \"https://{}/v1\"\nca_file = \"{}\"\n{more}",
        front.address,
        front.certificate.path().display(),
    );
    (Faulty::at(server, fault, &provider).await, front)
}

#[tokio::test]
async fn the_newest_protocol_that_a_provider_offers_is_spoken() {
    for (offers, spoken) in [
        (&[H2, HTTP_1][..], H2),
        (&[HTTP_1], HTTP_1),
        // Who agrees on nothing speaks the old one.
        (&[], ""),
    ] {
        let (faulty, front) = behind("ok", offers, "").await;
        for streamed in [false, true] {
            faulty.ask(streamed, &[]).await.assert_whole("cheap");
        }
        assert_eq!(front.agreed(), [spoken], "one connection for both calls");
    }
}

#[tokio::test]
async fn http_2_alone_is_agreed_on_as_well() {
    let (faulty, front) = behind("ok", &[H2, HTTP_1], "http2 = true\n").await;
    faulty.streamed().await.assert_whole("cheap");
    assert_eq!(front.agreed(), [H2]);
}

#[tokio::test]
async fn a_farewell_over_an_encrypted_connection_costs_no_call() {
    let (faulty, front) = behind("h2-goaway-graceful", &[H2, HTTP_1], "").await;
    for _ in 0..3 {
        faulty.streamed().await.assert_whole("cheap");
    }
    faulty.assert_asked(3, 0);
    let agreed = front.agreed();
    assert!(agreed.len() > 1, "a new connection after each farewell");
    assert!(agreed.iter().all(|of| of == H2), "{agreed:?}");
    let (faulty, front) = behind("h2-goaway-once", &[H2, HTTP_1], "").await;
    faulty.plain().await.assert_whole("cheap");
    faulty.assert_asked(2, 0);
    assert_eq!(front.agreed(), [H2, H2]);
}
