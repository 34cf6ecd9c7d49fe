//! The vocabulary of an LLM call that tower layers share: requests, answers, streams, deadlines, the journal and exact money.
