//! What goes to a provider, and what comes back.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use obs_core::{
    AttemptLayer, Call, CallContext, Deadline, ErrorKind, Finish, LlmResponse, PriceTable,
};
use obs_openai::{ConnectError, DEADLINE, EmbeddingRequest, TellDeadline, Upstream};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};
use tower::{Layer, ServiceExt};

use crate::provider::{
    ANSWER, DONE, End, Provider, USAGE, ask, collect, events, finish_chunk, json_answer, question,
    serve, soon, text_chunk, upstream, watched_body,
};

const CA: &[u8] = include_bytes!("../data/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../data/localhost.pem");
const KEY: &[u8] = include_bytes!("../data/localhost.key");

fn caller() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", "Bearer callers"),
        ("openai-organization", "org"),
        ("x-request-id", "r1"),
        ("user-agent", "tests"),
        ("cookie", "c"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

#[tokio::test]
async fn a_question_goes_out_and_the_answer_comes_back_byte_for_byte() {
    let mut provider = Provider::new(|_| json_answer(ANSWER)).await;
    let request = question();
    let answer = ask(&provider.base, request.clone()).await.unwrap();
    assert_eq!(answer.body().unwrap(), ANSWER);
    assert_eq!(answer.model(), Some("m-2026"));
    assert_eq!(answer.finish(), Some(Finish::Stop));
    assert_eq!(answer.usage().unwrap().output, 2);
    let mut text = String::new();
    answer.visit_text(&mut |piece| text.push_str(piece));
    assert_eq!(text, "hi");

    let seen = provider.next();
    assert_eq!(
        (seen.method.as_str(), seen.uri.path()),
        ("POST", "/v1/chat/completions")
    );
    assert_eq!(seen.body, request.body());
    assert_eq!(seen.headers["content-type"], "application/json");
    assert!(
        !seen.headers.contains_key("accept-encoding"),
        "nothing is decompressed here"
    );
    assert!(!seen.headers.contains_key(DEADLINE));
}

#[tokio::test]
async fn the_operators_key_replaces_the_caller() {
    let mut provider = Provider::new(|_| json_answer(ANSWER)).await;
    let upstream = upstream(&provider.base)
        .api_key("sk-1")
        .header("x-team", "blue");
    let upstream = upstream.build().unwrap();
    upstream
        .oneshot(question().headers(&caller()))
        .await
        .unwrap();
    let seen = provider.next().headers;
    assert_eq!(seen["authorization"], "Bearer sk-1");
    assert_eq!(
        (&seen["x-team"], &seen["x-request-id"]),
        (&"blue".parse().unwrap(), &"r1".parse().unwrap())
    );
    assert_eq!(seen["user-agent"], "tests");
    assert!(!seen.contains_key("openai-organization") && !seen.contains_key("cookie"));
}

#[tokio::test]
async fn without_a_key_the_callers_credential_is_passed_on() {
    let mut provider = Provider::new(|_| json_answer(ANSWER)).await;
    ask(&provider.base, question().headers(&caller()))
        .await
        .unwrap();
    let seen = provider.next().headers;
    assert_eq!(seen["authorization"], "Bearer callers");
    assert_eq!(seen["openai-organization"], "org");
    assert!(!seen.contains_key("cookie"));
}

#[tokio::test]
async fn headers_of_the_provider_are_kept() {
    let provider = Provider::new(|_| {
        let mut answer = json_answer(ANSWER);
        for name in [
            "x-request-id",
            "x-ratelimit-remaining-requests",
            "openai-version",
            "set-cookie",
        ] {
            answer
                .headers_mut()
                .insert(name, HeaderValue::from_static("7"));
        }
        answer
    })
    .await;
    let answer = ask(&provider.base, question()).await.unwrap();
    let mut names: Vec<_> = answer.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "openai-version",
            "x-ratelimit-remaining-requests",
            "x-request-id"
        ]
    );
}

