//! One line of another gateway's log.
//!
//! There is no one form of them. What is looked for is a request (`request`, `body`, `input`, or the line itself), a response
//! (`response`, `output`, `completion`; in the form of batches with a `body` inside), a time, a latency, a name, and a judgement. A line
//! with a `prompt` and the `quality` of the answers of several routes is a call that was judged on each of them.
mod fields;

use bytes::Bytes;
use obs_core::{Fingerprint, LlmRequest, PriceTable, Purpose, Role, Usage};
use obs_ledger::{Attempt, Entry, Feedback, Outcome, Prompt, Record, SCHEMA, Verdict};
use obs_openai::{ChatRequest, EmbeddingRequest};
use serde_json::Value;

use self::fields::{
    JUDGED, Line, NAMES, RESPONSES, field, flat, latency, object, prompt, text, time,
};

/// Reads lines of another gateway's log.
pub(super) struct Foreign {
    pub(super) prices: PriceTable,
    pub(super) prompts: bool,
}

/// A prompt alone.
struct Text<'a>(&'a str);

impl Foreign {
    /// The call of a line, and what was said of it.
    pub(super) fn records(&self, line: &[u8], number: u64) -> Result<Vec<Record>, String> {
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
            let quality = quality.as_object().ok_or("quality is no object")?;
            entry.prompt = Some(self.prompt(&Text(prompt)));
            entry.operation = "chat".into();
            let call = entry.call.clone();
            let mut records = vec![entry.into()];
            for (route, score) in quality {
                let score = score.as_f64().ok_or("a quality is no number")?;
                let mut feedback = Feedback::new(call.clone(), score as f32);
                feedback.route = Some(route.as_str().into());
                records.push(feedback.into());
            }
            return Ok(records);
        }
        self.call(&line, &mut entry)?;
        let judged = judged(&line, &entry);
        let mut records = vec![entry.into()];
        records.extend(judged.map(Record::from));
        Ok(records)
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
        entry.tenant = tenant.map(|name| hash("tenant", &[&name]).into());
        let body = Bytes::from(Value::Object(request.clone()).to_string());
        if request.contains_key("messages") {
            let read = ChatRequest::parse(body).map_err(|error| error.to_string())?;
            self.asked(&read, entry);
        } else if request.contains_key("input") {
            let read = EmbeddingRequest::parse(body).map_err(|error| error.to_string())?;
            self.asked(&read, entry);
        } else {
            return Err("there is no request with `messages` or `input`".into());
        }
        self.answered(line, &response, entry)
    }

    fn asked(&self, request: &impl LlmRequest, entry: &mut Entry) {
        entry.operation = request.operation().as_str().into();
        entry.format = Some("openai".into());
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

    fn answered(&self, line: &Line, response: &Line, entry: &mut Entry) -> Result<(), String> {
        let status = field(line, &["status", "status_code"]).and_then(Value::as_u64);
        let failed = response.get("error").is_some_and(|error| !error.is_null());
        entry.outcome = match failed || status.is_some_and(|status| status >= 400) {
            true => Outcome::Failed,
            false => Outcome::Answered,
        };
        entry.latency_us = latency(line).unwrap_or_default();
        let answered = text(response, &["model"]).unwrap_or_else(|| entry.model.to_string());
        let usage = response.get("usage").and_then(usage);
        let cost = usage.and_then(|usage| {
            let of = |model: &str| self.prices.cost(None, model, &usage);
            of(&answered).or_else(|| of(&entry.model))
        });
        let route = text(line, &["route"]);
        entry.route = Some(route.unwrap_or_else(|| answered.clone()).into());
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
        if entry.time == 0 {
            entry.time = time(response)?.unwrap_or_default();
        }
        Ok(())
    }

    fn prompt(&self, request: &impl LlmRequest) -> Prompt {
        match self.prompts {
            true => Prompt::with_text(request),
            false => Prompt::of(request),
        }
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

fn usage(value: &Value) -> Option<Usage> {
    let count = |names: &[&str]| names.iter().find_map(|name| value.pointer(name)?.as_u64());
    Some(Usage {
        input: count(&["/prompt_tokens", "/input_tokens"])?,
        cached_input: count(&["/prompt_tokens_details/cached_tokens"]).unwrap_or_default(),
        output: count(&["/completion_tokens", "/output_tokens"]).unwrap_or_default(),
        reasoning: count(&["/completion_tokens_details/reasoning_tokens"]).unwrap_or_default(),
        ..Usage::default()
    })
}

/// What was said of the answer.
fn judged(line: &Line, entry: &Entry) -> Option<Feedback> {
    let said = field(line, JUDGED)?;
    let said = match said {
        Value::Object(inner) => field(inner, &["score", "verdict", "rating"])?,
        other => other,
    };
    let mut feedback = Feedback {
        v: SCHEMA,
        feedback: entry.call.clone(),
        time: entry.time,
        ..Feedback::default()
    };
    match said {
        Value::Bool(good) => feedback.score = Some(f32::from(u8::from(*good))),
        Value::String(word) => {
            feedback.verdict = Some(match word.as_str() {
                "good" | "up" | "thumbs_up" | "positive" => Verdict::Good,
                "bad" | "down" | "thumbs_down" | "negative" => Verdict::Bad,
                _ => return None,
            });
        }
        score => feedback.score = Some(score.as_f64()? as f32),
    }
    feedback.quality().is_some().then_some(feedback)
}

fn hash(of: &str, fields: &[&str]) -> String {
    let mut hash = Fingerprint::new();
    hash.field("of", of.as_bytes());
    for field in fields {
        hash.field("field", field.as_bytes());
    }
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

    fn records(line: &Value) -> Result<Vec<Record>, String> {
        let foreign = Foreign {
            prices: PriceTable::bundled(),
            prompts: false,
        };
        foreign.records(line.to_string().as_bytes(), 7)
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
    fn judgements_become_feedback() {
        for (said, quality) in [
            (json!({"feedback": {"verdict": "bad"}}), 0.0),
            (json!({"feedback": "thumbs_up"}), 1.0),
            (json!({"score": 0.25}), 0.25),
            (json!({"rating": true}), 1.0),
        ] {
            let mut line = json!({"request": {"model": "m", "messages": [{"role": "user", "content": "a"}]}, "response": {}, "id": "x"});
            line.as_object_mut()
                .unwrap()
                .extend(said.as_object().unwrap().clone());
            let records = records(&line).unwrap();
            let Record::Feedback(feedback) = &records[1] else {
                panic!("{records:?}");
            };
            assert_eq!(
                (&*feedback.feedback, feedback.quality()),
                ("x", Some(quality))
            );
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
        ] {
            assert!(records(&line).is_err(), "{line}");
        }
    }
}
