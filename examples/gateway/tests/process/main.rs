//! The gateway as a process: what a user starts, asks, breaks and stops.
mod gateway;
mod outage;
mod python;
mod reload;
mod start;
