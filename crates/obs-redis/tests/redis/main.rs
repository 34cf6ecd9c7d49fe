//! Against real servers, which the tests start, stop, pause and kill.
mod cluster;
mod commands;
mod outage;
mod sentinel;
mod support;
mod tls;
mod watch;
