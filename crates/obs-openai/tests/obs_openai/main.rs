//! Requests, streams, kept answers and the upstream, through the public interface.
mod edge;
mod forward;
mod provider;
mod replay;
mod request;
mod responses;
mod sse;
mod upstream;
mod upstream_errors;
mod upstream_streams;
