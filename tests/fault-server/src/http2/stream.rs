//! One stream of HTTP/2.
use std::{
    future::{self, poll_fn},
    sync::atomic::Ordering,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream, server::SendResponse};
use http::{Request, Response, header::CONTENT_LENGTH};
use tokio::{select, sync::oneshot};

use super::{Connection, Order};
use crate::{
    log::Ending,
    reply::{Framing, GoAway, Head, Reply, Step},
    shared::Seat,
};

/// The client has left, or the connection is gone.
struct Gone;

/// Before the head and after it.
enum Phase {
    Asked(SendResponse<Bytes>),
    Answering(SendStream<Bytes>),
}

struct Performance<'a> {
    connection: &'a Connection,
    phase: Phase,
    pace: Duration,
    finished: bool,
}

/// A request with all of its body, unless the client leaves before.
pub(super) async fn receive(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
) -> Option<(Request<Bytes>, SendResponse<Bytes>)> {
    let (head, mut stream) = request.into_parts();
    let mut body = BytesMut::new();
    while let Some(data) = stream.data().await {
        let data = data.ok()?;
        body.extend_from_slice(&data);
        stream.flow_control().release_capacity(data.len()).ok()?;
    }
    Some((Request::from_parts(head, body.freeze()), respond))
}

/// Performs the reply.
pub(super) async fn serve(
    connection: &Connection,
    seat: Seat,
    reply: Reply,
    respond: SendResponse<Bytes>,
) {
    let mut performance = Performance {
        connection,
        phase: Phase::Asked(respond),
        pace: Duration::ZERO,
        finished: false,
    };
    let how = match performance.perform(reply).await {
        Ok(how) => how,
        Err(Gone) if connection.cut.load(Ordering::Relaxed) => Ending::CutOff,
        Err(Gone) => Ending::ClientClosed,
    };
    seat.end(how);
}

impl Performance<'_> {
    async fn perform(&mut self, reply: Reply) -> Result<Ending, Gone> {
        for step in reply.steps {
            match step {
                Step::Wait(time) => self.wait(time).await?,
                Step::Pace(time) => self.pace = time,
                Step::Head(head) => self.head(head)?,
                Step::Send(bytes) => self.send(bytes).await?,
                Step::Repeat { bytes, every } => loop {
                    self.send(bytes.clone()).await?;
                    self.wait(every).await?;
                },
                Step::Finish => self.finish()?,
                Step::Hang => return Err(self.gone().await),
                Step::Close => return self.order(Order::Close(Vec::new())).await,
                Step::Reset => return self.order(Order::Reset).await,
                Step::GoAway(GoAway::Graceful) => self.tell(Order::Drain),
                Step::GoAway(GoAway::Abrupt(code)) => {
                    let frame = super::go_away(self.phase.last_stream(), code);
                    return self.order(Order::Close(frame)).await;
                }
                Step::ResetStream(code) => {
                    self.flush().await?;
                    self.phase.reset(Reason::from(code));
                    return Ok(Ending::CutOff);
                }
                Step::Raw(_) => unreachable!("replies are made to fit the version"),
            }
        }
        match self.phase {
            Phase::Asked(_) => self.order(Order::Close(Vec::new())).await,
            Phase::Answering(_) => {
                self.finish()?;
                Ok(Ending::Answered)
            }
        }
    }

    async fn wait(&mut self, time: Duration) -> Result<(), Gone> {
        let tempo = self.connection.tempo;
        select! {
            biased;
            () = tempo.sleep(time) => Ok(()),
            gone = self.gone() => Err(gone),
        }
    }

    async fn gone(&mut self) -> Gone {
        poll_fn(|cx| self.phase.poll_gone(cx)).await;
        Gone
    }

    fn head(&mut self, head: Head) -> Result<(), Gone> {
        let Phase::Asked(respond) = &mut self.phase else {
            // A second head is a mistake of a script, and is left out.
            return Ok(());
        };
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        if let Framing::Length(length) = head.framing {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        let stream = respond.send_response(response, false).map_err(|_| Gone)?;
        self.phase = Phase::Answering(stream);
        Ok(())
    }

    async fn send(&mut self, bytes: Bytes) -> Result<(), Gone> {
        if self.pace.is_zero() {
            return self.phase.send(bytes).await;
        }
        for at in 0..bytes.len() {
            self.wait(self.pace).await?;
            self.phase.send(bytes.slice(at..=at)).await?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Gone> {
        if let Phase::Answering(stream) = &mut self.phase
            && !self.finished
        {
            self.finished = true;
            stream.send_data(Bytes::new(), true).map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// A reset would drop what is not sent yet.
    async fn flush(&mut self) -> Result<(), Gone> {
        let (done, flushed) = oneshot::channel();
        self.tell(Order::Flush(done));
        flushed.await.map_err(|_| Gone)
    }

    /// Tells the connection to end, and waits for that: until then this stream must not end in another way.
    async fn order(&mut self, order: Order) -> Result<Ending, Gone> {
        self.tell(order);
        if self.finished {
            return Ok(Ending::Answered);
        }
        Err(self.gone().await)
    }

    fn tell(&self, order: Order) {
        // Without a connection there is nothing left to order.
        let _ = self.connection.orders.send(order);
    }
}

impl Phase {
    async fn send(&mut self, mut bytes: Bytes) -> Result<(), Gone> {
        let Self::Answering(stream) = self else {
            // A body without a head is a mistake of a script: nothing can come of it.
            return future::pending().await;
        };
        while !bytes.is_empty() {
            stream.reserve_capacity(bytes.len());
            let Some(Ok(capacity)) = poll_fn(|cx| stream.poll_capacity(cx)).await else {
                return Err(Gone);
            };
            let now = bytes.split_to(capacity.min(bytes.len()));
            stream.send_data(now, false).map_err(|_| Gone)?;
        }
        Ok(())
    }

    fn reset(&mut self, reason: Reason) {
        match self {
            Self::Asked(respond) => respond.send_reset(reason),
            Self::Answering(stream) => stream.send_reset(reason),
        }
    }

    /// The last stream that was dealt with: before the head this one has not been.
    fn last_stream(&self) -> u32 {
        match self {
            Self::Asked(respond) => respond.stream_id().as_u32().saturating_sub(2),
            Self::Answering(stream) => stream.stream_id().as_u32(),
        }
    }

    /// Ready when the client has reset the stream, or the connection has ended.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Asked(respond) => respond.poll_reset(cx).map(drop),
            Self::Answering(stream) => stream.poll_reset(cx).map(drop),
        }
    }
}
