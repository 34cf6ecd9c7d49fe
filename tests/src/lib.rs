//! Helpers of the whole-stack tests: real Redis, real HTTP, real clients.
