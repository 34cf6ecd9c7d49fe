//! One line of another gateway's log.
//!
//! There is no one form of them. What is looked for is a request (`request`, `body`, `input`, or the line itself), a response
//! (`response`, `output`, `completion`; in the form of batches with a `body` inside), a time, a latency, a name, and a judgement. A line
//! with a `prompt` and the `quality` of the answers of several routes is a call that was judged on each of them.
mod fields;
mod form;
mod said;

use obs_core::{Fingerprint, LlmRequest, LlmResponse, PriceTable, Purpose, Role};
use obs_ledger::{Attempt, Entry, Feedback, Outcome, Prompt, Record, SCHEMA, answer_text};
use serde_json::Value;

use self::{
    fields::{Line, NAMES, RESPONSES, field, flat, latency, object, prompt, text, time},
    form::{Exchange, Form},
};

/// Reads lines of another gateway's log.
pub(super) struct Foreign {
    pub(super) prices: PriceTable,
    /// Whether the text of prompts is kept.
    pub(super) prompts: bool,
    /// Whether the text of answers is kept.
    pub(super) answers: bool,
}

/// What was read of a line.
pub(super) struct Read {
    /// A call, and what was said of it.
    pub(super) records: Vec<Record>,
    /// What is wrong with what was said of it, where that could not be read.
    pub(super) unclear: Option<String>,
}

/// A prompt alone.
struct Text<'a>(&'a str);

impl Foreign {
    /// The call of a line. The error says what is no such line.
    pub(super) fn read(&self, line: &[u8], number: u64) -> Result<Read, String> {
        let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let mut entry = Entry {
            v: SCHEMA,
            call: text(&line, NAMES)
                .unwrap_or_else(|| format!("import-{number}"))
                .into(),
            time: time(&line)?.unwrap_or_default(),
            group: text(&line, &["group"]).map(Into::into),
            outcome: Outcome::Answered,
            ..Entry::default()
        };
        if let (Some(prompt), Some(quality)) = (prompt(&line), field(&line, &["quality"])) {
            return self.judged(entry, prompt, quality);
        }
        self.call(&line, &mut entry)?;
        let (said, unclear) = match said::feedback(&line, &entry) {
            Ok(said) => (said, None),
            Err(problem) => (None, Some(problem)),
        };
        let mut records = vec![entry.into()];
        records.extend(said.map(Record::from));
        Ok(Read { records, unclear })
    }

    /// A prompt of which the answers of several routes were judged.
    fn judged(&self, mut entry: Entry, prompt: &str, quality: &Value) -> Result<Read, String> {
        let quality = quality.as_object().ok_or("quality is no object")?;
        entry.prompt = Some(self.prompt(&Text(prompt)));
        entry.operation = "chat".into();
        let call = entry.call.clone();
        let mut records = vec![entry.into()];
        for (route, score) in quality {
            let score =
                said::score(score).map_err(|problem| format!("quality: {route}: {problem}"))?;
            let mut feedback = Feedback::new(call.clone(), score);
            feedback.route = Some(route.as_str().into());
            records.push(feedback.into());
        }
        Ok(Read {
            records,
            unclear: None,
        })
    }

    fn call(&self, line: &Line, entry: &mut Entry) -> Result<(), String> {
        let request = object(line, &["request", "body", "input"]);
        let request = &request.unwrap_or_else(|| flat(line));
        let response = object(line, RESPONSES);
        let response = response.ok_or("there is no `response`")?;
        let response = match response.get("body") {
            Some(Value::Object(inner)) => inner.clone(),
            _ => response,
        };
        let tenant =
            text(line, &["user", "user_id", "tenant"]).or_else(|| text(request, &["user"]));
        entry.tenant = tenant.map(|name| tenant_hash(&name).into());
        if entry.time == 0 {
            entry.time = time(&response)?.unwrap_or_default();
        }
        let status = field(line, &["status", "status_code"]).and_then(Value::as_u64);
        let failed = response.get("error").is_some_and(|error| !error.is_null());
        entry.outcome = match failed || status.is_some_and(|status| status >= 400) {
            true => Outcome::Failed,
            false => Outcome::Answered,
        };
        entry.latency_us = latency(line).unwrap_or_default();
        entry.route = text(line, &["route"]).map(Into::into);
        Form::of(request, &response)?.read(
            request,
            &response,
            Taken {
                by: self,
                into: entry,
            },
        )
    }

