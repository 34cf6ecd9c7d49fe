//! Kinds of errors as codes of gRPC.
use obs_core::ErrorKind;
use tonic::Code;

pub(crate) fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Caller | ErrorKind::ContextTooLong => Code::InvalidArgument,
        ErrorKind::Auth => Code::Unauthenticated,
        ErrorKind::ContentFilter => Code::FailedPrecondition,
        ErrorKind::RateLimited => Code::ResourceExhausted,
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::Connect | ErrorKind::Overloaded | ErrorKind::Upstream | ErrorKind::CutOff => {
            Code::Unavailable
        }
        ErrorKind::Policy => Code::PermissionDenied,
        ErrorKind::NotCached => Code::NotFound,
        // The operator's own: nothing that a caller can mend.
        ErrorKind::Credentials => Code::Internal,
        _ => Code::Unknown,
    }
}

pub(crate) fn kind_of(code: Code) -> ErrorKind {
    match code {
        Code::InvalidArgument | Code::OutOfRange | Code::NotFound | Code::Unimplemented => {
            ErrorKind::Caller
        }
        // Which side's credential it was is not told: another route has one of its own.
        Code::Unauthenticated => ErrorKind::Credentials,
        Code::PermissionDenied | Code::FailedPrecondition => ErrorKind::Policy,
        Code::ResourceExhausted => ErrorKind::RateLimited,
        Code::DeadlineExceeded => ErrorKind::Timeout,
        Code::Unavailable => ErrorKind::Overloaded,
        Code::Aborted | Code::Internal | Code::DataLoss => ErrorKind::Upstream,
        Code::Cancelled => ErrorKind::CutOff,
        Code::Ok | Code::Unknown | Code::AlreadyExists => ErrorKind::Unknown,
    }
}

/// The name of a kind, as the conventions for `ErrorInfo` want it: `RATE_LIMITED`.
pub(crate) fn reason_of(kind: ErrorKind) -> String {
    kind.as_str().to_ascii_uppercase()
}

pub(crate) fn kind_by(reason: &str) -> Option<ErrorKind> {
    let mut kinds = ErrorKind::ALL.iter().copied();
    kinds.find(|kind| kind.as_str().eq_ignore_ascii_case(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_again_by_its_reason() {
        for &kind in ErrorKind::ALL {
            assert_eq!(kind_by(&reason_of(kind)), Some(kind));
        }
        assert_eq!(kind_by("NONE_OF_OURS"), None);
    }

    #[test]
    fn what_may_be_asked_elsewhere_stays_so_by_its_code_alone() {
        for &kind in ErrorKind::ALL {
            let by_code = kind_of(code_of(kind));
            if kind.is_transient() {
                assert!(by_code.may_fail_over(), "{kind}");
            }
            if kind == ErrorKind::Caller {
                assert!(!by_code.may_fail_over(), "{kind}");
            }
        }
    }
}
