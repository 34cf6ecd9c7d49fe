//! Settings that change while the gateway serves: no call fails by it.
mod common;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use common::{Provider, SOON, ask, ask_stream, from_file, header, respond, settings, start};
use futures_util::StreamExt;
use tokio::{sync::mpsc, time::timeout};

const QUICK: (&str, &str) = ("OBS_SIMULATED_LATENCY", "0");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_settings_change_under_load() {
    let gateway = Arc::new(start(settings(&[])).await);
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(AtomicUsize::new(0));
    let callers = (0..8).map(|caller| {
        let (gateway, stop, answered) = (gateway.clone(), stop.clone(), answered.clone());
        tokio::spawn(async move {
            let client = common::client();
            for question in 0.. {
                if stop.load(Relaxed) {
                    break;
                }
                let text = format!("{caller} asks {question}");
                let body = match question % 2 {
                    0 => ask("auto", &text),
                    _ => ask_stream("auto", &text),
                };
                let request = client.post(gateway.url("/v1/chat/completions")).json(&body);
                let response = request.send().await.unwrap();
                assert_eq!(response.status(), 200);
                let body = response.text().await.unwrap();
                assert!(
                    body.contains("chatcmpl") && !body.contains("\"error\""),
                    "{body}"
                );
                answered.fetch_add(1, Relaxed);
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    for round in 0..20 {
        let before = answered.load(Relaxed);
        let ttl = format!("{}s", 60 + round);
        let keep = ["0.4", "0.6"][round % 2];
        let new = settings(&[
            ("OBS_CACHE_TTL", &ttl),
            ("OBS_ROUTER_THRESHOLD", keep),
            QUICK,
        ]);
        gateway.gateway.reload(new).unwrap();
        timeout(SOON, async {
            while answered.load(Relaxed) < before + 8 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    }
    stop.store(true, Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(gateway.gateway.settings().router.threshold, 0.6);
}

#[tokio::test]
async fn what_has_begun_ends_as_it_began_and_what_comes_is_new() {
    let (send, mut receive) = mpsc::channel::<&'static str>(4);
    let body = futures_util::stream::poll_fn(move |cx| receive.poll_recv(cx));
    let body = axum::body::Body::from_stream(body.map(Ok::<_, std::io::Error>));
    let stream = respond(200, &[("content-type", "text/event-stream")], body);
    let (_old, old) = Provider::start([stream]).await;
    let (_new, new) = Provider::start([common::says("m", "the new one")]).await;
    let file = |address| {
        let text = format!(
            "[[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"\n[[routes]]\nname = \"r\"\nmodel = \"m\""
        );
        from_file(&text, &[])
    };
    let gateway = start(file(old)).await;
    send.send("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"the old\"},\"finish_reason\":null}]}\n\n").await.unwrap();
    let begun = gateway.chat(&ask_stream("r", "one")).send().await.unwrap();
    gateway.gateway.reload(file(new)).unwrap();
    let after = gateway.chat(&ask("r", "two")).send().await.unwrap();
    assert!(after.text().await.unwrap().contains("the new one"));
    send.send("data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" one\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n").await.unwrap();
    drop(send);
    let begun = begun.text().await.unwrap();
    assert!(
        begun.contains("the old") && begun.ends_with("data: [DONE]\n\n"),
        "{begun}"
    );
}

#[tokio::test]
async fn kept_answers_and_counts_outlast_a_change() {
    let gateway = start(settings(&[])).await;
    let cache = async || {
        let response = gateway.chat(&ask("cheap", "one")).send().await.unwrap();
        header(&response, "x-obs-cache").unwrap().to_owned()
    };
    assert_eq!(cache().await, "miss");
    let change = |ttl: &str| {
        gateway
            .gateway
            .reload(settings(&[("OBS_CACHE_TTL", ttl)]))
            .unwrap()
    };
    assert!(change("30m").is_empty());
    assert_eq!(cache().await, "hit");
    assert!(change("1h").is_empty());
    assert_eq!(cache().await, "hit");
}

#[tokio::test]
async fn budgets_outlast_a_change_and_keys_that_are_gone_are_unknown() {
    let key = |name: &str, more: &str| {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        format!("[[keys]]\nname = \"{name}\"\nhash = \"blake3:{hash}\"\n{more}\n")
    };
    let file = |keys: &str| from_file(&format!("[simulated]\nlatency = 0\n{keys}"), &[]);
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_030);
    let both = key("a", "requests_per_minute = 2") + &key("b", "");
    let gateway = obs_gateway::Gateway::builder(file(&both)).wall_clock(move || now);
    let gateway = common::serve(gateway.build().unwrap()).await;
    let status = async |who: &str| {
        let request = gateway.chat(&ask("cheap", "one")).bearer_auth(who);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(
        (status("a").await, status("a").await, status("b").await),
        (200, 200, 200)
    );
    gateway
        .gateway
        .reload(file(&key("a", "requests_per_minute = 2")))
        .unwrap();
    assert_eq!((status("a").await, status("b").await), (429, 401));
    gateway
        .gateway
        .reload(file(&key("a", "requests_per_minute = 3")))
        .unwrap();
    assert_eq!(status("a").await, 200);
}

#[tokio::test]
async fn what_was_spent_stays_spent_where_the_limit_changes() {
    let (_provider, address) =
        Provider::start(["a", "b", "c"].map(|text| common::says("m", text))).await;
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_030);
    let file = |budget: &str| {
        let text = format!(
            "[[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"\n\
             [router]\npolicy = \"default\"\n[budget]\n{budget}\n\
             [[routes]]\nname = \"cheap\"\nmodel = \"mc\"\nprice = {{ input = \"1\", output = \"1\" }}\n\
             [[routes]]\nname = \"premium\"\nmodel = \"mp\"\nprice = {{ input = \"1\", output = \"1\" }}"
        );
        from_file(&text, &[])
    };
    let gateway =
        obs_gateway::Gateway::builder(file("usd_per_hour = \"0.002\"")).wall_clock(move || now);
    let gateway = common::serve(gateway.build().unwrap()).await;
    let routed = async |text: &str| {
        let response = gateway.chat(&ask("auto", text)).send().await.unwrap();
        header(&response, "x-obs-route").unwrap().to_owned()
    };
    // Each answer costs 0.2 cents: nothing is left.
    assert_eq!(routed("one").await, "premium");
    // As little of the new limit is left.
    gateway
        .gateway
        .reload(file("usd_per_hour = \"0.0020001\""))
        .unwrap();
    assert_eq!(routed("two").await, "cheap");
    // What is refused changes nothing.
    let refused = file("usd_per_hour = \"9\"\n[server]\ntls_cert = \"/no\"\ntls_key = \"/no\"");
    assert!(gateway.gateway.reload(refused).is_err());
    gateway
        .gateway
        .reload(file("usd_per_hour = \"9\"\ndegrade_from = 0.1"))
        .unwrap();
    assert_eq!(routed("three").await, "premium");
}

#[tokio::test]
async fn bad_settings_change_nothing_and_what_needs_a_restart_is_said() {
    let gateway = start(settings(&[])).await;
    let bad = settings(&[
        ("OBS_SERVER_TLS_CERT", "/none"),
        ("OBS_SERVER_TLS_KEY", "/none"),
    ]);
    assert!(gateway.gateway.reload(bad).is_err());
    assert_eq!(
        gateway
            .chat(&ask("cheap", "one"))
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let new = settings(&[
        ("OBS_SERVER_LISTEN", "127.0.0.1:1"),
        ("OBS_LOG_LEVEL", "debug"),
    ]);
    let stays = gateway.gateway.reload(new).unwrap().join("\n");
    assert!(
        stays.contains("server.listen") && stays.contains("log.level"),
        "{stays}"
    );
    assert!(!stays.contains("metrics.listen"));
}

#[tokio::test]
async fn a_learned_policy_is_refused_where_no_model_was_read_at_start() {
    let gateway = start(settings(&[])).await;
    let new = settings(&[
        ("OBS_ROUTER_POLICY", "learned"),
        ("OBS_ROUTER_MODEL", "/none"),
    ]);
    let refused = gateway.gateway.reload(new).unwrap_err().to_string();
    assert!(refused.contains("router.policy"), "{refused}");
    let response = gateway.chat(&ask("auto", "one")).send().await.unwrap();
    assert_eq!(response.status(), 200);
}
