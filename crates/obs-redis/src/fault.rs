//! Why an operation gave nothing.
use std::{fmt, time::Duration};

use fred::error::{Error, ErrorKind};

/// Why an operation gave nothing. For a cache they are all alike: the call goes on without.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The breaker is open: the server was not asked.
    Refused,
    /// There is no connection, or it broke while the command was under way. Says why.
    Unavailable(Box<str>),
    /// No answer within this budget.
    Timeout(Duration),
    /// The server answered with an error.
    Server {
        /// The word that the error begins with, such as `OOM`, `READONLY`, `NOPERM`; `OTHER` for rare ones.
        code: &'static str,
        /// The whole error.
        message: Box<str>,
    },
    /// The value is larger than [`Builder::max_value_bytes`](crate::Builder::max_value_bytes). Nothing was sent.
    TooLarge {
        /// Size of the value in bytes.
        bytes: usize,
        /// Largest size in bytes.
        limit: usize,
    },
    /// Too many commands wait for the connection ([`Builder::max_queued`](crate::Builder::max_queued)).
    Busy,
}

/// Error codes that are told apart; a closed list, since it may become a label.
const CODES: [&str; 15] = [
    "ASK",
    "BUSY",
    "CLUSTERDOWN",
    "ERR",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOPERM",
    "OOM",
    "READONLY",
    "TRYAGAIN",
    "WRONGPASS",
    "WRONGTYPE",
];

impl Fault {
    /// Every answer of [`kind`](Self::kind).
    pub const KINDS: [&'static str; 6] = [
        "refused",
        "unavailable",
        "timeout",
        "server",
        "too_large",
        "busy",
    ];

    /// A short name out of a closed list, fit for a label.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unavailable(_) => "unavailable",
            Self::Timeout(_) => "timeout",
            Self::Server { .. } => "server",
            Self::TooLarge { .. } => "too_large",
            Self::Busy => "busy",
        }
    }

    pub(crate) fn new(error: &Error, budget: Duration) -> Self {
        match error.kind() {
            ErrorKind::Timeout => return Self::Timeout(budget),
            ErrorKind::Backpressure => return Self::Busy,
            _ => {}
        }
        // What the server says begins with a word in capitals, and nothing else does.
        let word = error.details().split(' ').next().unwrap_or_default();
        if word.len() < 2 || !word.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Self::Unavailable(describe(error).into());
        }
        let code = CODES.into_iter().find(|code| *code == word);
        Self::Server {
            code: code.unwrap_or("OTHER"),
            message: error.details().into(),
        }
    }

    /// Whether the server, although it answers, does not serve anybody at the moment.
    pub(crate) fn is_outage(&self) -> bool {
        let codes = ["BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "NOAUTH"];
        matches!(self, Self::Server { code, .. } if codes.contains(code))
    }
}

/// In plain words, for the log.
pub(crate) fn describe(error: &Error) -> String {
    let details = error.details().trim_end_matches('.');
    match error.kind() {
        ErrorKind::Auth => format!("the server refuses the user or the password: {details}"),
        ErrorKind::IO if details.contains("ConnectionRefused") => "connection refused".into(),
        ErrorKind::Timeout => "no answer while connecting".into(),
        ErrorKind::Tls => format!("tls: {details}"),
        ErrorKind::Sentinel => format!("sentinel: {details}"),
        _ => details.to_owned(),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("redis was not asked: it has not answered of late"),
            Self::Unavailable(cause) => write!(f, "redis is unavailable: {cause}"),
            Self::Timeout(budget) => write!(f, "redis gave no answer within {budget:?}"),
            Self::Server { message, .. } => write!(f, "redis refused the command: {message}"),
            Self::TooLarge { bytes, limit } => {
                write!(f, "a value of {bytes} bytes is over the limit of {limit}")
            }
            Self::Busy => f.write_str("too many commands wait for redis"),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_told_from_what_the_connection_says() {
        let of = |kind, details: &'static str| {
            Fault::new(&Error::new(kind, details), Duration::from_millis(20))
        };
        let oom = of(ErrorKind::Unknown, "OOM command not allowed");
        assert!(matches!(oom, Fault::Server { code: "OOM", .. }), "{oom:?}");
        assert!(!oom.is_outage());
        assert!(of(ErrorKind::Cluster, "CLUSTERDOWN Hash slot not served").is_outage());
        let rare = of(ErrorKind::Unknown, "STALE it is");
        assert!(matches!(rare, Fault::Server { code: "OTHER", .. }));
        for (kind, details) in [
            (ErrorKind::Unknown, "Client is not initialized."),
            (ErrorKind::IO, "Connection closed."),
            (ErrorKind::Canceled, "Connection closed unexpectedly."),
        ] {
            assert_eq!(of(kind, details).kind(), "unavailable");
        }
        assert_eq!(
            of(ErrorKind::Timeout, "Request timed out.").kind(),
            "timeout"
        );
        assert_eq!(of(ErrorKind::Backpressure, "Max").kind(), "busy");
    }
}
