//! Errors as those of gRPC, and back.
use std::collections::HashMap;

use obs_core::{Error, ErrorKind};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::code::{code_of, kind_by, kind_of, reason_of};

/// Whose reasons they are, in `google.rpc.ErrorInfo`.
const DOMAIN: &str = "obs";

/// An error as a status: the code that suits its kind, its text, which is the message alone where another status is the cause, and in the details `google.rpc.ErrorInfo` with the kind as the
/// reason (`RATE_LIMITED`, domain `obs`), and `google.rpc.RetryInfo` where it is known when to ask again.
#[must_use]
pub fn status(error: &Error) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason_of(error.kind()), DOMAIN, HashMap::new());
    if let Some(after) = error.retry_after() {
        details.set_retry_info(Some(after));
    }
    Status::with_error_details(code_of(error.kind()), text(error), details)
}

fn text(error: &Error) -> String {
    // All that a status says of itself would grow from hop to hop, and name the addresses that could not be reached.
    let cause = error.find::<Status>().map(Status::message);
    let message = cause.filter(|message| !message.is_empty());
    message.map_or_else(|| error.to_string(), str::to_owned)
}

/// A status as an error, whose cause it is: the kind that its details name if they are of these layers, else that of its code;
/// and when to ask again, if it says so.
#[must_use]
pub fn error(status: Status) -> Error {
    let info = status.get_details_error_info();
    let ours = info.filter(|info| info.domain == DOMAIN);
    let kind = ours.and_then(|info| kind_by(&info.reason));
    let kind = kind.unwrap_or_else(|| match is_timeout(&status) {
        true => ErrorKind::Timeout,
        false => kind_of(status.code()),
    });
    let after = status.get_details_retry_info();
    let error = Error::new(kind, status);
    match after.and_then(|info| info.retry_delay) {
        Some(after) => error.with_retry_after(after),
        None => error,
    }
}

/// What tonic says, on both sides, when `grpc-timeout` has run out.
fn is_timeout(status: &Status) -> bool {
    status.code() == Code::Cancelled && status.message() == "Timeout expired"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_error_comes_back_as_what_it_was() {
        let told = Error::new(ErrorKind::Overloaded, "no room");
        let told = status(&told.with_retry_after(Duration::from_secs(7)));
        assert_eq!(
            (told.code(), told.message()),
            (Code::Unavailable, "no room")
        );
        let back = error(told);
        assert_eq!(back.kind(), ErrorKind::Overloaded);
        assert_eq!(back.retry_after(), Some(Duration::from_secs(7)));
        let cause = back.find::<Status>().map(Status::message);
        assert_eq!(cause, Some("no room"));
    }

    #[test]
    fn the_text_is_the_same_from_hop_to_hop() {
        let mut refused = Status::unavailable("tcp connect error");
        let address = std::io::Error::other("10.0.0.7:50051 refused");
        refused.set_source(std::sync::Arc::new(address));
        for _ in 0..3 {
            refused = status(&error(refused));
            assert_eq!(refused.message(), "tcp connect error");
            assert_eq!(refused.code(), Code::Unavailable);
        }
        let silent = status(&error(Status::aborted("")));
        assert!(silent.message().contains("code"), "{silent}");
    }

    #[test]
    fn anothers_status_is_known_by_its_code() {
        let plain = error(Status::new(Code::ResourceExhausted, "enough"));
        assert_eq!(plain.kind(), ErrorKind::RateLimited);
        let mut details = ErrorDetails::new();
        details.set_error_info("TIMEOUT", "somebody.else", HashMap::new());
        let theirs = Status::with_error_details(Code::Internal, "lost", details);
        assert_eq!(error(theirs).kind(), ErrorKind::Upstream);
        assert_eq!(error(Status::cancelled("gone")).kind(), ErrorKind::CutOff);
    }

    #[test]
    fn what_tonic_says_of_a_deadline_is_a_timeout() {
        let expired: Box<dyn std::error::Error + Send + Sync> = Box::new(tonic::TimeoutExpired(()));
        let expired = Status::from_error(expired);
        assert_eq!(error(expired).kind(), ErrorKind::Timeout);
    }
}
