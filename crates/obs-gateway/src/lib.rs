//! An OpenAI-compatible gateway that caches, routes, bounds and counts LLM calls, as a library.
