//! What the settings of the cache do: stale answers, refusals given again, and what Redis sees of sealed answers.
mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use common::{
    Provider, Running, SOON, Then, ask, header, json_answer, respond, says, serve, settings,
};
use obs_gateway::{
    Gateway,
    settings::{Environment, Loaded, Problems, Sources, load},
};
use obs_redis::testing::Server;
use serde_json::json;
use tokio::time::timeout;

/// A gateway whose wall clock the test sets, in minutes.
struct Gate {
    running: Running,
    minutes: Arc<AtomicU64>,
}

async fn gate(provider: &str, more: &[(&str, &str)]) -> Gate {
    let base = [
        ("OPENAI_BASE_URL", provider),
        ("OBS_ROUTER_RETRIES", "0"),
        ("OBS_CACHE_TTL", "10m"),
        ("OBS_CACHE_JITTER", "0"),
    ];
    let all: Vec<_> = base.iter().chain(more).copied().collect();
    let minutes = Arc::new(AtomicU64::new(1_000_000));
    let now = minutes.clone();
    let clock = move || SystemTime::UNIX_EPOCH + Duration::from_secs(60 * now.load(SeqCst));
    let gateway = Gateway::builder(settings(&all)).wall_clock(clock);
    Gate {
        running: serve(gateway.build().unwrap()).await,
        minutes,
    }
}

/// What the caller got: status, `x-obs-cache`, body.
type Got = (u16, Option<String>, String);

impl Gate {
    async fn ask(&self, question: &str) -> Got {
        self.ask_with(question, "").await
    }

    async fn ask_with(&self, question: &str, directives: &str) -> Got {
        let request = self.running.chat(&ask("m", question));
        let answer = request.header("cache-control", directives);
        let answer = answer.send().await.unwrap();
        let cache = header(&answer, "x-obs-cache").map(Into::into);
        (
            answer.status().as_u16(),
            cache,
            answer.text().await.unwrap(),
        )
    }

    fn pass(&self, minutes: u64) {
        self.minutes.fetch_add(minutes, SeqCst);
    }
}

fn came(got: &Got, cache: &str, text: &str) {
    assert_eq!(got.1.as_deref(), Some(cache), "{got:?}");
    assert!(got.2.contains(text), "{got:?}");
}

async fn provider(then: impl IntoIterator<Item = Then>) -> (Provider, String) {
    let (provider, at) = Provider::start(then).await;
    (provider, format!("http://{at}"))
}

