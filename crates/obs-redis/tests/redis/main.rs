//! Against real servers, which the tests start, stop, pause and kill.
mod commands;
mod outage;
mod support;
mod tls;
