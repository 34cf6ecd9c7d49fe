//! HTTP/2 for clients that begin with it, without TLS and without an upgrade.
mod stream;

use std::{
    future::poll_fn,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use h2::server;
use tokio::{
    select,
    sync::{mpsc, oneshot},
};

use crate::{shared::Peer, tempo::Tempo, wire::Wire};

/// What a stream wants of its connection. Whatever it sent before goes out first.
#[derive(Debug)]
enum Order {
    /// Nothing else.
    Flush(oneshot::Sender<()>),
    /// GOAWAY, once without an error, and the end when all streams have ended.
    Drain,
    /// The end, after this frame.
    Close(Vec<u8>),
    Reset,
}

/// What streams share.
#[derive(Debug)]
struct Connection {
    tempo: Tempo,
    orders: mpsc::UnboundedSender<Order>,
    /// Whether the server ended the connection by force.
    cut: AtomicBool,
}

pub(crate) async fn serve(tempo: Tempo, mut peer: Peer, wire: Wire) {
    // The library chooses the last stream of a GOAWAY itself, and not as we need it: the last frame is ours.
    let last = wire.clone();
    let Ok(mut frames) = server::handshake(wire).await else {
        return;
    };
    let (orders, mut inbox) = mpsc::unbounded_channel();
    let connection = Connection {
        tempo,
        orders,
        cut: AtomicBool::new(false),
    };
    let mut bodies = FuturesUnordered::new();
    let mut streams = FuturesUnordered::new();
    let end = loop {
        select! {
            accepted = frames.accept() => match accepted {
                Some(Ok((request, respond))) => bodies.push(stream::receive(request, respond)),
                Some(Err(_)) | None => break None,
            },
            Some(received) = bodies.next() => {
                if let Some((request, respond)) = received {
                    let (seat, reply) = peer.receive(request);
                    streams.push(stream::serve(&connection, seat, reply, respond));
                }
            }
            Some(()) = streams.next() => {}
            Some(order) = inbox.recv() => {
                // A poll writes what is there to write. A request that it may find is dropped, which resets it.
                poll_fn(|cx| Poll::Ready(frames.poll_accept(cx).is_ready())).await;
                match order {
                    // A stream that is gone does not wait for this.
                    Order::Flush(done) => drop(done.send(())),
                    Order::Drain => frames.graceful_shutdown(),
                    end => break Some(end),
                }
            }
        }
    };
    connection.cut.store(end.is_some(), Ordering::Relaxed);
    drop((frames, bodies));
    match end {
        Some(Order::Close(frame)) => last.part(&frame).await,
        Some(_) => last.reset(),
        None => {}
    }
    // The streams find their connection gone, and end.
    while streams.next().await.is_some() {}
}

/// GOAWAY, RFC 9113, section 6.8.
fn go_away(last_stream: u32, code: u32) -> Vec<u8> {
    let (length, kind, flags, stream) = (8_u32, 0x7, 0x0, 0_u32);
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    for number in [stream, last_stream, code] {
        frame.extend(number.to_be_bytes());
    }
    frame
}
