//! How much time is left goes from the caller to the provider.
use std::time::Duration;

use obs_core::Deadline;

use crate::setup::Faulty;

const CHEAP: &str = "[[routes]]\nname = \"cheap\"\nmodel = \"cheap\"\n";

/// What the provider was told, in the one header and in the other.
async fn told(setting: &str, sent: (&str, &str)) -> [Option<Duration>; 2] {
    let faulty = Faulty::of("ok", &format!("{setting}{CHEAP}"), &[]).await;
    assert_eq!(faulty.ask(false, &[sent]).await.status, 200);
    let log = faulty.server.log();
    let seen = log.all().first().expect("a request");
    let header = |name: &str| seen.request.headers().get(name)?.to_str().ok();
    let millis = header(Deadline::HTTP_HEADER).map(Deadline::from_millis);
    let grpc = header(Deadline::GRPC_HEADER).map(Deadline::from_grpc_timeout);
    [millis, grpc].map(|read| read?.expect("a time").remaining())
}

fn is_about_two_seconds(left: Option<Duration>) -> bool {
    left.is_some_and(|left| (Duration::from_millis(500)..=Duration::from_secs(2)).contains(&left))
}

#[tokio::test]
async fn a_deadline_comes_in_either_form_and_goes_out_in_both() {
    for sent in [("x-obs-deadline-ms", "2000"), ("grpc-timeout", "2000m")] {
        let [millis, grpc] = told("", sent).await;
        assert!(is_about_two_seconds(millis), "{sent:?} {millis:?}");
        assert!(is_about_two_seconds(grpc), "{sent:?} {grpc:?}");
    }
}

#[tokio::test]
async fn in_which_form_it_goes_out_can_be_set() {
    for (setting, http, grpc) in [
        ("both", true, true),
        ("http", true, false),
        ("grpc", false, true),
        ("off", false, false),
    ] {
        let setting = format!("deadline = \"{setting}\"\n");
        let told = told(&setting, ("x-obs-deadline-ms", "2000")).await;
        assert_eq!(told.map(|left| left.is_some()), [http, grpc], "{setting}");
    }
}

#[tokio::test]
async fn a_deadline_that_is_none_is_refused_and_one_that_has_passed_costs_nothing() {
    let faulty = Faulty::alone("ok").await;
    for (header, status) in [
        (("grpc-timeout", "soon"), 400),
        (("x-obs-deadline-ms", "soon"), 400),
        (("grpc-timeout", "0n"), 504),
        (("x-obs-deadline-ms", "0"), 504),
    ] {
        let got = faulty.ask(false, &[header]).await;
        assert_eq!(got.status, status, "{header:?} {got:?}");
    }
    faulty.assert_asked(0, 0);
}
