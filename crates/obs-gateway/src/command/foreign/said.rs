//! What a line of another gateway's log says of the answer.
use obs_ledger::{Entry, Feedback, SCHEMA, Verdict};
use serde_json::Value;

use super::fields::{JUDGED, Line, field};

const GOOD: &[&str] = &["good", "up", "thumbs_up", "positive"];
const BAD: &[&str] = &["bad", "down", "thumbs_down", "negative"];

/// What a line says of this call; `None`: nothing. The error says what cannot be read.
pub(super) fn feedback(line: &Line, of: &Entry) -> Result<Option<Feedback>, String> {
    let Some(said) = field(line, JUDGED) else {
        return Ok(None);
    };
    let said = match said {
        Value::Object(inner) => match field(inner, &["score", "verdict", "rating"]) {
            Some(said) => said,
            // Words about the answer, and no judgement.
            None => return Ok(None),
        },
        other => other,
    };
    let mut feedback = Feedback {
        v: SCHEMA,
        feedback: of.call.clone(),
        time: of.time,
        ..Feedback::default()
    };
    match said {
        Value::String(word) if GOOD.contains(&word.as_str()) => {
            feedback.verdict = Some(Verdict::Good);
        }
        Value::String(word) if BAD.contains(&word.as_str()) => {
            feedback.verdict = Some(Verdict::Bad);
        }
        said => feedback.score = Some(score(said)?),
    }
    Ok(Some(feedback))
}

/// How good an answer is, from 0 to 1.
pub(super) fn score(said: &Value) -> Result<f32, String> {
    let score = match said {
        Value::Bool(good) => Some(f64::from(u8::from(*good))),
        said => said.as_f64().filter(|score| (0.0..=1.0).contains(score)),
    };
    score.map(|score| score as f32).ok_or_else(|| {
        format!("{said} is no judgement: expected good, bad, true, false, or a score from 0 to 1")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(line: Value) -> Result<Option<f32>, String> {
        let Value::Object(line) = line else {
            panic!("{line}");
        };
        let entry = Entry {
            call: "x".into(),
            ..Entry::default()
        };
        let feedback = feedback(&line, &entry)?;
        Ok(feedback.map(|feedback| {
            assert_eq!(&*feedback.feedback, "x");
            feedback.quality().unwrap()
        }))
    }

    #[test]
    fn judgements_become_feedback() {
        for (line, quality) in [
            (json!({"feedback": {"verdict": "bad"}}), Some(0.0)),
            (json!({"feedback": "thumbs_up"}), Some(1.0)),
            (json!({"score": 0.25}), Some(0.25)),
            (json!({"rating": true}), Some(1.0)),
            (json!({"feedback": null}), None),
            (json!({"feedback": {"comment": "wrong city"}}), None),
            (json!({}), None),
        ] {
            assert_eq!(said(line.clone()), Ok(quality), "{line}");
        }
    }

    #[test]
    fn a_judgement_that_cannot_be_read_is_told() {
        for line in [
            json!({"feedback": "meh"}),
            json!({"rating": 4}),
            json!({"score": -0.5}),
            json!({"score": []}),
            json!({"feedback": {"score": "high"}}),
        ] {
            let problem = said(line.clone()).unwrap_err();
            assert!(problem.contains("from 0 to 1"), "{line}: {problem}");
        }
    }
}
