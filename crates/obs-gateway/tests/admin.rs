//! What an operator does to the cache over the network, and who may not.
mod common;

use common::{Provider, Running, ask, from_file, header, says, settings, start};
use serde_json::{Value, json};

const TOKEN: &str = "operator-token-0001";
const DELETE: &str = "/admin/v1/cache/delete";

async fn with_token(variables: &[(&str, &str)]) -> Running {
    let mut all = vec![("OBS_ADMIN_TOKEN", TOKEN)];
    all.extend(variables);
    start(settings(&all)).await
}

/// The cache's word on a question, and the name of the call.
async fn asked(gateway: &Running, credential: &str, text: &str) -> (String, String) {
    let request = gateway
        .chat(&ask("sim-small", text))
        .bearer_auth(credential);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let of = |name| header(&response, name).unwrap().to_owned();
    (of("x-obs-cache"), of("x-obs-call-id"))
}

async fn admin(gateway: &Running, path: &str, body: &Value) -> (u16, Value) {
    let request = gateway.post(path, body).bearer_auth(TOKEN);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn request_of(credential: &str, text: &str) -> Value {
    let credential = format!("Bearer {credential}");
    json!({"body": ask("sim-small", text), "headers": {"authorization": credential}})
}

#[tokio::test]
async fn there_is_no_endpoint_without_a_token() {
    let gateway = common::simulated().await;
    let get = gateway.get("/admin/v1/cache").bearer_auth(TOKEN);
    assert_eq!(get.send().await.unwrap().status(), 404);
    let body = json!({"all": true});
    let purge = gateway.post("/admin/v1/cache/purge", &body);
    let purge = purge.bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(purge.status(), 404);
    let answer: Value = purge.json().await.unwrap();
    assert_eq!(answer["error"]["code"], "unknown_url");
}

#[tokio::test]
async fn nobody_is_let_in_without_the_token() {
    let gateway = with_token(&[]).await;
    asked(&gateway, "a", "kept").await;
    let paths = ["cache/delete", "cache/bad-hit", "cache/purge", "cache/none"];
    for path in paths.map(|path| format!("/admin/v1/{path}")) {
        for token in ["operator-token-0002", "operator-token-000", "", "a"] {
            let post = gateway.post(&path, &json!({"all": true}));
            let response = post.bearer_auth(token).send().await.unwrap();
            assert_eq!(response.status(), 401, "{path} {token}");
        }
    }
    let bare = gateway.get("/admin/v1/cache").send().await.unwrap();
    assert_eq!(bare.status(), 401);
    assert_eq!(asked(&gateway, "a", "kept").await.0, "hit");
}

#[tokio::test]
async fn an_answer_is_deleted_by_its_request_and_no_other_tenants() {
    let gateway = with_token(&[]).await;
    for credential in ["a", "b"] {
        assert_eq!(asked(&gateway, credential, "one").await.0, "miss");
        assert_eq!(asked(&gateway, credential, "two").await.0, "miss");
    }
    let (status, told) = admin(&gateway, DELETE, &request_of("a", "one")).await;
    assert_eq!((status, &told["status"]), (200, &json!("deleted")));
    assert_eq!(asked(&gateway, "b", "one").await.0, "hit");
    assert_eq!(asked(&gateway, "a", "two").await.0, "hit");
    assert_eq!(asked(&gateway, "a", "one").await.0, "miss");
    // What divides tenants further is a part of the request, too.
    let mut other = request_of("a", "one");
    other["headers"]["x-obs-tenant"] = json!("c");
    assert_eq!(admin(&gateway, DELETE, &other).await.0, 200);
    assert_eq!(asked(&gateway, "a", "one").await.0, "hit");
}

#[tokio::test]
async fn a_bad_hit_is_reported_by_the_name_of_its_call() {
    let gateway = with_token(&[]).await;
    asked(&gateway, "a", "one").await;
    let (cache, call) = asked(&gateway, "a", "one").await;
    assert_eq!(cache, "hit");
    let path = "/admin/v1/cache/bad-hit";
    let (status, told) = admin(&gateway, path, &json!({"call": call})).await;
    assert_eq!((status, &told["status"]), (200, &json!("reported")));
    let stats = gateway.get("/admin/v1/cache").bearer_auth(TOKEN);
    let stats: Value = stats.send().await.unwrap().json().await.unwrap();
    assert_eq!(stats["bad_hits"], 1);
    assert_eq!((&stats["hits"], &stats["misses"]), (&json!(1), &json!(1)));
    assert_eq!(stats["memory"]["entries"], 0);
    assert_eq!(asked(&gateway, "a", "one").await.0, "miss");

    let (status, told) = admin(&gateway, path, &json!({"call": "call-0-0"})).await;
    assert_eq!(
        (status, &told["error"]["code"]),
        (404, &json!("unknown_call"))
    );
}

#[tokio::test]
async fn embeddings_are_deleted_by_their_own_path() {
    let gateway = with_token(&[]).await;
    let body = json!({"model": "sim-embed", "input": "one"});
    let embed = async || {
        let response = gateway.post("/v1/embeddings", &body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        header(&response, "x-obs-cache").unwrap().to_owned()
    };
    assert_eq!(embed().await, "miss");
    assert_eq!(embed().await, "hit");
    let request = json!({"path": "/v1/embeddings", "body": body});
    assert_eq!(admin(&gateway, DELETE, &request).await.0, 200);
    assert_eq!(embed().await, "miss");
}

#[tokio::test]
async fn the_answers_of_a_route_are_purged_and_those_of_others_stay() {
    let gateway = with_token(&[]).await;
    let of = async |model: &str| {
        let request = gateway.chat(&ask(model, "one")).send().await.unwrap();
        header(&request, "x-obs-cache").unwrap().to_owned()
    };
    for model in ["cheap", "premium", "auto"] {
        assert_eq!(of(model).await, "miss");
    }
    let path = "/admin/v1/cache/purge";
    let (status, told) = admin(&gateway, path, &json!({"model": "sim-small"})).await;
    assert_eq!((status, &told["purged"]), (200, &json!("route cheap")));
    assert_eq!(of("premium").await, "hit");
    assert_eq!(of("auto").await, "hit");
    assert_eq!(of("cheap").await, "miss");
    assert_eq!(admin(&gateway, path, &json!({"all": true})).await.0, 200);
    for model in ["cheap", "premium", "auto"] {
        assert_eq!(of(model).await, "miss");
    }
}

/// `DELETE /admin/v1/cache` with this query.
async fn forget(gateway: &Running, query: &str) -> (u16, Value) {
    let url = gateway.url(&format!("/admin/v1/cache{query}"));
    let request = common::client().delete(url).bearer_auth(TOKEN);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn all_answers_of_one_tenant_are_purged_and_no_other_tenants() {
    let gateway = with_token(&[]).await;
    let both = async |text: &str| {
        let a = asked(&gateway, "a", text).await.0;
        (a, asked(&gateway, "b", text).await.0)
    };
    let is = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    for text in ["one", "two"] {
        assert_eq!(both(text).await, is("miss", "miss"));
    }
    let caller = json!({"caller": {"headers": {"authorization": "Bearer a"}}});
    let (status, told) = admin(&gateway, "/admin/v1/cache/purge", &caller).await;
    assert_eq!(status, 200, "{told}");
    for text in ["one", "two"] {
        assert_eq!(both(text).await, is("miss", "hit"));
    }
    // What was answered is the name by which it is known, and which says nothing of the credential.
    let tenant = told["purged"].as_str().unwrap().strip_prefix("tenant ");
    let (status, told) = forget(&gateway, &format!("?tenant={}", tenant.unwrap())).await;
    assert_eq!((status, &told["status"]), (200, &json!("purged")));
    for text in ["one", "two"] {
        assert_eq!(both(text).await, is("miss", "hit"));
    }
}

#[tokio::test]
async fn the_tenant_of_virtual_keys_is_purged_with_all_that_divides_it() {
    let key = |name: &str, secret: &str| {
        let hash = blake3::hash(secret.as_bytes()).to_hex();
        format!("[[keys]]\nname = \"{name}\"\ntenant = \"{name}.co\"\nhash = \"blake3:{hash}\"\n")
    };
    let keys = [
        key("mobile", "mobile-secret-key-1"),
        key("web", "web-secret-key-0001"),
    ];
    let file = format!("{}\n[admin]\ntoken = \"{TOKEN}\"\n", keys.concat());
    let gateway = start(from_file(&file, &[("OBS_SIMULATED_LATENCY", "0")])).await;
    let all = async || {
        let mut got = vec![];
        for (key, divided) in [
            ("mobile-secret-key-1", "u1"),
            ("mobile-secret-key-1", "u2"),
            ("web-secret-key-0001", "u1"),
        ] {
            let chat = gateway.chat(&ask("cheap", "one")).bearer_auth(key);
            let response = chat.header("x-obs-tenant", divided).send().await.unwrap();
            got.push(header(&response, "x-obs-cache").unwrap().to_owned());
        }
        got
    };
    assert_eq!(all().await, ["miss", "miss", "miss"]);
    let user = json!({"caller": {"key": "mobile", "headers": {"x-obs-tenant": "u1"}}});
    assert_eq!(admin(&gateway, "/admin/v1/cache/purge", &user).await.0, 200);
    assert_eq!(all().await, ["miss", "hit", "hit"]);
    let (status, told) = forget(&gateway, "?tenant=mobile%2Eco").await;
    assert_eq!((status, &told["purged"]), (200, &json!("tenant mobile.co")));
    assert_eq!(all().await, ["miss", "miss", "hit"]);
}

#[tokio::test]
async fn a_tenant_that_cannot_be_meant_is_refused() {
    let gateway = with_token(&[]).await;
    for query in [
        "",
        "?",
        "?tenant=",
        "?tenant=a&tenant=b",
        "?all=true",
        "?tenant=%ff",
    ] {
        let (status, told) = forget(&gateway, query).await;
        let message = told["error"]["message"].as_str().unwrap();
        assert_eq!(status, 400, "{query}");
        assert!(message.contains("tenant=NAME"), "{message}");
    }
    let bare = common::client().delete(gateway.url("/admin/v1/cache?tenant=a"));
    assert_eq!(bare.send().await.unwrap().status(), 401);
    let gateway = with_token(&[("OBS_CACHE_STORE", "off")]).await;
    assert_eq!(forget(&gateway, "?tenant=a").await.0, 409);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_and_says_what_can() {
    let gateway = with_token(&[]).await;
    for (path, body, says) in [
        ("delete", json!({}), "either `call`"),
        ("delete", json!({"call": "c", "body": {}}), "either `call`"),
        (
            "delete",
            json!({"call": "c", "path": "/v1/x"}),
            "`call` names all of it",
        ),
        ("delete", json!({"boddy": {}}), "unknown field"),
        ("delete", json!({"body": {"model": "m"}}), "messages"),
        (
            "delete",
            json!({"path": "/v1/files", "body": {}}),
            "are not kept",
        ),
        (
            "delete",
            json!({"body": ask("m", "t"), "headers": {"a b": "c"}}),
            "a name that is none",
        ),
        ("purge", json!({}), "one of `all`"),
        (
            "purge",
            json!({"all": true, "model": "cheap"}),
            "one of `all`",
        ),
        (
            "purge",
            json!({"all": true, "caller": {"tenant": "a"}}),
            "one of `all`",
        ),
        (
            "purge",
            json!({"caller": {"tenant": "a", "key": "b"}}),
            "names all of it",
        ),
    ] {
        let (status, told) = admin(&gateway, &format!("/admin/v1/cache/{path}"), &body).await;
        let message = told["error"]["message"].as_str().unwrap();
        assert_eq!(status, 400, "{body}");
        assert!(message.contains(says), "{message}");
    }
    let gateway = with_token(&[("OBS_CACHE_STORE", "off")]).await;
    let body = request_of("a", "one");
    assert_eq!(admin(&gateway, DELETE, &body).await.0, 409);
}

#[tokio::test]
async fn an_absent_store_is_said() {
    let (_provider, address) = Provider::start([says("m", "hello")]).await;
    let file = format!(
        "[cache]\nstore = \"redis://127.0.0.1:1\"\n[admin]\ntoken = \"{TOKEN}\"\n\
         [[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"\n"
    );
    let gateway = start(from_file(&file, &[])).await;
    let (status, told) = admin(&gateway, DELETE, &json!({"body": ask("m", "one")})).await;
    assert_eq!(
        (status, &told["error"]["code"]),
        (503, &json!("store_unavailable"))
    );
}
