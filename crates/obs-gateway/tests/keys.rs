//! Virtual keys: who may call, what for, how often, and for how much.
mod common;

use std::{
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use common::{
    Provider, Running, Then, ask, ask_stream, error, from_file, header, json_answer, says, serve,
    streams,
};
use obs_gateway::{
    Gateway,
    settings::{Sources, load},
};
use serde_json::{Value, json};

/// A while before midnight, in the middle of a minute.
const NOW: Duration = Duration::from_secs(1_800_000_030);

fn key(name: &str, more: &str) -> String {
    let hash = blake3::hash(format!("obs-{name}").as_bytes()).to_hex();
    format!("[[keys]]\nname = \"{name}\"\nhash = \"blake3:{hash}\"\n{more}\n")
}

/// With a clock that stands still, so that no window ends in the middle of a test.
async fn with_keys(rest: &str, keys: &[(&str, &str)], variables: &[(&str, &str)]) -> Running {
    let keys: String = keys.iter().map(|(name, more)| key(name, more)).collect();
    let settings = from_file(&format!("{rest}\n{keys}"), variables);
    let now: SystemTime = UNIX_EPOCH + NOW;
    serve(
        Gateway::builder(settings)
            .wall_clock(move || now)
            .build()
            .unwrap(),
    )
    .await
}

const QUICK: &str = "[simulated]\nlatency = 0";

#[tokio::test]
async fn who_has_no_key_is_refused_in_the_shape_of_the_api() {
    let gateway = with_keys(QUICK, &[("mobile", "")], &[]).await;
    let body = ask("cheap", "hello");
    for request in [
        gateway.chat(&body),
        gateway.chat(&body).bearer_auth("obs-web"),
        gateway.chat(&body).header("x-api-key", "mobile"),
        gateway
            .chat(&body)
            .header("authorization", "Basic obs-mobile"),
        gateway.post("/v1/embeddings", &json!({"model": "m", "input": "x"})),
        gateway.get("/v1/models"),
        gateway.post("/v1/files", &json!({})),
    ] {
        let (status, error) = error(request).await;
        assert_eq!((status, &error["code"]), (401, &json!("invalid_api_key")));
        assert_eq!(error["type"], "authentication_error");
        assert!(!error.to_string().contains("obs-web"));
    }
    let messages = gateway
        .post("/v1/messages", &json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(messages.status(), 401);
    let answer: Value = messages.json().await.unwrap();
    assert_eq!(answer["type"], "error");
    assert_eq!(answer["error"]["type"], "authentication_error");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(gateway.get(path).send().await.unwrap().status(), 200);
    }
    for (name, value) in [
        ("authorization", "Bearer obs-mobile"),
        ("authorization", "bearer obs-mobile"),
        ("x-api-key", "obs-mobile"),
        ("api-key", "obs-mobile"),
    ] {
        let response = gateway
            .chat(&body)
            .header(name, value)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{name}: {value}");
    }
}

#[tokio::test]
async fn no_provider_sees_the_key_of_a_caller() {
    let then = || {
        [
            says("m", "hello"),
            streams("m", &["hello"]),
            json_answer(200, &json!({})),
        ]
    };
    let (with, with_address) = Provider::start(then()).await;
    let (without, without_address) = Provider::start(then()).await;
    for (address, key) in [
        (with_address, "api_key_env = \"UPSTREAM\""),
        (without_address, ""),
    ] {
        let rest =
            format!("[[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"\n{key}");
        let keys = [("mobile", "other_endpoints = true")];
        let gateway = with_keys(&rest, &keys, &[("UPSTREAM", "sk-operator")]).await;
        let requests = [
            gateway.chat(&ask("m", "hello")),
            gateway.chat(&ask_stream("m", "hello again")),
            gateway.post("/v1/files", &json!({})),
        ];
        for request in requests {
            let request = request
                .bearer_auth("obs-mobile")
                .header("x-api-key", "obs-mobile");
            let response = request
                .header("api-key", "obs-mobile")
                .send()
                .await
                .unwrap();
            assert_eq!(response.status(), 200);
            response.bytes().await.unwrap();
        }
    }
    let (with, without) = (with.seen(), without.seen());
    assert_eq!((with.len(), without.len()), (3, 3));
    for seen in with.iter().chain(&without) {
        assert!(!format!("{:?}", seen.headers).contains("obs-mobile"));
        assert!(!String::from_utf8_lossy(&seen.body).contains("obs-mobile"));
    }
    for seen in &with {
        assert_eq!(seen.headers["authorization"], "Bearer sk-operator");
    }
    for seen in &without {
        assert!(!seen.headers.contains_key("authorization"), "{}", seen.path);
    }
}

#[tokio::test]
async fn a_key_asks_for_its_models_alone() {
    let keys = [
        ("one", "models = [\"cheap\", \"sim-embed\"]"),
        ("both", "models = [\"cheap\", \"sim-large\"]"),
        ("all", ""),
        ("chosen", "models = [\"auto\"]"),
        ("none", "models = [\"sim-embed\"]"),
    ];
    let gateway = with_keys(QUICK, &keys, &[]).await;
    let status = async |who: &str, model: &str| {
        let request = gateway.chat(&ask(model, "hello"));
        let response = request
            .bearer_auth(format!("obs-{who}"))
            .send()
            .await
            .unwrap();
        response.status().as_u16()
    };
    for (who, model, expected) in [
        // A route is allowed by its name or by that of its model.
        ("one", "cheap", 200),
        ("one", "sim-small", 200),
        ("one", "premium", 403),
        ("one", "sim-large", 403),
        ("one", "gpt-1", 403),
        ("both", "premium", 200),
        ("both", "auto", 200),
        // Among the routes that it may use.
        ("one", "auto", 200),
        ("none", "auto", 403),
        ("chosen", "auto", 200),
        ("chosen", "cheap", 403),
        ("all", "auto", 200),
        ("all", "sim-large", 200),
    ] {
        assert_eq!(status(who, model).await, expected, "{who}: {model}");
    }
    let premium = gateway
        .chat(&ask("premium", "hello"))
        .bearer_auth("obs-one");
    let (_, refused) = error(premium).await;
    assert_eq!(refused["code"], "model_not_allowed");
    assert_eq!(refused["param"], "model");
    let message = refused["message"].as_str().unwrap();
    assert!(message.contains("may use cheap, sim-embed"), "{message}");

    let models = async |who: &str| {
        let list = gateway.get("/v1/models").bearer_auth(format!("obs-{who}"));
        let list: Value = list.send().await.unwrap().json().await.unwrap();
        let names = list["data"].as_array().unwrap().iter();
        names
            .map(|of| of["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(!models("one").await.contains(&"sim-large".to_owned()));
    assert!(models("one").await.contains(&"sim-small".to_owned()));
    assert!(models("all").await.contains(&"sim-large".to_owned()));
    for (name, expected) in [("cheap", 200), ("premium", 404)] {
        let one = gateway
            .get(&format!("/v1/models/{name}"))
            .bearer_auth("obs-one");
        assert_eq!(one.send().await.unwrap().status(), expected, "{name}");
    }
}

#[tokio::test]
async fn endpoints_that_are_passed_on_want_a_key_that_may() {
    let (_provider, address) = Provider::start([json_answer(200, &json!({}))]).await;
    let rest = format!("[[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"");
    let keys = [("some", ""), ("all", "other_endpoints = true")];
    let gateway = with_keys(&rest, &keys, &[]).await;
    let post = |who: &str| {
        gateway
            .post("/v1/fine_tuning/jobs", &json!({}))
            .bearer_auth(who)
    };
    let (status, refused) = error(post("obs-some")).await;
    assert_eq!(
        (status, &refused["code"]),
        (403, &json!("endpoint_not_allowed"))
    );
    assert_eq!(post("obs-all").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let keys = [("slow", "requests_per_minute = 2"), ("free", "")];
    let gateway = with_keys(QUICK, &keys, &[]).await;
    let chat = |who: &str| gateway.chat(&ask("cheap", "hello")).bearer_auth(who);
    for _ in 0..2 {
        assert_eq!(chat("obs-slow").send().await.unwrap().status(), 200);
    }
    let refused = chat("obs-slow").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "retry-after"), Some("30"));
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["error"]["code"], "rate_limit_exceeded");
    // Lists are free, and others are others.
    let models = gateway.get("/v1/models").bearer_auth("obs-slow");
    assert_eq!(models.send().await.unwrap().status(), 200);
    assert_eq!(chat("obs-free").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn reading_from_endpoints_that_are_passed_on_counts_too() {
    let answer = || json_answer(200, &json!({}));
    let (provider, address) = Provider::start([answer(), answer()]).await;
    let rest = format!("[[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"");
    let keys = [("some", "other_endpoints = true\nrequests_per_minute = 2")];
    let gateway = with_keys(&rest, &keys, &[]).await;
    let get = async |path: &str| {
        let request = gateway.get(path).bearer_auth("obs-some");
        request.send().await.unwrap().status().as_u16()
    };
    for path in ["/v1/files", "/v1/models", "/v1/modelsx", "/v1/models"] {
        assert_eq!(get(path).await, 200, "{path}");
    }
    assert_eq!(get("/v1/files").await, 429);
    assert_eq!(get("/v1/models").await, 200, "lists are free");
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn a_list_of_other_models_leads_no_key_past_its_own() {
    let answers = ["a", "b", "c", "d"].map(|text| says("mc", text));
    let (provider, address) = Provider::start(answers).await;
    let rest = format!("[[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"");
    let keys = [("some", "models = [\"mc\", \"md\"]"), ("all", "")];
    let gateway = with_keys(&rest, &keys, &[]).await;
    let chat = |who: &str, field: &str, list: Value| {
        let mut body = ask("mc", "hello");
        body[field] = list;
        gateway.chat(&body).bearer_auth(who)
    };
    for (field, list) in [
        ("models", json!(["mc", "mx"])),
        ("fallbacks", json!(["mx"])),
        ("fallbacks", json!([{"mc": ["mx"]}])),
    ] {
        let (status, refused) = error(chat("obs-some", field, list.clone())).await;
        assert_eq!(
            (status, &refused["code"]),
            (403, &json!("model_not_allowed"))
        );
        let all = chat("obs-all", field, list).send().await.unwrap();
        assert_eq!(all.status(), 200);
    }
    let some = chat("obs-some", "models", json!(["mc", "md"]));
    assert_eq!(some.send().await.unwrap().status(), 200);
    assert_eq!(provider.seen().len(), 4);
}

#[tokio::test]
async fn who_has_spent_its_budget_is_refused_also_what_is_cached() {
    let (_provider, address) = Provider::start([says("m", "a"), streams("m", &["b"])]).await;
    let rest = format!(
        "[[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"\n\
         [[routes]]\nname = \"r\"\nmodel = \"m\"\nprice = {{ input = \"1\", output = \"1\" }}"
    );
    // Each answer has 2000 tokens: 0.2 cents.
    let keys = [
        ("poor", "usd_per_hour = \"0.003\""),
        ("rich", "usd_per_day = \"1\""),
    ];
    let gateway = with_keys(&rest, &keys, &[]).await;
    let chat = |body: &Value| gateway.chat(body).bearer_auth("obs-poor");
    let first = chat(&ask("r", "one")).send().await.unwrap();
    assert_eq!(first.status(), 200);
    let again = chat(&ask("r", "one")).send().await.unwrap();
    assert_eq!(header(&again, "x-obs-cache"), Some("hit"));
    let second = chat(&ask_stream("r", "two")).send().await.unwrap();
    assert_eq!(second.status(), 200);
    second.bytes().await.unwrap();
    let refused = chat(&ask("r", "one")).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(header(&refused, "x-should-retry"), Some("false"));
    assert!(header(&refused, "retry-after").is_some());
    let refused: Value = refused.json().await.unwrap();
    assert_eq!(refused["error"]["type"], "insufficient_quota");
    assert_eq!(refused["error"]["code"], "insufficient_quota");
}

#[tokio::test]
async fn a_key_that_has_expired_is_none() {
    let keys = [
        ("old", "expires = \"2027-01-15T08:00:30Z\""),
        ("new", "expires = \"2027-01-15T08:00:31Z\""),
    ];
    let gateway = with_keys(QUICK, &keys, &[]).await;
    let chat = |who: &str| gateway.chat(&ask("cheap", "hello")).bearer_auth(who);
    let (status, refused) = error(chat("obs-old")).await;
    assert_eq!(status, 401);
    assert!(refused["message"].as_str().unwrap().contains("expired"));
    assert_eq!(chat("obs-new").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn keys_of_one_tenant_share_answers_and_others_do_not() {
    let keys = [
        ("a", "tenant = \"team\""),
        ("b", "tenant = \"team\""),
        ("c", ""),
        ("team", ""),
    ];
    let gateway = with_keys(QUICK, &keys[..3], &[]).await;
    let cache = async |gateway: &Running, who: &str, tenant: Option<&str>| {
        let mut request = gateway.chat(&ask("cheap", "hello")).bearer_auth(who);
        if let Some(tenant) = tenant {
            request = request.header("x-obs-tenant", tenant);
        }
        let response = request.send().await.unwrap();
        header(&response, "x-obs-cache").unwrap().to_owned()
    };
    assert_eq!(cache(&gateway, "obs-a", None).await, "miss");
    assert_eq!(cache(&gateway, "obs-b", None).await, "hit");
    assert_eq!(cache(&gateway, "obs-c", None).await, "miss");
    assert_eq!(cache(&gateway, "obs-c", Some("team")).await, "miss");
    assert_eq!(cache(&gateway, "obs-a", Some("x")).await, "miss");
    assert_eq!(cache(&gateway, "obs-b", Some("x")).await, "hit");
}

#[tokio::test]
async fn an_operator_names_the_key_whose_answer_it_means() {
    let rest = format!("{QUICK}\n[admin]\ntoken = \"operator-token-0001\"");
    let gateway = with_keys(&rest, &[("a", ""), ("b", "")], &[]).await;
    let cache = async |who: &str| {
        let request = gateway.chat(&ask("cheap", "hello")).bearer_auth(who);
        header(&request.send().await.unwrap(), "x-obs-cache")
            .unwrap()
            .to_owned()
    };
    for who in ["obs-a", "obs-b"] {
        assert_eq!(cache(who).await, "miss");
    }
    let delete = async |body: Value| {
        let request = gateway.post("/admin/v1/cache/delete", &body);
        let request = request.bearer_auth("operator-token-0001");
        request.send().await.unwrap().status().as_u16()
    };
    let body = ask("cheap", "hello");
    assert_eq!(delete(json!({"body": body})).await, 400);
    assert_eq!(delete(json!({"body": body, "key": "c"})).await, 400);
    assert_eq!(delete(json!({"body": body, "key": "a"})).await, 200);
    assert_eq!(cache("obs-b").await, "hit");
    assert_eq!(cache("obs-a").await, "miss");
}

#[test]
fn what_is_wrong_with_keys_is_refused_and_no_key_is_shown() {
    let good = key("a", "");
    for (text, says) in [
        ("[[keys]]\nname = \"a\"", "has no `hash`"),
        (
            "[[keys]]\nname = \"a\"\nhash = \"obs-secret\"",
            "gateway key new",
        ),
        (
            "[[keys]]\nname = \"a\"\nkey = \"obs-secret\"",
            "give its `hash`",
        ),
        (&format!("{good}{good}"), "another key is named"),
        (
            &format!("{good}{}", good.replacen("\"a\"", "\"b\"", 1)),
            "the hash of another one",
        ),
        (&key("a", "models = []"), "a list of models"),
        (&key("a", "expires = \"soon\""), "expected a day"),
        (&key("a", "expires = 2027-01-01"), "expected a day"),
        (&key("a", "usd_per_day = 0"), "dollars above zero"),
        (&key("a", "requests_per_minute = 0"), "above zero"),
        ("[keys]\nfile = \"/there/is/none\"", "cannot be read"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        std::fs::write(&file, text).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        let problems = load(&sources).unwrap_err().to_string();
        assert!(problems.contains(says), "{problems}");
        assert!(!problems.contains("obs-secret"), "{problems}");
    }
}

#[test]
fn keys_may_stand_in_a_file_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.toml");
    let more = "tenant = \"t\"\nmodels = [\"auto\"]\nrequests_per_minute = 5\nusd_per_hour = \"0.5\"\nexpires = \"2030-01-01\"";
    std::fs::write(&file, key("a", more)).unwrap();
    let sources = Sources {
        environment: [("OBS_KEYS_FILE", file.to_str().unwrap())]
            .into_iter()
            .collect(),
        ..Sources::default()
    };
    let settings = load(&sources).unwrap().settings;
    assert_eq!(settings.keys.len(), 1);
    assert_eq!(settings.keys[0].requests_per_minute, Some(5));
    std::fs::write(&file, "").unwrap();
    let problems = load(&sources).unwrap_err().to_string();
    assert!(problems.contains("has no key"), "{problems}");

    // What is printed is read again, and means the same.
    let main = dir.path().join("gateway.toml");
    std::fs::write(&main, key("a", more)).unwrap();
    let of = |file| {
        load(&Sources {
            file: Some(file),
            ..Sources::default()
        })
        .unwrap()
    };
    let first = of(main);
    let printed = dir.path().join("printed.toml");
    std::fs::write(&printed, first.print()).unwrap();
    assert_eq!(
        format!("{:?}", of(printed).settings.keys),
        format!("{:?}", first.settings.keys)
    );
}

#[tokio::test]
async fn a_key_for_routes_of_one_format_may_let_the_policy_choose_where_that_is_spoken() {
    let file = "[[providers]]\nname = \"o\"\nbase_url = \"http://127.0.0.1:9\"\n[[providers]]\nname = \"sim\"\nformat = \"simulated\"\n\
                [[routes]]\nname = \"small\"\nmodel = \"sim-small\"\nprovider = \"sim\"\n\
                [[routes]]\nname = \"gpt\"\nmodel = \"gpt-1\"\nprovider = \"o\"\n[simulated]\nlatency = 0";
    let keys = [
        ("app", "models = [\"small\"]"),
        ("gpt", "models = [\"gpt\"]"),
    ];
    let gateway = with_keys(file, &keys, &[]).await;
    let body =
        json!({"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let app = || gateway.chat(&body).bearer_auth("obs-app");
    assert_eq!(app().send().await.unwrap().status(), 200);
    let messages = |who| gateway.post("/v1/messages", &body).bearer_auth(who);
    let allowed = messages("obs-app").send().await.unwrap();
    assert_eq!(allowed.status(), 200);
    let refused = messages("obs-gpt").send().await.unwrap();
    assert_eq!(refused.status(), 403, "its route does not speak that");
    assert_eq!(
        refused.json::<Value>().await.unwrap()["error"]["type"],
        "permission_error"
    );
}

/// Each route has a provider of its own: `cheap` and `premium`.
fn two_routes(cheap: SocketAddr, premium: SocketAddr, more: &str) -> String {
    format!(
        "{more}\n[[providers]]\nname = \"c\"\nbase_url = \"http://{cheap}/v1\"\n\
         [[providers]]\nname = \"p\"\nbase_url = \"http://{premium}/v1\"\n\
         [[routes]]\nname = \"cheap\"\nprovider = \"c\"\nmodel = \"mc\"\nfallback = [\"premium\"]\n\
         [[routes]]\nname = \"premium\"\nprovider = \"p\"\nmodel = \"mp\""
    )
}

const FAILS: fn() -> Then = || json_answer(500, &json!({"error": {"message": "no"}}));

#[tokio::test]
async fn what_a_key_may_not_use_is_never_asked_for_its_calls() {
    let (cheap, cheap_at) = Provider::start([FAILS(), FAILS(), FAILS(), FAILS()]).await;
    let (premium, premium_at) = Provider::start([says("mp", "a"), says("mp", "b")]).await;
    // The rest would go to the better route, were it free to.
    let more = "[router]\npolicy = \"default\"\nretries = 0\nbreaker_failures = 0";
    let rest = two_routes(cheap_at, premium_at, more);
    let keys = [
        ("bound", "tenant = \"t\"\nmodels = [\"mc\"]"),
        ("free", "tenant = \"t\""),
    ];
    let gateway = with_keys(&rest, &keys, &[]).await;
    let chat = |who: &str, model| {
        let request = gateway.chat(&ask(model, "hello")).bearer_auth(who);
        request.header("x-obs-explain", "1")
    };
    for model in ["auto", "cheap"] {
        let answer = chat("obs-bound", model).send().await.unwrap();
        assert_eq!(answer.status(), 500, "{model}");
        let told = header(&answer, "x-obs-explain");
        if model == "auto" {
            let told: Value = serde_json::from_str(told.unwrap()).unwrap();
            assert_eq!(told["policy"], "key");
            assert_eq!(told["parts"][0]["name"], "cheap");
            assert_eq!(told["parts"].as_array().unwrap().len(), 1);
        }
    }
    assert_eq!((cheap.seen().len(), premium.seen().len()), (2, 0));
    // For others it is as it was, and what they are answered is theirs.
    for (model, at_cheap) in [("auto", 2), ("cheap", 3)] {
        let free = chat("obs-free", model).send().await.unwrap();
        assert_eq!(header(&free, "x-obs-route"), Some("premium"));
        assert_eq!(cheap.seen().len(), at_cheap);
    }
    let bound = chat("obs-bound", "cheap").send().await.unwrap();
    assert_eq!(header(&bound, "x-obs-cache"), Some("miss"));
    assert_eq!(bound.status(), 500);
    assert_eq!((cheap.seen().len(), premium.seen().len()), (4, 2));
}

#[tokio::test]
async fn a_purge_reaches_what_bounded_keys_were_answered() {
    let (_cheap, cheap_at) = Provider::start([says("mc", "a"), says("mc", "b")]).await;
    let (_premium, premium_at) = Provider::start([]).await;
    let more = "[admin]\ntoken = \"operator-token-0001\"";
    let rest = two_routes(cheap_at, premium_at, more);
    let gateway = with_keys(&rest, &[("bound", "models = [\"cheap\"]")], &[]).await;
    let cache = async || {
        let request = gateway.chat(&ask("auto", "hello")).bearer_auth("obs-bound");
        let answer = request.send().await.unwrap();
        header(&answer, "x-obs-cache").unwrap().to_owned()
    };
    assert_eq!(
        (cache().await, cache().await),
        ("miss".into(), "hit".into())
    );
    let purge = gateway.post("/admin/v1/cache/purge", &json!({"model": "auto"}));
    let purge = purge.bearer_auth("operator-token-0001").send().await;
    assert_eq!(purge.unwrap().status(), 200);
    assert_eq!(cache().await, "miss");
}
