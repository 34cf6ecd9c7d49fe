//! Settings: who stands over whom, what is refused and in which words, and what is shown.
use std::{path::PathBuf, time::Duration};

use obs_core::{Commit, PriceTable, Usage};
use obs_gateway::{
    cli::{Action, Cli},
    settings::{
        Environment, Format, Loaded, Malformed, Policy, Settings, Sources, Store, TellDeadline,
        Tenant, load,
    },
};
use tempfile::TempDir;

/// A file, variables and a command line, as a user gives them.
#[derive(Default)]
struct Given {
    dir: Option<TempDir>,
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
    line: Vec<String>,
}

impl Given {
    fn file(mut self, text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.toml");
        std::fs::write(&path, text).unwrap();
        (self.dir, self.file) = (Some(dir), Some(path));
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn line(mut self, line: &str) -> Self {
        self.line = line.split_whitespace().map(Into::into).collect();
        self
    }

    fn load(&self) -> Result<Loaded, String> {
        let line = std::iter::once("gateway".to_owned()).chain(self.line.clone());
        let cli = Cli::parse(line).map_err(|e| e.to_string())?;
        let sources = Sources {
            file: cli.config.or(self.file.clone()),
            environment: self.environment.iter().cloned().collect(),
            flags: cli.flags,
        };
        load(&sources).map_err(|problems| problems.to_string())
    }

    fn settings(&self) -> Settings {
        self.load()
            .unwrap_or_else(|refusal| panic!("{refusal}"))
            .settings
    }

    /// The refusal, with the file's folder taken out.
    fn refusal(&self) -> String {
        let refusal = self.load().expect_err("is refused");
        match &self.dir {
            Some(dir) => refusal.replace(&format!("{}/", dir.path().display()), ""),
            None => refusal,
        }
    }
}

fn given() -> Given {
    Given::default()
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn without_any_configuration_it_is_simulated_with_a_memory_cache() {
    let settings = given().settings();
    assert_eq!(settings.server.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(
        settings.metrics.listen,
        Some("127.0.0.1:9464".parse().unwrap())
    );
    assert_eq!(settings.server.max_body, 10 << 20);
    assert_eq!(settings.server.tenant, Tenant::Credential);
    assert_eq!(settings.cache.store, Store::Memory);
    assert_eq!(settings.cache.ttl, HOUR);
    assert_eq!(settings.cache.max_bytes, 256 << 20);
    assert_eq!(settings.router.policy, Policy::Complexity);
    assert_eq!(settings.router.commit, Commit::FirstContent);
    assert_eq!(settings.timeout.total, Duration::from_secs(300));
    assert_eq!(settings.timeout.attempt, None);
    let providers: Vec<_> = settings
        .providers
        .iter()
        .map(|p| (&*p.name, p.format))
        .collect();
    assert_eq!(providers, [("simulated", Format::Simulated)]);
    let routes: Vec<_> = settings
        .routes
        .iter()
        .map(|r| (&*r.name, &*r.model))
        .collect();
    assert_eq!(routes, [("cheap", "sim-small"), ("premium", "sim-large")]);
}

#[test]
fn the_environment_stands_over_the_file_and_the_flag_over_both() {
    let file = given().file("[cache]\nttl = \"2h\"\n");
    assert_eq!(file.settings().cache.ttl, 2 * HOUR);
    let file = file.env("OBS_CACHE_TTL", "3h");
    assert_eq!(file.settings().cache.ttl, 3 * HOUR);
    let file = file.line("--cache-ttl 4h");
    assert_eq!(file.settings().cache.ttl, 4 * HOUR);
    assert_eq!(
        given().line("--cache-ttl 4h").settings().cache.ttl,
        4 * HOUR
    );
}

#[test]
fn the_file_is_named_by_the_flag_over_the_variable() {
    let by_variable = given().file("[cache]\nttl = \"2h\"\n");
    let path = by_variable.file.clone().unwrap().display().to_string();
    assert_eq!(
        given().env("OBS_CONFIG", &path).settings().cache.ttl,
        2 * HOUR
    );
    let other = given().file("[cache]\nttl = \"5h\"\n");
    let flag = format!("--config {}", other.file.clone().unwrap().display());
    assert_eq!(
        given()
            .env("OBS_CONFIG", &path)
            .line(&flag)
            .settings()
            .cache
            .ttl,
        5 * HOUR
    );
    let missing = given().env("OBS_CONFIG", "/no/such/file.toml").refusal();
    assert!(
        missing.starts_with("/no/such/file.toml: cannot be read: "),
        "{missing}"
    );
}

#[test]
fn every_kind_of_scalar_is_read_from_the_file() {
    let settings = given()
        .file(
            "[server]\nlisten = \"[::1]:1\"\nmax_body = 1024\ndrain = \"0s\"\ntenant = \"header\"\n\
             keep_alive = \"off\"\n[metrics]\nlisten = \"off\"\n[cache]\nstore = \"off\"\ntier = false\n\
             [router]\nthreshold = 0.25\ncommit = \"20tokens\"\n[timeout]\nidle = \"off\"\nattempt = \"9s\"\n",
        )
        .settings();
    assert_eq!(settings.server.listen, "[::1]:1".parse().unwrap());
    assert_eq!(settings.server.max_body, 1024);
    assert_eq!(settings.server.drain, Duration::ZERO);
    assert_eq!(settings.server.tenant, Tenant::Header);
    assert_eq!(settings.server.keep_alive, None);
    assert_eq!(settings.metrics.listen, None);
    assert_eq!(settings.cache.store, Store::Off);
    assert!(!settings.cache.tier);
    assert!((settings.router.threshold - 0.25).abs() < f64::EPSILON);
    assert_eq!(settings.router.commit, Commit::Tokens(20));
    assert_eq!(settings.timeout.idle, None);
    assert_eq!(settings.timeout.attempt, Some(Duration::from_secs(9)));
}

#[test]
fn the_commit_point_is_a_name_a_time_or_a_number_of_tokens() {
    let commit = |text: &str| {
        given()
            .env("OBS_ROUTER_COMMIT", text)
            .settings()
            .router
            .commit
    };
    assert_eq!(commit("complete"), Commit::Complete);
    assert_eq!(commit("500ms"), Commit::After(Duration::from_millis(500)));
    assert_eq!(commit("1tokens"), Commit::Tokens(1));
    for bad in ["0tokens", "0s", "tokens", "soon", "-1tokens"] {
        let refusal = given().env("OBS_ROUTER_COMMIT", bad).refusal();
        assert!(
            refusal.contains("first-content, complete, a duration"),
            "{refusal}"
        );
    }
}

#[test]
fn redis_is_short_for_the_store() {
    let short = given().line("--redis redis://h:6379").settings();
    let long = given().line("--cache-store redis://h:6379").settings();
    assert_eq!(short.cache.store, long.cache.store);
    assert!(matches!(short.cache.store, Store::Redis(url) if url.expose() == "redis://h:6379"));
    for url in [
        "rediss://h",
        "redis-cluster://a:1",
        "redis-sentinel://a:1/0?sentinelServiceName=m",
    ] {
        assert!(matches!(
            given()
                .line(&format!("--redis {url}"))
                .settings()
                .cache
                .store,
            Store::Redis(_)
        ));
    }
}

#[test]
fn bad_values_are_refused_with_the_line_the_value_and_what_is_allowed() {
    let refusal = given()
        .file("[server]\nlisten = \"somewhere\"\n\n[cache]\nttl = \"-1h\"\nmax_bytes = 0\n")
        .refusal();
    let lines: Vec<_> = refusal.lines().collect();
    assert_eq!(lines.len(), 3, "{refusal}");
    assert!(
        lines[0]
            .starts_with("gateway.toml:2: server.listen: is \"somewhere\": expected an IP address")
    );
    assert!(
        lines[1].starts_with("gateway.toml:5: cache.ttl: is \"-1h\": expected a duration such as")
    );
    assert!(
        lines[2]
            .starts_with("gateway.toml:6: cache.max_bytes: is \"0\": expected a size above zero")
    );
    let refusal = given()
        .env("OBS_ROUTER_THRESHOLD", "1.5")
        .line("--timeout-total 0s")
        .refusal();
    assert_eq!(
        refusal,
        "OBS_ROUTER_THRESHOLD: is \"1.5\": expected a number from 0 to 1\n\
         --timeout-total: is \"0s\": expected a duration above zero, such as 500ms, 30s or 1h"
    );
    let negative = given().line("--timeout-total -5s").refusal();
    assert!(
        negative.starts_with("--timeout-total: is \"-5s\": expected a duration"),
        "{negative}"
    );
}

#[test]
fn a_bad_value_is_refused_although_another_stands_over_it() {
    let refusal = given()
        .file("[cache]\nttl = \"soon\"\n")
        .env("OBS_CACHE_TTL", "1h")
        .refusal();
    assert!(
        refusal.starts_with("gateway.toml:2: cache.ttl"),
        "{refusal}"
    );
}

#[test]
fn zero_nan_and_absurd_values_are_refused() {
    for (variable, value) in [
        ("OBS_TIMEOUT_TOTAL", "0s"),
        ("OBS_TIMEOUT_TOTAL", "1000years"),
        ("OBS_TIMEOUT_FIRST_TOKEN", "0s"),
        ("OBS_CACHE_TTL", "0s"),
        ("OBS_ROUTER_THRESHOLD", "NaN"),
        ("OBS_ROUTER_THRESHOLD", "-0.1"),
        ("OBS_SERVER_MAX_BODY", "0"),
        ("OBS_SERVER_MAX_BODY", "many"),
        ("OBS_CACHE_TIER", "yes"),
        ("OBS_SERVER_TENANT", "user"),
        ("OBS_CACHE_STORE", "http://h"),
        ("OBS_CACHE_STORE", "redis://"),
        ("OBS_LOG_FORMAT", "xml"),
        ("OBS_LOG_LEVEL", "a=b=c"),
        ("OBS_LOG_LEVEL", "inof"),
        ("OBS_LOG_LEVEL", "info,obs_cache"),
        ("OBS_CACHE_KEY", "short"),
        ("OBS_ROUTER_DEFAULT", "auto"),
    ] {
        let refusal = given().env(variable, value).refusal();
        assert!(
            refusal.starts_with(variable) && refusal.contains("expected") || value == "auto",
            "{refusal}"
        );
    }
}

#[test]
fn empty_strings_are_refused_everywhere() {
    let message = "is empty: give a value, or leave it out";
    let file = given().file("[router]\ndefault = \"\"\n").refusal();
    assert_eq!(file, format!("gateway.toml:2: router.default: {message}"));
    assert_eq!(
        given().env("OBS_CACHE_TTL", "").refusal(),
        format!("OBS_CACHE_TTL: {message}")
    );
    assert_eq!(
        given().line("--cache-ttl=").refusal(),
        format!("--cache-ttl: {message}")
    );
    assert!(
        given()
            .env("OBS_CONFIG", "")
            .refusal()
            .starts_with("OBS_CONFIG: is empty")
    );
    assert!(
        given()
            .env("OPENAI_API_KEY", "")
            .refusal()
            .starts_with("OPENAI_API_KEY: is empty")
    );
    assert!(
        given()
            .env("OPENAI_BASE_URL", "")
            .refusal()
            .starts_with("OPENAI_BASE_URL: is \"\"")
    );
    let route = given()
        .file("[[routes]]\nname = \"\"\nmodel = \"m\"\n")
        .refusal();
    assert!(
        route.starts_with("gateway.toml:2: name = \"\": expected 1 to 64"),
        "{route}"
    );
}

#[test]
fn unknown_keys_are_refused_with_their_line_and_a_guess() {
    let refusal = given()
        .file("[cach]\nttl = \"1h\"\n[cache]\ntttl = \"1h\"\n[[routes]]\nname = \"a\"\nmodel = \"m\"\nfalback = []\n")
        .refusal();
    let lines: Vec<_> = refusal.lines().collect();
    assert_eq!(lines.len(), 3, "{refusal}");
    assert!(lines[0].starts_with(
        "gateway.toml:1: there is no section `cach` (did you mean `cache`?): expected one of"
    ));
    assert!(lines[1].starts_with(
        "gateway.toml:4: [cache] knows no `tttl` (did you mean `ttl`?): expected one of store, "
    ));
    assert!(
        lines[2].starts_with(
            "gateway.toml:8: [[routes]] knows no `falback` (did you mean `fallback`?)"
        )
    );
    let flag = given().line("--cache-tttl 1h").refusal();
    assert!(flag.contains("--cache-ttl"), "{flag}");
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let refusal = given()
        .file("[server]\nlisten = \"127.0.0.1:1\"\nmax_body = = 1\n")
        .refusal();
    assert!(
        refusal.starts_with("gateway.toml:3: this is not TOML: "),
        "{refusal}"
    );
    let twice = given()
        .file("[cache]\nttl = \"1h\"\nttl = \"2h\"\n")
        .refusal();
    assert!(twice.contains("gateway.toml:3"), "{twice}");
    let shape = given()
        .file("cache = 1\n[router]\ncommit = [\"complete\"]\n")
        .refusal();
    assert!(
        shape.contains("gateway.toml:1: `cache` is a section: write [cache]"),
        "{shape}"
    );
    assert!(
        shape.contains("gateway.toml:3: router.commit = a list: expected a single value"),
        "{shape}"
    );
}

#[test]
fn unknown_variables_are_warned_of_and_not_refused() {
    let loaded = given()
        .env("OBS_CACHE_TLL", "1h")
        .env("OBS_SERVICE_PORT", "1")
        .load()
        .unwrap();
    assert_eq!(
        loaded.warnings,
        [
            "the variable OBS_CACHE_TLL is no setting (did you mean `OBS_CACHE_TTL`?): it has no effect",
            "the variable OBS_SERVICE_PORT is no setting: it has no effect",
        ]
    );
}

#[test]
fn secrets_have_no_flag_and_are_masked() {
    let secret = "0123456789abcdef!";
    assert!(
        given()
            .line(&format!("--cache-key {secret}"))
            .load()
            .is_err()
    );
    let with = given()
        .env("OBS_CACHE_KEY", secret)
        .env("OPENAI_API_KEY", "sk-secret")
        .env("OBS_CACHE_STORE", "redis://user:pw-secret@h:6379");
    let loaded = with.load().unwrap();
    assert_eq!(loaded.settings.cache.key.as_ref().unwrap().expose(), secret);
    let shown = format!("{}{:?}", loaded.print(), loaded.settings);
    for secret in [secret, "sk-secret", "pw-secret"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("redis://user:***@h:6379"), "{shown}");
    let short = given().env("OBS_CACHE_KEY", "pw-secret").refusal();
    assert!(!short.contains("pw-secret"), "{short}");
    let misplaced = given()
        .file("[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key = \"sk-secret\"\n");
    let misplaced = misplaced.refusal();
    assert!(
        misplaced.contains("`api_key_env`") && !misplaced.contains("sk-secret"),
        "{misplaced}"
    );
}

#[test]
fn openai_variables_imply_a_provider_and_two_routes() {
    let settings = given().env("OPENAI_API_KEY", "sk-1").settings();
    let provider = &settings.providers[0];
    assert_eq!(
        (&*provider.name, provider.format),
        ("openai", Format::OpenAi)
    );
    assert_eq!(provider.base_url, "https://api.openai.com/v1");
    assert_eq!(provider.api_key.as_ref().unwrap().expose(), "sk-1");
    let local = given()
        .env("OPENAI_BASE_URL", "http://127.0.0.1:8081/v1/")
        .env("OBS_ROUTER_CHEAP_MODEL", "smollm2")
        .settings();
    assert_eq!(local.providers[0].base_url, "http://127.0.0.1:8081/v1");
    assert_eq!(local.providers[0].api_key, None);
    assert_eq!(&*local.routes[0].model, "smollm2");
}

#[test]
fn the_implied_models_have_a_price() {
    let settings = given().env("OPENAI_API_KEY", "sk-1").settings();
    let usage = Usage {
        input: 1,
        ..Usage::default()
    };
    for route in &settings.routes {
        let cost = PriceTable::bundled().cost(None, &route.model, &usage);
        assert!(cost.is_some(), "{} has no price", route.model);
    }
}

const TABLES: &str = r#"
[[providers]]
name = "a"
base_url = "https://a.example/v1"
api_key_env = "A_KEY"

[[providers]]
name = "b"
base_url = "http://127.0.0.1:1"
malformed = "skip"
deadline = "grpc"
http2 = true

[[routes]]
name = "cheap"
provider = "b"
model = "m1"
fallback = ["premium"]
context = 128000
price = { input = "0.15", output = "0.60", cached_input = "0.075" }
first_token = "3s"
weight = 3
prefill = true

[[routes]]
name = "premium"
model = "m2"
"#;

#[test]
fn a_providers_key_may_be_in_a_file_and_is_shown_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    let at = file.display();
    let tables = format!(
        "[[providers]]\nname = \"a\"\nbase_url = \"https://a.example/v1\"\napi_key_file = \"{at}\"\n"
    );
    let refusal = given().file(&tables).refusal();
    assert!(refusal.contains("cannot be read"), "{refusal}");
    std::fs::write(&file, "\n").unwrap();
    let refusal = given().file(&tables).refusal();
    assert!(refusal.contains("is empty"), "{refusal}");
    std::fs::write(&file, "sk-of-a-file\n").unwrap();
    let settings = given().file(&tables).settings();
    let key = settings.providers[0].api_key.as_ref();
    assert_eq!(key.map(|key| key.expose()), Some("sk-of-a-file"));
    assert!(!format!("{settings:?}").contains("sk-of-a-file"));
    let both = format!("{tables}api_key_env = \"A_KEY\"\n");
    let refusal = given().file(&both).env("A_KEY", "sk").refusal();
    assert!(refusal.contains("expected one of them"), "{refusal}");
}

#[test]
fn providers_and_routes_are_read_from_the_file_and_stand_over_openais_variables() {
    let given = given()
        .file(TABLES)
        .env("A_KEY", "k")
        .env("OPENAI_API_KEY", "other");
    let settings = given.settings();
    let names: Vec<_> = settings.providers.iter().map(|p| &*p.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(
        settings.providers[0].api_key.as_ref().unwrap().expose(),
        "k"
    );
    assert_eq!(settings.providers[1].api_key, None);
    let [cheap, premium] = &settings.routes[..] else {
        panic!("two routes")
    };
    assert_eq!(cheap.provider.as_deref(), Some("b"));
    assert_eq!(cheap.fallback, ["premium".into()]);
    assert_eq!(cheap.context, Some(128_000));
    assert_eq!(cheap.first_token, Some(Duration::from_secs(3)));
    assert_eq!((cheap.weight, cheap.prefill), (Some(3), true));
    assert_eq!((premium.weight, premium.prefill), (None, false));
    assert_eq!(settings.providers[1].malformed, Malformed::Skip);
    assert_eq!(settings.providers[1].deadline, TellDeadline::Grpc);
    assert!(settings.providers[1].http2 && !settings.providers[0].http2);
    assert_eq!(settings.providers[0].malformed, Malformed::Error);
    let usage = Usage {
        input: 1_000_000,
        cached_input: 400_000,
        output: 1_000_000,
        ..Usage::default()
    };
    assert_eq!(
        cheap.price.as_ref().unwrap().cost(&usage).to_string(),
        "$0.72"
    );
    assert_eq!((premium.provider.as_deref(), &premium.price), (None, &None));
}

#[test]
fn the_price_of_a_route_may_tell_of_writes_for_an_hour_and_of_searches() {
    let file = |price: &str| {
        format!(
            "[[providers]]\nname = \"a\"\nformat = \"anthropic\"\n[[routes]]\nname = \"r\"\nmodel = \"m\"\nprice = {price}\n"
        )
    };
    let text = file(
        r#"{ input = "3", output = "15", cache_write = "3.75", cache_write_1h = "6", search = "0.01" }"#,
    );
    let loaded = given().file(&text).load().unwrap();
    let price = loaded.settings.routes[0].price.clone().unwrap();
    assert_eq!(price.cache_write_1h().unwrap().to_string(), "$0.000006");
    assert_eq!(price.search().unwrap().to_string(), "$0.01");
    // What is printed is read again, and means the same.
    let printed = loaded.print();
    let again = given().file(&printed).load().unwrap();
    let again = again.settings.routes[0].price.clone().unwrap();
    assert_eq!(
        (again.cache_write_1h(), again.search()),
        (price.cache_write_1h(), price.search())
    );
    let plain = file(r#"{ input = "3", output = "15", cache_write = "3.75" }"#);
    let printed = given().file(&plain).load().unwrap().print();
    assert!(!printed.contains("_1h") && !printed.contains("search = "));
    let refusal = given().file(&file(r#"{ input = "3", output = "15", search = "-1" }"#));
    assert!(refusal.refusal().contains("search"));
}

#[test]
fn anthropics_own_address_need_not_be_said() {
    let text = "[[providers]]\nname = \"a\"\nformat = \"anthropic\"\n";
    let loaded = given().file(text).load().unwrap();
    let provider = &loaded.settings.providers[0];
    assert_eq!(provider.format, Format::Anthropic);
    assert_eq!(provider.base_url, "https://api.anthropic.com");
}

#[test]
fn providers_and_routes_that_do_not_fit_are_refused() {
    let refused = |text: &str, wanted: &str| {
        let refusal = given().file(text).refusal();
        assert!(refusal.contains(wanted), "{refusal}");
    };
    refused(
        "[[providers]]\nname = \"a\"\n",
        "provider \"a\" needs a base_url",
    );
    refused(
        "[[providers]]\nbase_url = \"http://h\"\n",
        "this one of [[providers]] has no `name`",
    );
    refused(
        "[[providers]]\nname = \"a\"\nbase_url = \"h:1\"\n",
        "expected a URL such as https://",
    );
    refused(
        "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\napi_key_env = \"NOT_SET\"\n",
        "the variable NOT_SET, which api_key_env names, is not set",
    );
    refused(
        "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\n[[providers]]\nname = \"a\"\nbase_url = \"http://i\"\n",
        "another provider is named \"a\"",
    );
    refused(
        "[[providers]]\nname = \"a\"\nbase_url = \"http://h\"\nca_file = \"/no/such.pem\"\n",
        "ca_file /no/such.pem cannot be read",
    );
    refused(
        "[[routes]]\nname = \"a\"\n",
        "this one of [[routes]] has no `model`",
    );
    refused(
        "[[routes]]\nname = \"auto\"\nmodel = \"m\"\n",
        "`auto` is the name",
    );
    refused(
        "[[routes]]\nname = \"a\"\nmodel = \"m\"\nprovider = \"x\"\n",
        "there is no provider \"x\"",
    );
    refused(
        "[[routes]]\nname = \"a\"\nmodel = \"m\"\nfallback = [\"b\"]\n",
        "there is no route \"b\"",
    );
    refused(
        "[[routes]]\nname = \"a\"\nmodel = \"m\"\nfallback = [\"a\"]\n",
        "route \"a\" is its own fallback",
    );
    refused(
        "[[providers]]\nname = \"o\"\nbase_url = \"http://h\"\n[[providers]]\nname = \"c\"\nformat = \"anthropic\"\n\
         [[routes]]\nname = \"a\"\nmodel = \"m\"\nfallback = [\"b\"]\n[[routes]]\nname = \"b\"\nmodel = \"n\"\nprovider = \"c\"\n",
        "route \"a\": the provider of its fallback \"b\" has another format",
    );
    refused(
        "[[providers]]\nname = \"a\"\nformat = \"grpc\"\n",
        "expected openai, anthropic or simulated",
    );
    refused(
        "[[routes]]\nname = \"a\"\nmodel = \"m\"\ncontext = -1\n",
        "expected a number of tokens above zero",
    );
    refused(
        "[[routes]]\nname = \"a\"\nmodel = \"m\"\nprice = { input = \"1\" }\n",
        "input or output is missing",
    );
    refused(
        "[[routes]]\nname = \"a\"\nmodel = \"m\"\nprice = { input = \"x\", output = \"1\" }\n",
        "\"x\"",
    );
    refused(
        "[[routes]]\nname = \"a\"\nmodel = \"m\"\n[router]\nbaseline = \"b\"\n",
        "there is no route \"b\"",
    );
    refused("routes = 3\n", "routes is no list: write [[routes]]");
    refused(
        "[metrics]\nlisten = \"127.0.0.1:8080\"\n",
        "which server.listen takes",
    );
}

#[test]
fn a_price_file_is_read_at_start_and_refused_when_bad() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prices.json");
    std::fs::write(
        &file,
        r#"{"m":{"input_cost_per_token":"1e-6","output_cost_per_token":2e-6}}"#,
    )
    .unwrap();
    let with = given().env("OBS_PRICES_FILE", &file.display().to_string());
    assert!(
        with.settings()
            .prices
            .own
            .unwrap()
            .price(None, "m")
            .is_some()
    );
    std::fs::write(
        &file,
        r#"{"m":{"input_cost_per_token":-1,"output_cost_per_token":1}}"#,
    )
    .unwrap();
    let refusal = with.refusal();
    assert!(
        refusal.contains("prices.json") && refusal.contains("input_cost_per_token"),
        "{refusal}"
    );
    let missing = given().env("OBS_PRICES_FILE", "/no/such.json").refusal();
    assert!(
        missing.starts_with("prices.file: /no/such.json cannot be read"),
        "{missing}"
    );
}

#[test]
fn what_is_printed_can_be_loaded_and_says_the_same() {
    let first = given()
        .file(TABLES)
        .env("A_KEY", "k")
        .env("OBS_CACHE_TTL", "7m")
        .line("--router-threshold 0.25");
    let printed = first.load().unwrap().print();
    assert!(printed.contains("ttl = \"7m\""), "{printed}");
    assert!(
        printed
            .lines()
            .any(|l| l.starts_with("ttl = ") && l.ends_with("# OBS_CACHE_TTL")),
        "{printed}"
    );
    assert!(
        printed
            .lines()
            .any(|l| l.starts_with("threshold") && l.ends_with("# --router-threshold")),
        "{printed}"
    );
    assert!(
        printed
            .lines()
            .any(|l| l.starts_with("max_body") && l.ends_with("# default")),
        "{printed}"
    );
    let second = given().file(&printed).env("A_KEY", "k").load().unwrap();
    let without_origins = |text: String| -> Vec<String> {
        text.lines()
            .map(|l| l.split(" #").next().unwrap_or_default().trim().to_owned())
            .collect()
    };
    assert_eq!(without_origins(second.print()), without_origins(printed));
}

#[test]
fn the_command_line_knows_its_commands_and_flags_on_either_side() {
    let cli = |line: &str| {
        let words = std::iter::once("gateway").chain(line.split_whitespace());
        Cli::parse(words).map_err(|e| e.to_string())
    };
    assert_eq!(cli("").unwrap().action, Action::Serve);
    assert_eq!(
        cli("serve --cache-ttl 1h").unwrap().flags,
        [("cache.ttl".into(), "1h".into())]
    );
    let printed = cli("--cache-ttl 1h print-config --config x").unwrap();
    assert_eq!(printed.action, Action::PrintConfig);
    assert_eq!(printed.flags, [("cache.ttl".into(), "1h".into())]);
    assert_eq!(printed.config, Some("x".into()));
    assert_eq!(cli("check-config").unwrap().action, Action::CheckConfig);
    assert!(
        cli("--version")
            .unwrap_err()
            .contains(env!("CARGO_PKG_VERSION"))
    );
    assert!(cli("fly").is_err());
}

#[test]
fn help_shows_every_setting_with_its_default_and_its_variable() {
    let help = Cli::parse(["gateway", "--help"]).unwrap_err().to_string();
    let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in given().load().unwrap().print().lines() {
        if let Some(section) = line.strip_prefix('[') {
            assert!(flat.contains(section.trim_matches(['[', ']'])), "{line}");
        }
    }
    for wanted in [
        "--server-listen <LISTEN>",
        "[default: 127.0.0.1:8080] [env: OBS_SERVER_LISTEN]",
        "[alias: --redis]",
        "[default: 256MiB] [env: OBS_CACHE_MAX_BYTES]",
        "[env: OBS_TIMEOUT_ATTEMPT]",
        "cache.key (OBS_CACHE_KEY)",
        "[env: OBS_CONFIG]",
    ] {
        assert!(flat.contains(wanted), "{wanted} is not in\n{help}");
    }
}

#[test]
fn the_environment_does_not_show_its_values() {
    let environment: Environment = [("A", "secret")].into_iter().collect();
    assert_eq!(format!("{environment:?}"), "Environment(1 variables)");
}
