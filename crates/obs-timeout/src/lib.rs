//! Tower layers that bound an LLM call in time: the whole call with a grace period, first token, idle, one attempt.
