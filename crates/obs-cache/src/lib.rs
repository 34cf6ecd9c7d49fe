//! A tower layer that answers a repeated LLM question from memory or Redis, streams included, and counts what that saved.
