//! Settings that are loaded again by a signal.
use crate::gateway::{Gateway, command};

#[tokio::test]
async fn a_signal_loads_the_settings_again_and_bad_ones_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gateway.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("[cache]\nstore = \"memory\"");
    let config = format!("--config={}", file.display());
    let free = [
        "--server-listen=127.0.0.1:0",
        "--metrics-listen=127.0.0.1:0",
    ];
    let mut gateway = Gateway::spawn(command(&[free[0], free[1], &config]));
    let cache = async || {
        let answer = gateway.ask("a", "Are you there?").await.unwrap();
        answer.header("x-obs-cache").to_owned()
    };
    assert_eq!(cache().await, "miss");
    assert_eq!(cache().await, "hit");

    write("[cache]\nstore = \"nowhere\"");
    gateway.hang_up();
    let said = gateway.wait_for("the settings stay as they were");
    assert!(
        said.contains("cache.store") && said.contains("ERROR"),
        "{said}"
    );
    assert_eq!(cache().await, "hit");

    write("[cache]\nstore = \"off\"");
    gateway.hang_up();
    gateway.wait_for("the settings were loaded again");
    assert_eq!(cache().await, "bypass");
    let scrape = gateway.scrape().await;
    assert_eq!(scrape.sum("gateway_config_reloads_total"), 2.0);
    assert!(scrape.sum("gateway_config_last_success_timestamp_seconds") > 1e9);
    gateway.terminate();
    assert!(gateway.wait().success());
}
