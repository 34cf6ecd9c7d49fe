//! Names of metrics, labels and attributes. Those with `gen_ai` are of the OpenTelemetry GenAI conventions, which have none
//! for costs, caches and routes; those are our own.

// Attributes of calls, also labels.
pub(crate) const OPERATION_NAME: &str = "gen_ai.operation.name";
pub(crate) const PROVIDER_NAME: &str = "gen_ai.provider.name";
pub(crate) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(crate) const TOKEN_TYPE: &str = "gen_ai.token.type";
pub(crate) const TOKEN_MODALITY: &str = "gen_ai.token.modality";
pub(crate) const ERROR_TYPE: &str = "error.type";
pub(crate) const SERVER_ADDRESS: &str = "server.address";
pub(crate) const SERVER_PORT: &str = "server.port";

// Attributes of spans.
pub(crate) const REQUEST_STREAM: &str = "gen_ai.request.stream";
pub(crate) const MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub(crate) const TEMPERATURE: &str = "gen_ai.request.temperature";
pub(crate) const TOP_P: &str = "gen_ai.request.top_p";
pub(crate) const TOP_K: &str = "gen_ai.request.top_k";
pub(crate) const FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
pub(crate) const PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
pub(crate) const SEED: &str = "gen_ai.request.seed";
pub(crate) const CHOICES: &str = "gen_ai.request.choice.count";
pub(crate) const STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
pub(crate) const REASONING_LEVEL: &str = "gen_ai.request.reasoning.level";
pub(crate) const ENCODING_FORMATS: &str = "gen_ai.request.encoding_formats";
pub(crate) const DIMENSIONS: &str = "gen_ai.embeddings.dimension.count";
pub(crate) const RESPONSE_ID: &str = "gen_ai.response.id";
pub(crate) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(crate) const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub(crate) const FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub(crate) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(crate) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(crate) const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
pub(crate) const CACHE_CREATION_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
pub(crate) const CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_write.input_tokens";
pub(crate) const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
pub(crate) const CONVERSATION_ID: &str = "gen_ai.conversation.id";
pub(crate) const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
pub(crate) const INPUT_MESSAGES: &str = "gen_ai.input.messages";
pub(crate) const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
pub(crate) const AGENT_NAME: &str = "gen_ai.agent.name";
pub(crate) const AGENT_ID: &str = "gen_ai.agent.id";
pub(crate) const AGENT_VERSION: &str = "gen_ai.agent.version";
pub(crate) const TOOL_NAME: &str = "gen_ai.tool.name";
pub(crate) const TOOL_TYPE: &str = "gen_ai.tool.type";
pub(crate) const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";

pub(crate) const CALL_ID: &str = "obs.call.id";
pub(crate) const OUTCOME: &str = "obs.outcome";
pub(crate) const FAULT: &str = "obs.error.fault";
pub(crate) const KEPT: &str = "obs.kept";
pub(crate) const LATE: &str = "obs.late";
pub(crate) const CACHE_STATUS: &str = "obs.cache.status";
pub(crate) const CACHE_AGE: &str = "obs.cache.age";
pub(crate) const ROUTE: &str = "obs.route";
pub(crate) const ROUTE_REASON: &str = "obs.route.reason";
pub(crate) const ROUTE_SCORE: &str = "obs.route.score";
pub(crate) const COST: &str = "obs.cost.usd";
pub(crate) const COST_UNKNOWN: &str = "obs.cost.unknown_attempts";
pub(crate) const SAVED_BY_CACHE: &str = "obs.saved_by_cache.usd";
pub(crate) const SAVED_BY_ROUTE: &str = "obs.saved_by_route.usd";
pub(crate) const ATTEMPTS: &str = "obs.attempts";
pub(crate) const PURPOSE: &str = "obs.attempt.purpose";

// Events of spans.
pub(crate) const CACHE_EVENT: &str = "obs.cache";
pub(crate) const ROUTE_EVENT: &str = "obs.route";
pub(crate) const LATE_EVENT: &str = "obs.late";
pub(crate) const COMMIT_EVENT: &str = "obs.commit";
pub(crate) const ATTEMPT_EVENT: &str = "obs.attempt.start";
pub(crate) const FIRST_TOKEN_EVENT: &str = "obs.attempt.first_token";
pub(crate) const ATTEMPT_END_EVENT: &str = "obs.attempt.end";

// Metrics.
pub(crate) const AGENT_DURATION: &str = "gen_ai.invoke_agent.duration";
pub(crate) const AGENT_MODEL_CALLS: &str = "gen_ai.invoke_agent.inference_calls";
pub(crate) const AGENT_TOOL_CALLS: &str = "gen_ai.invoke_agent.tool_calls";
pub(crate) const TOOL_DURATION: &str = "gen_ai.execute_tool.duration";
pub(crate) const DURATION: &str = "gen_ai.client.operation.duration";
pub(crate) const TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
pub(crate) const TIME_PER_CHUNK: &str = "gen_ai.client.operation.time_per_output_chunk";
pub(crate) const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
pub(crate) const INPUT_USAGE: &str = "gen_ai.client.inference.usage.input_tokens";
pub(crate) const OUTPUT_USAGE: &str = "gen_ai.client.inference.usage.output_tokens";
pub(crate) const CACHE_READ_USAGE: &str = "gen_ai.client.inference.usage.cache_read.input_tokens";
pub(crate) const CACHE_WRITE_USAGE: &str = "gen_ai.client.inference.usage.cache_write.input_tokens";
pub(crate) const REASONING_USAGE: &str = "gen_ai.client.inference.usage.reasoning.output_tokens";
pub(crate) const INPUT_TOKENS_EACH: &str = "gen_ai.client.inference.operation.input_tokens";
pub(crate) const OUTPUT_TOKENS_EACH: &str = "gen_ai.client.inference.operation.output_tokens";
pub(crate) const CALLS: &str = "llm_calls_total";
pub(crate) const IN_FLIGHT: &str = "llm_calls_in_flight";
pub(crate) const ATTEMPTS_TOTAL: &str = "llm_attempts_total";
pub(crate) const COST_TOTAL: &str = "llm_cost_usd_total";
pub(crate) const COST_ESTIMATED_TOTAL: &str = "llm_cost_estimated_usd_total";
pub(crate) const COST_UNKNOWN_TOTAL: &str = "llm_cost_unknown_total";
pub(crate) const EXPORTED_SPANS: &str = "obs_export_spans_total";
pub(crate) const EXPORT_QUEUE: &str = "obs_export_queue_spans";
pub(crate) const EXPORT_PUSHES: &str = "obs_export_pushes_total";
pub(crate) const BUILD_INFO: &str = "obs_build_info";

/// The bounds in seconds that the conventions name.
pub(crate) const SECONDS: &[f64] = &[
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
