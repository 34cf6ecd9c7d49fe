//! A collector that keeps what it gets.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::Metric,
    trace::v1::Span,
};
use prost::Message;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A collector that keeps what it gets.
#[derive(Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    seen: Mutex<Vec<Request>>,
    came: Condvar,
    /// Whether answers are held back.
    held: Mutex<bool>,
    freed: Condvar,
    status: Mutex<Option<u16>>,
    /// Where those are sent who ask.
    elsewhere: Mutex<Option<String>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::<State>::default();
        let serving = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = serving.clone();
                thread::spawn(move || state.serve(&stream));
            }
        });
        Self { address, state }
    }

    /// Holds its answers back until [`free`](Self::free).
    pub(crate) fn hold(&self) {
        *self.state.held.lock().expect("not poisoned") = true;
    }

    pub(crate) fn free(&self) {
        *self.state.held.lock().expect("not poisoned") = false;
        self.state.freed.notify_all();
    }

    /// From now on answers with this status.
    pub(crate) fn refuse(&self, status: u16) {
        *self.state.status.lock().expect("not poisoned") = Some(status);
    }

    /// From now on sends everybody there.
    pub(crate) fn redirect(&self, url: &str) {
        *self.state.elsewhere.lock().expect("not poisoned") = Some(url.to_owned());
        self.refuse(307);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.state.seen.lock().expect("not poisoned").clone()
    }

    /// The first request to this path, when it has come.
    pub(crate) fn wait(&self, path: &str) -> Request {
        let seen = self.state.seen.lock().expect("not poisoned");
        let find = |seen: &[Request]| seen.iter().find(|request| request.path == path).cloned();
        let waited = self
            .state
            .came
            .wait_timeout_while(seen, PATIENCE, |seen| find(seen).is_none());
        let (seen, _) = waited.expect("not poisoned");
        find(&seen).unwrap_or_else(|| panic!("nothing came to {path}: {seen:?}"))
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.seen();
        let requests = requests.iter().filter(|r| r.path.ends_with("/traces"));
        requests.flat_map(Request::spans).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.free();
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() || line.is_empty() {
            return;
        }
        let path = line.split(' ').nth(1).expect("a path").to_owned();
        let mut headers = HashMap::new();
        loop {
            line.clear();
            reader.read_line(&mut line).expect("a header");
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").expect("a length");
        let mut body = vec![0; length.parse().expect("a number")];
        reader.read_exact(&mut body).expect("a body");
        let request = Request {
            path,
            headers,
            body,
        };
        self.seen.lock().expect("not poisoned").push(request);
        self.came.notify_all();
        let held = self.held.lock().expect("not poisoned");
        drop(self.freed.wait_timeout_while(held, PATIENCE, |held| *held));
        let status = self.status.lock().expect("not poisoned").unwrap_or(200);
        let elsewhere = self.elsewhere.lock().expect("not poisoned").clone();
        let location = elsewhere.map_or_else(String::new, |url| format!("location: {url}\r\n"));
        let mut stream = stream;
        let answer = format!(
            "HTTP/1.1 {status} X\r\n{location}content-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        // Whoever asked may have left.
        let _ = stream.write_all(answer.as_bytes());
    }
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    fn body(&self) -> Vec<u8> {
        match self.header("content-encoding") {
            None => self.body.clone(),
            Some("gzip") => {
                let mut body = Vec::new();
                flate2::read::GzDecoder::new(&*self.body)
                    .read_to_end(&mut body)
                    .expect("is gzip");
                body
            }
            Some(other) => panic!("an encoding {other}"),
        }
    }

    pub(crate) fn traces(&self) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest::decode(&*self.body()).expect("is protobuf")
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.traces().resource_spans.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        let request = ExportMetricsServiceRequest::decode(&*self.body()).expect("is protobuf");
        let resources = request.resource_metrics.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).collect()
    }

    /// An attribute of the resource of traces.
    pub(crate) fn resource(&self, key: &str) -> Option<String> {
        let traces = self.traces();
        let resource = traces.resource_spans.first()?.resource.as_ref()?;
        text(&resource.attributes, key)
    }
}

pub(crate) fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    }
}
