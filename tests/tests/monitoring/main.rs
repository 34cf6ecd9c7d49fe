//! What is in `monitoring/` and in the reference of metrics, against a gateway under load and a real Prometheus.
mod dashboards;
mod gateway;
mod prometheus;
mod promql;
mod reference;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use dashboards::{Dashboard, Query};
use gateway::Gateway;
use obs_tests::scrape::{self, Scrape};
use prometheus::{Prometheus, promtool};
use tokio::time::Instant;

/// Everything must have data by then.
const PATIENCE: Duration = Duration::from_secs(45);

fn monitoring() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitoring")
}

#[test]
fn promtool_finds_no_fault_and_the_tests_of_the_rules_pass() {
    let folder = monitoring();
    promtool(
        &folder,
        &[
            "check",
            "config",
            "prometheus.yml",
            "prometheus.compose.yml",
        ],
    );
    promtool(&folder, &["test", "rules", "rules/rules_test.yml"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_of_dashboards_and_rules_returns_data() {
    // A collector that nobody is at: what is exported there is counted as failed.
    let mut gateway =
        Gateway::start(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")]).await;
    let prometheus = Prometheus::start(&monitoring(), gateway.metrics);
    let rules = prometheus.rules().await;
    assert!(!rules.is_empty());

    let mut queries: Vec<Query> = Vec::new();
    for dashboard in Dashboard::all(&monitoring()) {
        queries.extend(dashboard.queries());
    }
    for rule in &rules {
        let of = |text: &str| Query {
            of: format!("rule {}", rule.name),
            text: text.to_owned(),
        };
        if rule.alerts {
            // An alert is silent while all is well, but what it looks at is there.
            let looked_at = promql::selectors(&rule.query);
            queries.extend(looked_at.iter().map(|selector| of(selector)));
        } else {
            queries.extend([of(&rule.query), of(&rule.name)]);
        }
    }
    assert!(queries.len() > 100, "{}", queries.len());

    let all = queries.clone();
    let end = Instant::now() + PATIENCE;
    while !queries.is_empty() {
        assert!(Instant::now() < end, "without data: {queries:#?}");
        gateway.load().await;
        let mut without = Vec::new();
        for query in queries {
            match prometheus.has_data(&query.text).await {
                Ok(true) => {}
                Ok(false) => without.push(query),
                Err(problem) => panic!("{}: {problem}", query.of),
            }
        }
        queries = without;
    }

    // Data of one metric must not hide that another one of the same query is not there.
    let scraped = Scrape::parse(&scrape::get(gateway.metrics).await);
    let scraped = scraped.samples.keys().map(|series| promql::metric(series));
    let mut known: BTreeSet<&str> = scraped.chain(["up"]).collect();
    known.extend(
        rules
            .iter()
            .filter(|rule| !rule.alerts)
            .map(|rule| &*rule.name),
    );
    for query in all {
        for selector in promql::selectors(&query.text) {
            let name = promql::metric(&selector);
            assert!(
                known.contains(name),
                "{}: there is no metric {name}",
                query.of
            );
        }
    }
    for rule in prometheus.rules().await {
        assert_eq!(rule.health, "ok", "{}: {}", rule.name, rule.problem);
    }
    for name in ["instance", "operation"] {
        assert!(prometheus.label_values("llm_calls_total", name).await > 0);
    }
}

#[test]
fn every_panel_has_a_unit_a_description_and_a_legend_and_asks_the_provisioned_source() {
    let provisioned = "grafana/provisioning/datasources/prometheus.yml";
    let provisioned = fs::read_to_string(monitoring().join(provisioned)).unwrap();
    let mut uids = BTreeMap::new();
    let all = Dashboard::all(&monitoring());
    assert_eq!(all.len(), 5);
    for dashboard in all {
        let file = &dashboard.file;
        let variables: BTreeMap<_, _> = dashboard
            .variables()
            .iter()
            .map(|variable| (variable["name"].as_str().unwrap(), variable))
            .collect();
        let names: Vec<_> = variables.keys().copied().collect();
        assert_eq!(names, ["datasource", "instance", "operation"], "{file}");
        let source = variables["datasource"]["current"]["value"]
            .as_str()
            .unwrap();
        assert!(
            provisioned.contains(&format!("uid: {source}\n")),
            "{file}: {source}"
        );
        for name in ["instance", "operation"] {
            let query = format!("label_values(llm_calls_total, {name})");
            assert_eq!(variables[name]["query"]["query"], *query, "{file}");
            assert_eq!(variables[name]["datasource"]["uid"], "${datasource}");
        }
        let mut ids = BTreeSet::new();
        for panel in dashboard.panels() {
            let title = panel["title"].as_str().unwrap();
            let said =
                |value: &serde_json::Value| value.as_str().is_some_and(|text| !text.is_empty());
            assert!(
                said(&panel["description"]),
                "{file}: {title} has no description"
            );
            assert!(
                said(&panel["fieldConfig"]["defaults"]["unit"]),
                "{file}: {title} has no unit"
            );
            for target in panel["targets"].as_array().unwrap() {
                assert!(
                    said(&target["legendFormat"]),
                    "{file}: {title} has no legend"
                );
                assert!(target["datasource"].is_null(), "{file}: {title}");
            }
            assert_eq!(
                panel["datasource"]["uid"], "${datasource}",
                "{file}: {title}"
            );
            assert!(
                ids.insert(panel["id"].as_u64().unwrap()),
                "{file}: {title} has another's id"
            );
        }
        let uid = dashboard.json["uid"].as_str().unwrap().to_owned();
        assert_eq!(
            uids.insert(uid, file.clone()),
            None,
            "{file} has another's uid"
        );
    }
}

#[test]
fn every_alert_has_an_entry_in_the_runbook_and_a_test() {
    let read = |file: &str| fs::read_to_string(monitoring().join(file)).unwrap();
    let (alerts, runbook, tests) = (
        read("rules/alerts.yml"),
        read("RUNBOOK.md"),
        read("rules/rules_test.yml"),
    );
    let after = |text: &str, mark: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.split_once(mark));
        lines
            .map(|(_, rest)| rest.trim_end_matches('"').to_owned())
            .collect()
    };
    let names = after(&alerts, "- alert: ");
    assert_eq!(
        names,
        after(&alerts, "- alert: ").into_iter().collect::<Vec<_>>()
    );
    let links: Vec<_> = names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(after(&alerts, "runbook: \"monitoring/RUNBOOK.md#"), links);
    let mut entries = after(&runbook, "## ");
    let mut sorted = names.clone();
    entries.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(entries, sorted);
    for name in names {
        let fires = format!("alertname: {name}\n        exp_alerts:\n");
        assert!(tests.contains(&fires), "no test shows that {name} fires");
    }
}
