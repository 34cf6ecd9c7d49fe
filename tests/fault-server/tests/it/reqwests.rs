//! A client over sockets.

/// To be configured. Where another crate of the workspace switches TLS on in `reqwest`, it wants a provider of cryptography.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    // Another test was first: that one will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}
