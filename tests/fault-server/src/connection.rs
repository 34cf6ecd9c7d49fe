//! One connection, from its first byte to its last.
use std::sync::Arc;

use crate::{
    http1, http2,
    log::Log,
    shared::{Peer, Shared},
    tls,
    wire::{Protocol, Wire},
};

pub(crate) async fn serve(shared: Arc<Shared>, mut wire: Wire) {
    let peer = Peer::new(Arc::clone(&shared));
    match wire.sniff().await {
        Some(Protocol::Http1) => http1::serve(shared.tempo, peer, wire).await,
        Some(Protocol::Http2) => http2::serve(shared.tempo, peer, wire).await,
        Some(Protocol::Tls) => {
            shared.log.send_modify(Log::greeted_by_tls);
            tls::refuse(shared.tls, wire).await;
        }
        None => {}
    }
}
