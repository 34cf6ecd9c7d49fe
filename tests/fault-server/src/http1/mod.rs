//! HTTP/1.1 by hand, because a library would not let us get it wrong.
mod read;
mod write;

use http::{HeaderMap, Version, header::CONNECTION};
use tokio::{io::AsyncWriteExt, select};

use self::{
    read::Reader,
    write::{Next, Writer},
};
use crate::{log::Ending, shared::Peer, tempo::Tempo, wire::Wire};

/// Serves requests one by one, and watches for a client that leaves. A client that only ends its own direction has
/// left, too.
pub(crate) async fn serve(tempo: Tempo, mut peer: Peer, wire: Wire) {
    let mut to = wire.clone();
    let mut reader = Reader::new(wire);
    loop {
        let request = match reader.request(&mut to).await {
            Ok(Some(request)) => request,
            Err(reply) => {
                // It is not known where the next request begins, so this is the end.
                let _ = Writer::new(&mut to, tempo).perform(reply).await;
                break;
            }
            Ok(None) => return,
        };
        let last = request.version() == Version::HTTP_10 || closes(request.headers());
        let (seat, reply) = peer.receive(request);
        let next = select! {
            biased;
            next = Writer::new(&mut to, tempo).perform(reply) => next,
            () = reader.closed() => Ok(Next::Left),
        };
        match next {
            Ok(Next::Request) => {
                seat.end(Ending::Answered);
                if last {
                    break;
                }
            }
            Ok(Next::Close { finished }) => {
                // The client is to find the connection closed when it hears that the request has ended.
                let _ = to.shutdown().await;
                seat.end(if finished {
                    Ending::Answered
                } else {
                    Ending::CutOff
                });
                return;
            }
            Ok(Next::Reset) => {
                to.reset();
                drop((reader, to));
                seat.end(Ending::CutOff);
                return;
            }
            Ok(Next::Left) | Err(_) => {
                seat.end(Ending::ClientClosed);
                return;
            }
        }
    }
    // Whether the client still listens is its own business.
    let _ = to.shutdown().await;
}

fn closes(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.eq_ignore_ascii_case("close"))
}
