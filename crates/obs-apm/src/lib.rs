//! OpenTelemetry set-up that never fails the application, and a tower layer with one span and exact metrics for each LLM call.
