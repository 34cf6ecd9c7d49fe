//! OpenAI's own client for Python, where there is Python.
//!
//! `OBS_TEST_PYTHON` names an interpreter that has the package `openai`; `tests/run` installs one. Without it, these
//! tests say that they were skipped.
use std::process::Command;

use crate::gateway::Gateway;

const SCRIPT: &str = r#"
import sys
from openai import OpenAI, NotFoundError, BadRequestError, APIStatusError

client = OpenAI(base_url=sys.argv[1], api_key="sk-test", max_retries=0)
ask = [{"role": "user", "content": "What is the capital of France?"}]

raw = client.chat.completions.with_raw_response.create(model="auto", messages=ask)
assert raw.headers["x-obs-cache"] == "miss", raw.headers
first = raw.parse()
assert first.choices[0].finish_reason == "stop" and first.usage.total_tokens > 0, first
raw = client.chat.completions.with_raw_response.create(model="auto", messages=ask)
assert raw.headers["x-obs-cache"] == "hit", raw.headers
assert raw.parse() == first

def stream(**more):
    chunks = list(client.chat.completions.create(model="auto", messages=ask, stream=True, **more))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    return text, [c for c in chunks if c.usage]

text, used = stream()
assert text == first.choices[0].message.content and not used, (text, used)
text, used = stream(stream_options={"include_usage": True})
assert text == first.choices[0].message.content, text
assert len(used) == 1 and used[0].usage == first.usage, used

other = [{"role": "user", "content": "And of Peru?"}]
chunks = list(client.chat.completions.create(model="auto", messages=other, stream=True))
assert chunks[-1].choices[0].finish_reason == "stop", chunks[-1]

vectors = client.embeddings.create(model="sim-embed", input=["one", "two"])
assert len(vectors.data) == 2 and vectors.usage.prompt_tokens > 0, vectors
assert {"auto", "cheap", "premium"} <= {m.id for m in client.models.list()}

def refused(error, **body):
    try:
        client.chat.completions.create(**body)
    except error as e:
        return e
    raise AssertionError(f"{body} was answered")

assert refused(NotFoundError, model="nobody-has-this", messages=ask).status_code == 404
assert refused(BadRequestError, model="auto", messages="hello").param == "messages"
assert refused(BadRequestError, model="auto", messages=ask, temperature="hot").param == "temperature"
try:
    client.embeddings.create(model="auto", input="x")
    raise AssertionError("another model would be another vector space")
except BadRequestError as e:
    assert e.param == "model", e
print("fine")
"#;

#[test]
fn openais_client_for_python_works_unchanged() {
    let Some(python) = std::env::var_os("OBS_TEST_PYTHON") else {
        eprintln!(
            "SKIPPED: OBS_TEST_PYTHON names no Python that has the package openai; tests/run installs one"
        );
        return;
    };
    let gateway = Gateway::start(&[]);
    let output = Command::new(python)
        .args(["-c", SCRIPT, &gateway.url("/v1")])
        .output()
        .expect("Python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