    fn asked(&self, request: &impl LlmRequest, format: &'static str, entry: &mut Entry) {
        entry.operation = request.operation().as_str().into();
        entry.format = Some(format.into());
        entry.model = request.model().into();
        entry.stream = request.streams();
        entry.uncacheable = !request.cacheable();
        entry.prompt = Some(self.prompt(request));
        let mut key = Fingerprint::new();
        key.field("of", b"question");
        key.optional("tenant", entry.tenant.as_deref().map(str::as_bytes));
        key.field("operation", entry.operation.as_bytes());
        request.fingerprint(&mut key);
        entry.key = Some(short(&key).into());
    }

    fn answered(&self, answer: &impl LlmResponse, entry: &mut Entry) {
        let answered = answer.model().unwrap_or(&entry.model).to_owned();
        let usage = answer.usage();
        let cost = usage.and_then(|usage| {
            let of = |model: &str| self.prices.cost(None, model, &usage);
            of(&answered).or_else(|| of(&entry.model))
        });
        entry.route.get_or_insert_with(|| answered.as_str().into());
        if self.answers {
            entry.answer = answer_text(answer);
        }
        let is_answered = entry.outcome == Outcome::Answered;
        entry.paid = cost.unwrap_or_default();
        entry.unknown_costs = u32::from(cost.is_none());
        entry.baseline = cost;
        entry.attempts.push(Attempt {
            route: entry.route.clone(),
            asked: entry.model.clone(),
            answered: Some(answered.into()).filter(|name| *name != entry.model),
            purpose: Purpose::First.as_str().into(),
            chosen: is_answered,
            usage,
            cost,
            latency_us: Some(entry.latency_us),
            outcome: Some(entry.outcome),
            ..Attempt::default()
        });
    }

    fn prompt(&self, request: &impl LlmRequest) -> Prompt {
        match self.prompts {
            true => Prompt::with_text(request),
            false => Prompt::of(request),
        }
    }
}

/// Where what was asked and answered goes.
struct Taken<'a> {
    by: &'a Foreign,
    into: &'a mut Entry,
}

impl Exchange for Taken<'_> {
    fn take(self, format: &'static str, request: &impl LlmRequest, answer: &impl LlmResponse) {
        self.by.asked(request, format, self.into);
        self.by.answered(answer, self.into);
    }
}

impl LlmRequest for Text<'_> {
    fn model(&self) -> &str {
        ""
    }

    fn set_model(&mut self, _: &str) {}

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::User, self.0);
    }

    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("prompt", self.0.as_bytes());
    }
}

fn tenant_hash(name: &str) -> String {
    let mut hash = Fingerprint::new();
    hash.field("of", b"tenant");
    hash.field("field", name.as_bytes());
    short(&hash)
}

