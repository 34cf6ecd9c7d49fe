//! Stacks where HTTP is: served by axum, under reqwest, and under async-openai, all over real sockets.
mod async_openai;
mod common;
mod handlers;
mod outbound;
mod served;
