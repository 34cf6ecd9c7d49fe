//! Clients that come with TLS.
use fault_server::{FaultServer, TlsFault};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::client::seconds;

/// How a client hello begins: a handshake record of TLS 1.0, a hello of TLS 1.2.
const HELLO: &[u8] = &[0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x03];

#[tokio::test(start_paused = true)]
async fn a_hello_is_answered_with_what_is_none() {
    let cases: [(&str, &[u8]); 3] = [
        (
            "garbage",
            b"this is not the server hello that you are looking for\r\n",
        ),
        ("alert", &[0x15, 3, 3, 0, 2, 2, 40]),
        ("close", b""),
    ];
    for (name, wanted) in cases {
        let server = FaultServer::builder()
            .tls(name.parse().expect("is one"))
            .in_memory();
        let mut connection = server.connect();
        connection.write_all(HELLO).await.expect("is open");
        let mut answer = Vec::new();
        connection
            .read_to_end(&mut answer)
            .await
            .expect("is closed in order");
        assert_eq!(answer, wanted, "{name}");
        assert_eq!(server.log().tls_hellos(), 1);
        drop(connection);
        server.until(|log| log.open() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hello_may_never_be_answered() {
    let server = FaultServer::builder().tls(TlsFault::Silent).in_memory();
    let mut connection = server.connect();
    connection.write_all(HELLO).await.expect("is open");
    assert!(timeout(seconds(3600), connection.read_u8()).await.is_err());
    drop(connection);
    server.until(|log| log.open() == 0).await;
}

#[test]
fn an_unknown_way_is_told_with_those_that_are_known() {
    let error = "rot13".parse::<TlsFault>().expect_err("is none");
    assert_eq!(
        error.to_string(),
        "a TLS fault is one of garbage, alert, close, silent, not `rot13`"
    );
}
