//! The HTTP client of the exporters. It blocks the thread, which is one of their own.

use std::{future::ready, io::Read, pin::Pin, thread};

use bytes::Bytes;
use http::{
    HeaderMap, Request, Response,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName},
};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::{blocking, redirect};

use super::{target::Target, tls};

/// Most bytes that are read of an answer.
const ANSWER: u64 = 64 * 1024;

/// What the exporter says; the rest it may have from variables that are not those of this telemetry.
const KEPT: [HeaderName; 2] = [CONTENT_TYPE, CONTENT_ENCODING];

/// The HTTP client of one exporter.
#[derive(Debug)]
pub(super) struct Client {
    http: blocking::Client,
    headers: HeaderMap,
}

impl Client {
    pub(super) fn new(target: &Target) -> Result<Self, String> {
        let tls = match target.endpoint.starts_with("https:") {
            true => Some(tls::config(target.certificate.as_deref())?),
            false => None,
        };
        let timeout = target.timeout;
        let build = move || {
            let builder = blocking::Client::builder()
                .timeout(timeout)
                .redirect(redirect::Policy::none())
                .referer(false)
                .user_agent(concat!("obs-apm/", env!("CARGO_PKG_VERSION")));
            let builder = match tls {
                Some(tls) => builder.tls_backend_preconfigured(tls),
                None => builder.tls_backend_preconfigured(tls::none()?),
            };
            let http = builder.build();
            http.map_err(|error| format!("no HTTP client: {error}"))
        };
        // A thread of its own, because it may not be made inside of a runtime.
        let making = thread::Builder::new().spawn(build);
        let making =
            making.map_err(|error| format!("no thread to make an HTTP client: {error}"))?;
        let made = making.join();
        let http = made.map_err(|_| "the HTTP client panicked when it was made".to_owned())??;
        Ok(Self {
            http,
            headers: target.headers.clone(),
        })
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let mut headers = self.headers.clone();
        for name in KEPT {
            if let Some(value) = parts.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        let request = self.http.request(parts.method, parts.uri.to_string());
        let mut answer = request.headers(headers).body(body).send()?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let mut body = Vec::new();
        answer.take(ANSWER).read_to_end(&mut body)?;
        *response.body_mut() = body.into();
        Ok(response)
    }
}

impl HttpClient for Client {
    fn send_bytes<'this, 'sent>(
        &'this self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'this: 'sent,
        Self: 'sent,
    {
        Box::pin(ready(self.send(request)))
    }
}