fn short(hash: &Fingerprint) -> String {
    let mut hex = hash.finish().to_string();
    hex.truncate(32);
    hex
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(line: &Value) -> Result<Read, String> {
        let foreign = Foreign {
            prices: PriceTable::bundled(),
            prompts: false,
            answers: true,
        };
        foreign.read(line.to_string().as_bytes(), 7)
    }

    fn records(line: &Value) -> Result<Vec<Record>, String> {
        read(line).map(|read| read.records)
    }

    fn entry(line: &Value) -> Entry {
        match records(line).unwrap().remove(0) {
            Record::Call(entry) => *entry,
            Record::Feedback(feedback) => panic!("{feedback:?}"),
        }
    }

    #[test]
    fn a_request_and_its_response_are_a_call_wherever_they_stand_in_the_line() {
        let request =
            json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]});
        let response = json!({
            "id": "c", "model": "gpt-4o-mini-2024-07-18", "created": 1_700_000_000,
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 10}},
        });
        let mut flat = request.clone();
        flat["response"] = response.clone();
        let lines = [
            json!({"request": request, "response": response, "latency_ms": 1500}),
            json!({"request": request.to_string(), "response": response.to_string(), "latency": 1.5}),
            json!({"body": request, "response": {"body": response, "status_code": 200}, "duration_ms": 1500.0}),
            flat,
        ];
        for line in &lines {
            let entry = entry(line);
            assert_eq!((&*entry.call, &*entry.model), ("import-7", "gpt-4o-mini"));
            assert_eq!(entry.time, 1_700_000_000_000);
            assert_eq!(entry.outcome, Outcome::Answered);
            let usage = entry.attempts[0].usage.unwrap();
            assert_eq!(
                (usage.input, usage.output, usage.cached_input),
                (1000, 100, 10)
            );
            assert!(entry.paid.pico() > 0 && entry.unknown_costs == 0);
            assert_eq!(entry.prompt.unwrap().bytes, 5);
        }
        assert_eq!(entry(&lines[0]).latency_us, 1_500_000);
        assert_eq!(entry(&lines[1]).latency_us, 1_500_000);
        assert_eq!(
            entry(&lines[0]).key,
            entry(&lines[3]).key,
            "an equal question"
        );
    }

    #[test]
    fn a_failure_and_an_unknown_price_are_told_as_such() {
        let line = json!({
            "request": {"model": "nobody-knows", "messages": [{"role": "user", "content": "a"}]}, "response": {"error": {"message": "busy"}}, "user": "anna",
            "time": "2026-11-23T10:00:00Z",
        });
        let entry = entry(&line);
        assert_eq!(entry.outcome, Outcome::Failed);
        assert_eq!((entry.unknown_costs, entry.baseline), (1, None));
        assert_eq!(entry.time, 1_795_428_000_000);
        assert!(entry.tenant.is_some_and(|tenant| !tenant.contains("anna")));
    }

    #[test]
    fn a_time_is_read_with_its_offset_and_refused_where_it_is_none() {
        let at = |time: Value| {
            let request = json!({"model": "m", "messages": [{"role": "user", "content": "a"}]});
            records(&json!({"request": request, "response": {}, "timestamp": time})).map(
                |records| match &records[0] {
                    Record::Call(entry) => entry.time,
                    Record::Feedback(of) => of.time,
                },
            )
        };
        for (time, expected) in [
            (json!("2026-11-23T10:00:00Z"), 1_795_428_000_000),
            (json!("2026-11-23T12:00:00.250+02:00"), 1_795_428_000_250),
            (json!("2026-11-23T10:00:00"), 1_795_428_000_000),
            (json!("2026-11-23 10:00:00"), 1_795_428_000_000),
            (json!(1_795_428_000), 1_795_428_000_000),
            (json!(1_795_428_000_000_u64), 1_795_428_000_000),
        ] {
            assert_eq!(at(time.clone()), Ok(expected), "{time}");
        }
        for time in [json!("yesterday"), json!(-1), json!([])] {
            let problem = at(time).unwrap_err();
            assert!(problem.contains("timestamp"), "{problem}");
        }
    }

    #[test]
    fn what_was_answered_is_read_as_its_format_has_it() {
        let user = json!([{"role": "user", "content": "hello"}]);
        let responses = json!({
            "request": {"model": "gpt-4o-mini", "input": "hello"},
            "response": {"object": "response", "model": "gpt-4o-mini", "status": "completed",
                "output": [{"type": "message", "content": [{"type": "output_text", "text": "hi"}]}],
                "usage": {"input_tokens": 10, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1}}},
        });
        let chat = json!({
            "request": {"model": "gpt-4o-mini", "messages": user},
            "response": {"model": "gpt-4o-mini", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 10, "completion_tokens": 2}},
        });
        let messages = json!({
            "request": {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": user},
            "response": {"type": "message", "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": "hi"}],
                "usage": {"input_tokens": 3, "cache_read_input_tokens": 7, "output_tokens": 2}},
        });
        let embeddings = json!({
            "request": {"model": "text-embedding-3-small", "input": "hello"},
            "response": {"object": "list", "data": [], "usage": {"prompt_tokens": 10, "total_tokens": 10}},
        });
        for (line, operation, format, answer, counted) in [
            (responses, "chat", "openai", Some("hi"), (10, 0, 2)),
            (chat, "chat", "openai", Some("hi"), (10, 0, 2)),
            (messages, "chat", "anthropic", Some("hi"), (10, 7, 2)),
            (embeddings, "embeddings", "openai", None, (10, 0, 0)),
        ] {
            let entry = entry(&line);
            assert_eq!(
                (&*entry.operation, entry.format.as_deref()),
                (operation, Some(format)),
                "{line}"
            );
            assert_eq!(entry.answer.as_deref(), answer, "{line}");
            let usage = entry.attempts[0].usage.unwrap();
            assert_eq!(
                (usage.input, usage.cached_input, usage.output),
                counted,
                "{line}"
            );
            assert_eq!(entry.prompt.unwrap().bytes, 5, "{line}");
        }
    }

    #[test]
    fn a_prompt_that_was_judged_on_several_routes_is_a_call_with_a_judgement_of_each() {
        let line = json!({"id": "p", "group": "law", "prompt": "why?", "quality": {"weak": 0, "strong": 1.0}});
        let records = records(&line).unwrap();
        assert_eq!(records.len(), 3);
        let entry = entry(&line);
        assert_eq!(
            (entry.group.as_deref(), entry.prompt.unwrap().bytes),
            (Some("law"), 4)
        );
    }

    #[test]
    fn what_is_no_call_is_refused() {
        for line in [
            json!({}),
            json!({"request": {"model": "m", "messages": []}}),
            json!({"request": {"model": "m"}, "response": {}}),
            json!({"prompt": "a", "quality": 3}),
            json!({"prompt": "a", "quality": {"weak": 3}}),
        ] {
            assert!(read(&line).is_err(), "{line}");
        }
    }
}
