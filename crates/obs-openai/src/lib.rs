//! OpenAI-compatible requests, answers and event streams, and the HTTP service that sends them upstream.
