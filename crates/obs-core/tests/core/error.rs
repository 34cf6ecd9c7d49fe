//! One error of all layers, found wherever others hide it.
use std::{fmt, time::Duration};

use obs_core::{BoxError, Elapsed, Error, ErrorKind, Limit};

#[derive(Debug)]
struct Wraps(BoxError);

impl fmt::Display for Wraps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wraps")
    }
}

impl std::error::Error for Wraps {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

#[test]
fn one_of_ours_stays_as_it_is_and_is_found_inside_of_others() {
    let ours =
        Error::new(ErrorKind::RateLimited, "slow down").with_retry_after(Duration::from_secs(7));
    let boxed: BoxError = ours.clone().into();
    assert_eq!(Error::from_any(boxed).to_string(), "slow down");
    let hidden = Error::from_any(Wraps(Box::new(Wraps(ours.into()))));
    assert_eq!(hidden.kind(), ErrorKind::RateLimited);
    assert_eq!(hidden.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(hidden.to_string(), "wraps");
}

#[test]
fn causes_are_found_by_type() {
    let elapsed = Elapsed::error(Limit::Idle, Duration::from_secs(2), Duration::ZERO);
    let hidden = Error::new(ErrorKind::Timeout, Wraps(elapsed.clone().into()));
    for error in [&elapsed, &hidden] {
        assert_eq!(error.find::<Elapsed>().unwrap().limit(), Limit::Idle);
    }
    assert_eq!(elapsed.to_string(), "the stream stood still for 2s");
    let late = elapsed.with_retry_after(Duration::from_secs(1));
    assert!(late.find::<Elapsed>().is_some());
}

#[test]
fn elapsed_of_other_crates_is_a_timeout_and_the_rest_is_unknown() {
    let tower = tower::timeout::error::Elapsed::new();
    assert_eq!(Error::from_any(tower).kind(), ErrorKind::Timeout);
    assert_eq!(Error::from_any("what?").kind(), ErrorKind::Unknown);
}

#[test]
fn an_error_that_may_pass_may_also_be_answered_elsewhere() {
    use ErrorKind::*;
    for &kind in ErrorKind::ALL {
        assert!(!kind.is_transient() || kind.may_fail_over(), "{kind}");
    }
    for kind in [Caller, Auth, ContentFilter, Policy, NotCached] {
        assert!(!kind.may_fail_over(), "{kind}");
    }
    assert!(!Timeout.is_transient(), "a silent route is not asked again");
}