#[tokio::test]
async fn what_is_left_of_the_deadline_goes_along() {
    let mut provider = Provider::new(|_| json_answer(ANSWER)).await;
    let upstream = upstream(&provider.base).build().unwrap();
    let deadline = Deadline::after(Duration::from_secs(60), Duration::ZERO);
    upstream
        .oneshot(Call::new(question()).deadline(deadline))
        .await
        .unwrap();
    let left: u64 = provider.next().headers[DEADLINE]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((50_000..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn it_goes_along_in_the_headers_that_are_set() {
    for (tells, http, grpc) in [
        (TellDeadline::Both, true, true),
        (TellDeadline::Http, true, false),
        (TellDeadline::Grpc, false, true),
        (TellDeadline::Nowhere, false, false),
    ] {
        let mut provider = Provider::new(|_| json_answer(ANSWER)).await;
        let upstream = upstream(&provider.base).tell_deadline(tells);
        let deadline = Deadline::after(Duration::from_secs(60), Duration::ZERO);
        // What was spent before is not told.
        let spent = Duration::from_secs(20);
        let deadline = deadline.within(Duration::from_secs(60) - spent, Duration::ZERO);
        let call = Call::new(question()).deadline(deadline);
        upstream.build().unwrap().oneshot(call).await.unwrap();
        let seen = provider.next().headers;
        assert_eq!(seen.contains_key(DEADLINE), http, "{tells:?}");
        let left = seen.get("grpc-timeout").map(|left| left.to_str().unwrap());
        assert_eq!(left.is_some(), grpc, "{tells:?}");
        if let Some(left) = left {
            let left = Deadline::from_grpc_timeout(left).unwrap().remaining();
            let expected = Duration::from_secs(30)..=Duration::from_secs(40);
            assert!(expected.contains(&left.unwrap()), "{left:?}");
        }
    }
}

#[tokio::test]
async fn a_call_without_time_left_costs_nothing_upstream() {
    let mut provider = Provider::new(|_| json_answer(ANSWER)).await;
    let upstream = upstream(&provider.base).build().unwrap();
    let deadline = Deadline::after(Duration::ZERO, Duration::ZERO);
    let error = upstream
        .oneshot(Call::new(question()).deadline(deadline))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(provider.seen.try_recv().is_err());
}

#[tokio::test]
async fn headers_can_be_added_for_each_call() {
    let mut provider = Provider::new(|_| json_answer(ANSWER)).await;
    let upstream = upstream(&provider.base).prepare(|context, headers| {
        let tenant = context.tenant.as_deref().unwrap_or("none");
        headers.insert("x-tenant", tenant.parse().unwrap());
    });
    let upstream = upstream.build().unwrap();
    upstream
        .oneshot(Call::new(question()).tenant("acme"))
        .await
        .unwrap();
    assert_eq!(provider.next().headers["x-tenant"], "acme");
}

#[tokio::test]
async fn embeddings_go_the_same_way() {
    let body = r#"{"object":"list","data":[{"embedding":[0.5]}],"model":"e","usage":{"prompt_tokens":2,"total_tokens":2}}"#;
    let mut provider = Provider::new(move |_| json_answer(body)).await;
    let upstream = upstream(&provider.base).build().unwrap();
    let answer = upstream
        .oneshot(EmbeddingRequest::new("e", "x"))
        .await
        .unwrap();
    assert_eq!(
        (answer.body(), answer.usage().unwrap().input),
        (&body.into(), 2)
    );
    let seen = provider.next();
    assert_eq!(
        (seen.uri.path(), &*seen.body),
        ("/v1/embeddings", br#"{"model":"e","input":"x"}"#.as_slice())
    );
}

#[tokio::test]
async fn a_connection_is_used_again_also_after_a_stream() {
    let mut provider = Provider::new(|seen| {
        if seen.body.windows(6).any(|bytes| bytes == b"stream") {
            events(
                &[
                    text_chunk("a"),
                    finish_chunk("stop"),
                    USAGE.into(),
                    DONE.into(),
                ],
                End::Close,
            )
        } else {
            json_answer(ANSWER)
        }
    })
    .await;
    let upstream = upstream(&provider.base).build().unwrap();
    upstream.clone().oneshot(question()).await.unwrap();
    let answer = upstream
        .clone()
        .oneshot(question().stream(true))
        .await
        .unwrap();
    assert!(collect(answer).await.1.is_none());
    upstream.oneshot(question()).await.unwrap();
    let ports = [provider.next(), provider.next(), provider.next()].map(|seen| seen.peer.port());
    assert_eq!(ports, [ports[0]; 3]);
}

#[tokio::test]
async fn dropping_the_call_ends_the_request() {
    let (gone, left) = oneshot::channel::<()>();
    let (came, arrived) = oneshot::channel();
    let note = Arc::new(Mutex::new(Some((came, gone))));
    let router = axum::Router::new().fallback(move || {
        let note = note.lock().unwrap().take();
        async move {
            let (came, gone) = note.unwrap();
            came.send(()).unwrap();
            std::future::pending::<()>().await;
            drop(gone);
        }
    });
    let base = serve(router).await;
    let mut call = Box::pin(ask(&base, question()));
    tokio::select! {
        _ = &mut call => panic!("nothing is answered"),
        arrived = arrived => arrived.unwrap(),
    }
    drop(call);
    assert!(soon(left).await.is_err(), "the provider saw it go");
}

#[tokio::test]
async fn dropping_the_stream_ends_the_request() {
    let (gone, left) = oneshot::channel();
    let gone = Arc::new(Mutex::new(Some(gone)));
    let provider = Provider::new(move |_| {
        let body = watched_body(text_chunk("a"), gone.lock().unwrap().take().unwrap());
        ([(header::CONTENT_TYPE, "text/event-stream")], body)
    })
    .await;
    let mut answer = ask(&provider.base, question().stream(true)).await.unwrap();
    let chunks = answer.stream_mut().unwrap();
    assert!(soon(chunks.next()).await.unwrap().is_ok());
    drop(answer);
    assert!(soon(left).await.is_err(), "the provider saw it go");
}

#[tokio::test]
async fn an_attempt_is_recorded_in_the_journal() {
    let provider = Provider::new(|_| json_answer(ANSWER)).await;
    let upstream = upstream(&provider.base).build().unwrap();
    let service = AttemptLayer::new(PriceTable::bundled())
        .enveloped()
        .layer(upstream);
    let call = Call::new(question());
    let journal = call.journal();
    service.oneshot(call).await.unwrap();
    let report = journal.read();
    let [attempt] = &report.attempts[..] else {
        panic!("one attempt")
    };
    assert_eq!(attempt.usage.unwrap().input, 3);
    assert_eq!(attempt.answered.as_deref(), Some("m-2026"));
}

#[test]
fn upstreams_are_cheap_to_share() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    fn sent<T: Send + 'static>(_: T) {}
    shared::<Upstream>();
    let upstream = upstream("http://127.0.0.1:1").build().unwrap();
    sent(upstream.clone().oneshot(question()));
    sent(upstream.oneshot(Call::with_context(question(), CallContext::default())));
}

#[test]
fn settings_that_cannot_be_are_named_without_secrets() {
    let base = "http://127.0.0.1:1";
    for (builder, setting) in [
        (upstream("127.0.0.1:1"), "base_url"),
        (upstream(base).api_key(" "), "api_key"),
        (upstream(base).api_key("sk-secret\n1"), "api_key"),
        (upstream(base).header("a b", "secret"), "header"),
        (upstream(base).header("a", "secret\n"), "header"),
        (
            upstream(base).connect_timeout(Duration::ZERO),
            "connect_timeout",
        ),
        (upstream(base).max_answer(0), "max_answer"),
        (upstream(base).max_event(0), "max_event"),
        (upstream(base).trust("secret"), "trust"),
        (upstream(base).proxy("http://user:secret@"), "proxy"),
    ] {
        assert!(!format!("{builder:?}").contains("secret"));
        let error = builder.build().unwrap_err();
        assert_eq!(error.setting(), setting, "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let upstream = upstream("http://h/v1?k=secret")
        .api_key("sk-secret")
        .build()
        .unwrap();
    assert!(!format!("{upstream:?}").contains("secret"));
    assert_eq!(upstream.base_url(), "http://h/v1");
}

#[tokio::test]
async fn a_proxy_is_gone_through() {
    let mut proxy = Provider::new(|_| json_answer(ANSWER)).await;
    let at = proxy.base.trim_end_matches("/v1").to_owned();
    let upstream = Upstream::builder("http://provider.test")
        .proxy(at)
        .build()
        .unwrap();
    upstream.oneshot(question()).await.unwrap();
    assert_eq!(proxy.next().uri, "http://provider.test/v1/chat/completions");
}

#[tokio::test]
async fn tls_speaks_http2_with_whom_it_trusts() {
    let base = serve_tls().await;
    let upstream =
        |builder: obs_openai::UpstreamBuilder| builder.build().unwrap().oneshot(question());
    let answer = upstream(Upstream::builder(&*base).no_proxy().trust(CA))
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], "HTTP/2.0");
    let error = upstream(Upstream::builder(&*base).no_proxy().trust(CERTIFICATE))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    let error = error.find::<ConnectError>().unwrap();
    assert!(error.to_string().contains("certificate"), "{error}");
}

/// A provider that tells the HTTP version as its request id.
async fn serve_tls() -> String {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(CERTIFICATE)
        .map(Result::unwrap)
        .collect();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let listener = Tls {
        listener,
        acceptor: TlsAcceptor::from(Arc::new(config)),
    };
    let router = axum::Router::new().fallback(|version: Version| async move {
        let mut answer = json_answer(ANSWER);
        let version = format!("{version:?}").parse().unwrap();
        answer.headers_mut().insert("x-request-id", version);
        (StatusCode::OK, answer)
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("https://localhost:{port}/v1")
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl axum::serve::Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (connection, peer) = self.listener.accept().await.unwrap();
            if let Ok(connection) = self.acceptor.accept(connection).await {
                return (connection, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
