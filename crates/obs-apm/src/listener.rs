//! The port where metrics are scraped, on a thread of its own: a scrape waits for no call, and no call for a scrape.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

use crate::{pages::Pages, scrape::Scrape, settings::Address};

/// Most connections at a time; more wait.
const CONNECTIONS: usize = 64;

/// Within this time a connection must have sent the head of its request.
const HEAD: Duration = Duration::from_secs(10);

/// A listening thread. Dropping it ends the thread soon.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    stopped: mpsc::Receiver<()>,
}

impl Listener {
    /// Takes the port at once, so that whoever starts knows whether it was free.
    pub(crate) fn start(address: &Address, scrape: Scrape, pages: Pages) -> io::Result<Self> {
        let listener = TcpListener::bind((address.host.as_str(), address.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopping) = oneshot::channel();
        let (ended, stopped) = mpsc::channel::<()>();
        let listening = async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => tokio::select! {
                    () = accept(listener, scrape, pages) => {}
                    _ = stopping => {}
                },
                Err(error) => tracing::warn!(%error, "metrics cannot be scraped"),
            }
        };
        thread::Builder::new()
            .name("obs-metrics".to_owned())
            .spawn(move || {
                runtime.block_on(listening);
                drop(runtime);
                drop(ended);
            })?;
        Ok(Self {
            address,
            stop: Some(stop),
            stopped,
        })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives the port back, and waits for that no longer than this.
    pub(crate) fn stop(mut self, limit: Duration) {
        drop(self.stop.take());
        // The other half is dropped at the end: nothing is ever sent.
        let _ = self.stopped.recv_timeout(limit);
    }
}

async fn accept(listener: tokio::net::TcpListener, scrape: Scrape, pages: Pages) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(connection) = connections.clone().acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Most likely there are no file handles left, which is not mended by trying at once.
                tracing::debug!(%error, "a scrape could not connect");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (scrape, pages) = (scrape.clone(), pages.clone());
        let answer = service_fn(move |request| {
            let answer = answer(&request, &scrape, &pages);
            async move { Ok::<_, Infallible>(answer) }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), answer);
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::debug!(%error, "a scrape was cut off");
            }
            drop(connection);
        });
    }
}

fn answer(request: &Request<Incoming>, scrape: &Scrape, pages: &Pages) -> Response<Full<Bytes>> {
    let say = |status, kind, body: Bytes| {
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    };
    const TEXT: &str = "text/plain; charset=utf-8";
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let body = Bytes::from_static(b"only GET and HEAD are answered here\n");
        return say(StatusCode::METHOD_NOT_ALLOWED, TEXT, body);
    }
    match request.uri().path() {
        "/metrics" => say(StatusCode::OK, Scrape::CONTENT_TYPE, scrape.render().into()),
        path => match pages.find(path) {
            Some(page) => say(StatusCode::OK, page.content_type, (page.write)()),
            None => {
                let body = Bytes::from_static(b"the metrics are at /metrics\n");
                say(StatusCode::NOT_FOUND, TEXT, body)
            }
        },
    }
}
