//! What the whole-stack tests share.
pub mod chat;
pub mod http;
pub mod scrape;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ReadmeDoctests;

#[cfg(doctest)]
#[doc = include_str!("../../docs/cookbook.md")]
struct CookbookDoctests;
