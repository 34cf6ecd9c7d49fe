//! Clients that come with TLS.
use std::str::FromStr;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::wire::Wire;

/// What a client meets that begins with TLS. The server speaks none, so there is no way to succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsFault {
    /// Bytes that are no TLS.
    #[default]
    Garbage,
    /// A fatal alert: handshake failure.
    Alert,
    /// The end of the connection.
    Close,
    /// Nothing at all.
    Silent,
}

/// There is no such way to fail.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("a TLS fault is one of garbage, alert, close, silent, not `{0}`")]
pub struct UnknownTlsFault(String);

impl FromStr for TlsFault {
    type Err = UnknownTlsFault;

    fn from_str(name: &str) -> Result<Self, UnknownTlsFault> {
        match name {
            "garbage" => Ok(Self::Garbage),
            "alert" => Ok(Self::Alert),
            "close" => Ok(Self::Close),
            "silent" => Ok(Self::Silent),
            _ => Err(UnknownTlsFault(name.into())),
        }
    }
}

pub(crate) async fn refuse(fault: TlsFault, mut wire: Wire) {
    let said: &[u8] = match fault {
        TlsFault::Garbage => b"this is not the server hello that you are looking for\r\n",
        // A record of type alert, TLS 1.2, two bytes: fatal, handshake failure.
        TlsFault::Alert => &[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28],
        TlsFault::Close | TlsFault::Silent => b"",
    };
    if fault != TlsFault::Close {
        // Whether it gets this or has left: the next read tells.
        let _ = wire.write_all(said).await;
    }
    if fault != TlsFault::Silent {
        let _ = wire.shutdown().await;
    }
    // Unread bytes would turn the end into a reset, so they are read until the client leaves.
    let mut ignored = [0; 4096];
    while matches!(wire.read(&mut ignored).await, Ok(length) if length > 0) {}
}
