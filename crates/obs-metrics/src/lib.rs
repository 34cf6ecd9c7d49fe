//! Counters kept as integers and exported through OpenTelemetry, for the layers of an LLM call.