#[tokio::test]
async fn a_stale_answer_is_given_while_a_new_one_is_asked_for() {
    let (provider, at) = provider([says("m", "old"), says("m", "new")]).await;
    let gate = gate(&at, &[("OBS_CACHE_STALE_WHILE_REVALIDATE", "5m")]).await;
    came(&gate.ask("Hi").await, "miss", "old");
    gate.pass(11);
    came(&gate.ask("Hi").await, "stale", "old");
    let renewed = async { while gate.ask("Hi").await.1.as_deref() != Some("hit") {} };
    timeout(SOON, renewed).await.expect("it is renewed");
    came(&gate.ask("Hi").await, "hit", "new");
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn a_stale_answer_is_given_in_the_place_of_an_error_and_on_request() {
    let broken = || respond(500, &[], "broken");
    let (_provider, at) = provider([says("m", "old"), broken(), broken()]).await;
    let windows = [
        ("OBS_CACHE_STALE_IF_ERROR", "1h"),
        ("OBS_CACHE_MAX_STALE", "30m"),
    ];
    let gate = gate(&at, &windows).await;
    came(&gate.ask("Hi").await, "miss", "old");
    gate.pass(11);
    came(&gate.ask_with("Hi", "max-stale=120").await, "stale", "old");
    came(&gate.ask("Hi").await, "stale", "old");
    gate.pass(60);
    assert_eq!(gate.ask("Hi").await.0, 500);
}

#[tokio::test]
async fn without_a_word_nothing_stale_is_given() {
    let (provider, at) = provider([says("m", "old"), says("m", "new")]).await;
    let gate = gate(&at, &[]).await;
    came(&gate.ask("Hi").await, "miss", "old");
    gate.pass(11);
    came(&gate.ask_with("Hi", "max-stale").await, "miss", "new");
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn a_refusal_that_will_repeat_is_given_again_as_it_came() {
    let refusal = json!({"error": {"message": "no such model: m", "type": "invalid_request_error",
        "param": null, "code": "model_not_found"}});
    let refuses = || json_answer(404, &refusal);
    let (provider, at) = provider([refuses(), refuses()]).await;
    let gate = gate(&at, &[("OBS_CACHE_NEGATIVE_TTL", "1m")]).await;
    let first = gate.ask("Hi").await;
    let again = gate.ask("Hi").await;
    assert_eq!((first.0, &first.2), (again.0, &again.2));
    assert_eq!(again.0, 404);
    assert_eq!(again.1.as_deref(), Some("negative"));
    assert_eq!(provider.seen().len(), 1);
    gate.pass(1);
    assert_eq!(gate.ask("Hi").await.0, 404);
    assert_eq!(provider.seen().len(), 2);
}

#[tokio::test]
async fn redis_sees_nothing_of_sealed_answers_and_a_key_can_be_changed() {
    let redis = Server::new();
    let (_provider, at) = provider((0..10_000).map(|_| says("m", "an answer to read"))).await;
    let url = redis.url();
    let (old, new) = ("the sealing key of before", "the sealing key of today");
    let base = [
        ("OBS_CACHE_STORE", &*url),
        ("OBS_CACHE_TIER", "false"),
        ("OBS_CACHE_REDIS_TIMEOUT", "2s"),
    ];
    let with = |more: &[(&'static str, &'static str)]| [&base[..], more].concat();
    let held = || {
        let keys = redis.cli(&["keys", "obs:*"]);
        let values = keys
            .lines()
            .filter(|key| !key.is_empty() && !key.contains("gen"));
        values
            .map(|key| redis.cli(&["--no-raw", "get", key]))
            .collect::<String>()
    };
    // Asks the cache alone until it has the answer: writes are off the caller's path, and dropped until it is connected.
    let kept = |variables: Vec<(&'static str, String)>| {
        let at = at.clone();
        async move {
            let variables: Vec<_> = variables.iter().map(|(n, v)| (*n, &**v)).collect();
            let gate = gate(&at, &variables).await;
            let hits = async { while gate.ask("Hi").await.1.as_deref() != Some("hit") {} };
            timeout(SOON, hits).await.expect("it is kept");
            gate
        }
    };
    let owned = |variables: Vec<(&'static str, &str)>| -> Vec<(&'static str, String)> {
        variables
            .into_iter()
            .map(|(n, v)| (n, v.to_owned()))
            .collect()
    };
    let mut plain = kept(owned(with(&[]))).await;
    assert!(
        held().contains("an answer to read"),
        "in the open without a key"
    );
    // With the last of what it writes, under whatever key.
    plain.running.stop();
    assert!(plain.running.stopped().await, "all is written");
    assert_eq!(redis.cli(&["flushall"]).trim(), "OK");
    let sealed = kept(owned(with(&[("OBS_CACHE_SEAL_KEY", old)]))).await;
    assert!(!held().contains("an answer"), "{}", held());
    // A gateway with the new key reads what the old one sealed.
    let both = [
        ("OBS_CACHE_SEAL_KEY", new),
        ("OBS_CACHE_SEAL_KEY_PREVIOUS", old),
    ];
    let renewing = gate(&at, &with(&both)).await;
    let reads = async {
        while renewing.ask_with("Hi", "only-if-cached").await.0 != 200 {
            sealed.ask("Hi").await;
        }
    };
    timeout(SOON, reads).await.expect("it is read");
    // And seals it anew, so that the old key is needed no more: also what the old one still writes.
    let after = gate(&at, &with(&[("OBS_CACHE_SEAL_KEY", new)])).await;
    let reads = async {
        while after.ask_with("Hi", "only-if-cached").await.0 != 200 {
            renewing.ask_with("Hi", "only-if-cached").await;
        }
    };
    timeout(SOON, reads).await.expect("it is sealed anew");
}

#[tokio::test]
async fn with_everything_on_a_repeated_question_is_a_hit() {
    let (provider, at) = provider([says("m", "an answer")]).await;
    let gate = gate(
        &at,
        &[
            ("OBS_CACHE_STALE_WHILE_REVALIDATE", "5m"),
            ("OBS_CACHE_STALE_IF_ERROR", "1h"),
            ("OBS_CACHE_MAX_STALE", "1h"),
            ("OBS_CACHE_EARLY_REFRESH", "1"),
            ("OBS_CACHE_ADAPTIVE_TTL", "true"),
            ("OBS_CACHE_NEGATIVE_TTL", "30s"),
            ("OBS_CACHE_LEASE", "5s"),
        ],
    )
    .await;
    came(&gate.ask("Hi").await, "miss", "an answer");
    came(&gate.ask("Hi").await, "hit", "an answer");
    assert_eq!(provider.seen().len(), 1);
}

fn loaded(variables: &[(&str, &str)]) -> Result<Loaded, Problems> {
    load(&Sources {
        environment: variables.iter().copied().collect::<Environment>(),
        ..Sources::default()
    })
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    for (name, value, expected) in [
        ("OBS_CACHE_JITTER", "1.5", "from 0 to 1"),
        ("OBS_CACHE_EARLY_REFRESH", "0", "above 0"),
        ("OBS_CACHE_EARLY_REFRESH", "NaN", "above 0"),
        ("OBS_CACHE_ADAPTIVE_TARGET", "1", "below 1"),
        ("OBS_CACHE_ADAPTIVE_FLOOR", "25h", "cache.adaptive_ceiling"),
        ("OBS_CACHE_NEGATIVE_TTL", "soon", "off"),
        ("OBS_CACHE_LEASE", "0s", "off"),
        ("OBS_CACHE_SEAL_KEY", "short", "16 characters"),
    ] {
        let refusal = loaded(&[(name, value)]).expect_err(name).to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn sealing_keys_are_shown_nowhere_and_have_no_flag() {
    let secret = "a secret that is long enough";
    let variables = [
        ("OBS_CACHE_SEAL_KEY", secret),
        ("OBS_CACHE_SEAL_KEY_PREVIOUS", secret),
        ("OBS_CACHE_STORE", "memory"),
    ];
    let loaded = loaded(&variables).unwrap();
    assert!(!loaded.print().contains(secret));
    assert!(!format!("{:?}", loaded.settings).contains(secret));
    let of = &loaded.settings.cache.seal;
    assert!(of.key.is_some() && of.previous.is_some());
    // In memory nothing is sealed, and nobody should believe so.
    let warnings = loaded.warnings.join("\n");
    assert!(warnings.contains("cache.seal_key"), "{warnings}");
}

#[tokio::test]
async fn what_one_gateway_deletes_goes_from_the_memory_of_another_at_once() {
    const TOKEN: &str = "a token of sixteen";
    let answers = (0..1_000).map(|n| says("m", &format!("answer {n}.")));
    let (_provider, at) = provider(answers).await;
    let redis = Server::new();
    let url = redis.url();
    let shared = [
        ("OBS_CACHE_STORE", &*url),
        ("OBS_CACHE_INVALIDATION", "true"),
        ("OBS_ADMIN_TOKEN", TOKEN),
    ];
    let (one, two) = (gate(&at, &shared).await, gate(&at, &shared).await);
    let delete = async |gate: &Gate| {
        let body = json!({"body": ask("m", "Hi")});
        let request = gate.running.post("/admin/v1/cache/delete", &body);
        let deleted = request.bearer_auth(TOKEN).send().await.unwrap();
        deleted.status() == 200
    };
    let connected = async {
        while !delete(&one).await {}
        while !delete(&two).await {}
    };
    timeout(SOON, connected).await.expect("Redis is there");
    // Until the one has written, the other asks for itself.
    let in_both = async {
        loop {
            let (_, _, wrong) = one.ask("Hi").await;
            let (_, cache, answer) = two.ask("Hi").await;
            if answer == wrong && cache.as_deref() == Some("hit") {
                return wrong;
            }
            delete(&two).await;
        }
    };
    let wrong = timeout(SOON, in_both).await.expect("it is shared");
    assert!(delete(&one).await);
    let gone = async { while two.ask("Hi").await.2 == wrong {} };
    timeout(SOON, gone).await.expect("nothing is left of it");
}
