//! The clients of OpenAI and Anthropic for Python, where there is Python.
//!
//! `OBS_TEST_PYTHON` names an interpreter that has the packages `openai` and `anthropic`; `tests/run` installs one. Without
//! it, these tests say that they were skipped.
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
};

use crate::gateway::{Gateway, command};

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

# The same through Responses.
ask = "What is the capital of France?"
raw = client.responses.with_raw_response.create(model="auto", input=ask)
assert raw.headers["x-obs-cache"] == "miss", raw.headers
first = raw.parse()
assert first.status == "completed" and first.output_text and first.usage.total_tokens > 0, first
events = list(client.responses.create(model="auto", input=ask, stream=True))
assert [e.type for e in events][0] == "response.created", events[0]
assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == first.output_text
assert events[-1].type == "response.completed" and events[-1].response == first, events[-1]
with client.responses.stream(model="auto", input="And of Peru?") as live:
    for event in live:
        pass
    assert live.get_final_response().output_text.startswith("[simulated"), live.get_final_response()
try:
    client.responses.create(model="auto", input=[])
    raise AssertionError("nothing was asked")
except BadRequestError as e:
    assert e.param == "input", e
print("fine")
"#;

const ANTHROPIC: &str = r#"
import sys
from anthropic import Anthropic, APIStatusError, BadRequestError, NotFoundError, OverloadedError

# A provider that answers with a recorded stream: thinking, and calls of tools.
client = Anthropic(base_url=sys.argv[1], api_key="sk-ant-test", max_retries=0)
ask = dict(model="opus", max_tokens=1000, messages=[{"role": "user", "content": "What is the weather?"}])

with client.messages.stream(**ask) as live:
    seen = [event.type for event in live]
    said = live.get_final_message()
assert seen[0] == "message_start" and seen[-1] == "message_stop", seen
assert [b.type for b in said.content] == ["thinking", "redacted_thinking", "tool_use", "tool_use"], said
assert said.content[0].signature and said.content[2].input == {"location": "San Francisco, CA", "days": 2}, said
assert said.stop_reason == "tool_use" and said.usage.output_tokens == 89, said

# The recorded answer, whole, and streamed once more.
raw = client.messages.with_raw_response.create(**ask)
assert raw.headers["x-obs-cache"] == "hit", raw.headers
whole = raw.parse()
assert (whole.id, whole.stop_reason) == (said.id, said.stop_reason), (whole, said)
assert [b.type for b in whole.content] == [b.type for b in said.content], (whole, said)
assert whole.content[0].signature == said.content[0].signature and whole.content[2].input == said.content[2].input
with client.messages.stream(**ask) as live:
    assert [event.type for event in live] == seen

def refused(error, **body):
    try:
        client.messages.create(**{**ask, **body})
    except error as e:
        return e
    raise AssertionError(f"{body} was answered")

assert refused(BadRequestError, messages=[]).type == "invalid_request_error"
assert refused(APIStatusError, model="overloaded").status_code == 529

# The simulated one.
client = Anthropic(base_url=sys.argv[2], api_key="sk-ant-test", max_retries=0)
ask["model"] = "auto"
first = client.messages.create(**ask)
assert first.stop_reason == "end_turn" and first.usage.output_tokens > 0, first
with client.messages.stream(**ask) as live:
    assert "".join(live.text_stream) == first.content[0].text
    assert live.get_final_message().usage == first.usage
ask["messages"] = [{"role": "user", "content": "And tomorrow?"}]
with client.messages.stream(**ask) as live:
    assert "".join(live.text_stream).startswith("[simulated")
assert client.messages.count_tokens(model="sim-small", messages=ask["messages"]).input_tokens > 0
assert refused(NotFoundError, model="nobody-has-this").type == "not_found_error"
print("fine")
"#;

const RECORDED: &str = include_str!("../../../../crates/obs-anthropic/tests/fixtures/tools.sse");
const OVERLOADED: &str =
    r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;

#[test]
fn openais_client_for_python_works_unchanged() {
    let gateway = Gateway::start(&[]);
    run(SCRIPT, &[&gateway.url("/v1")]);
}

#[test]
fn anthropics_client_for_python_works_unchanged() {
    let provider = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = provider.local_addr().expect("it listens");
    thread::spawn(move || {
        for connection in provider.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(connection));
        }
    });
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("gateway.toml");
    let settings = format!(
        "[router]\nretries = 0\n[[providers]]\nname = \"anthropic\"\nformat = \"anthropic\"\nbase_url = \"http://{address}\"\n\
         [[routes]]\nname = \"opus\"\nmodel = \"claude-opus-5-5\"\n"
    );
    std::fs::write(&file, settings).expect("it is written");
    let file = file.to_str().expect("its name is text");
    let listen = [
        "--config",
        file,
        "--server-listen=127.0.0.1:0",
        "--metrics-listen=127.0.0.1:0",
    ];
    let gateway = Gateway::spawn(command(&listen));
    let simulated = Gateway::start(&[]);
    run(ANTHROPIC, &[&gateway.url(""), &simulated.url("")]);
}

/// Answers one request with the recorded stream, or as overloaded where that is asked for.
fn answer(mut connection: TcpStream) {
    let mut reader = BufReader::new(connection.try_clone().expect("a handle more"));
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) <= 2 {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    let (status, kind, body) = match String::from_utf8_lossy(&body).contains("\"overloaded\"") {
        true => ("529 Overloaded", "application/json", OVERLOADED),
        false => ("200 OK", "text/event-stream", RECORDED),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    // Whoever left does not read it.
    let _ = connection.write_all(format!("{head}{body}").as_bytes());
}

fn run(script: &str, args: &[&str]) {
    let Some(python) = std::env::var_os("OBS_TEST_PYTHON") else {
        eprintln!(
            "SKIPPED: OBS_TEST_PYTHON names no Python that has the packages openai and anthropic; tests/run installs one"
        );
        return;
    };
    let output = Command::new(python)
        .args(["-c", script])
        .args(args)
        .output()
        .expect("Python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
