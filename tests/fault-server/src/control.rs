//! The server's own pages.
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use serde_json::{Map, Value, json};

use crate::{
    faults::FAMILIES,
    log::{Ending, Log, Seen},
    reply::Reply,
    script::Script,
    shared::Shared,
};

const ROOT: &str = "/_faults";

/// Headers whose values are nobody's business.
const SECRET: [&str; 4] = ["authorization", "x-api-key", "api-key", "cookie"];

/// The answer, if the request is for a page of the server itself.
pub(crate) fn reply(shared: &Shared, request: &Request<Bytes>) -> Option<Reply> {
    let page = request.uri().path().strip_prefix(ROOT)?;
    Some(match (request.method(), page.trim_end_matches('/')) {
        (&Method::GET, "") => Reply::json(200, &list()),
        (&Method::GET, "/log") => Reply::json(200, &log(&shared.log.borrow())),
        (&Method::POST, "/reset") => {
            shared.reset();
            Reply::json(200, &json!({ "reset": true }))
        }
        (&Method::POST, "/models") => match models(shared, request.body()) {
            Ok(set) => Reply::json(200, &json!({ "set": set })),
            Err(message) => Reply::error(400, "fault_server_error", None, &message),
        },
        _ => {
            let message = "here are GET /_faults, GET /_faults/log, POST /_faults/models and POST /_faults/reset";
            Reply::error(404, "fault_server_error", None, message)
        }
    })
}

fn list() -> Value {
    let families = FAMILIES.iter().map(|family| {
        let faults = family.faults().iter();
        let faults: Vec<Value> = faults
            .map(|fault| json!({ "name": fault.name(), "about": fault.about() }))
            .collect();
        json!({ "family": family.name(), "faults": faults })
    });
    json!({
        "choose": "by the model (`fault/503`), by the header `x-fault: 503`, or POST {\"MODEL\": \"503\"} to /_faults/models",
        "lasting": ["-once", "-twice", "-x5", "-for-60s", "-forever"],
        "families": families.collect::<Vec<_>>(),
    })
}

/// All of them, or none when one is wrong.
fn models(shared: &Shared, body: &[u8]) -> Result<usize, String> {
    let names: BTreeMap<String, String> = serde_json::from_slice(body).map_err(|error| {
        format!("the body must be an object of models and faults, {{\"MODEL\": \"503\"}}: {error}")
    })?;
    let scripts = names
        .into_iter()
        .map(|(model, name)| Ok((model, name.parse::<Script>()?)));
    let scripts: Vec<_> = scripts
        .collect::<Result<_, crate::UnknownFault>>()
        .map_err(|error| error.to_string())?;
    let set = scripts.len();
    for (model, script) in scripts {
        shared.script(&model, script);
    }
    Ok(set)
}

fn log(log: &Log) -> Value {
    let models = log.models().into_iter().map(|model| {
        let seen: Vec<Value> = log.of(model).map(|seen| self::seen(log, seen)).collect();
        let of = json!({
            "requests": log.count(model),
            "most_at_once": log.most_at_once(model),
            "connections": log.connections_of(model),
            "client_closed": log.left(model).len(),
            "seen": seen,
        });
        (model.to_owned(), of)
    });
    json!({
        "connections": { "opened": log.connections(), "open": log.open(), "most_open": log.most_open() },
        "tls_hellos": log.tls_hellos(),
        "models": models.collect::<Map<_, _>>(),
    })
}

fn seen(log: &Log, seen: &Seen) -> Value {
    let since = |at: tokio::time::Instant| at.duration_since(log.started()).as_secs_f64() * 1e3;
    let body = seen.request.body();
    let text = || Value::String(String::from_utf8_lossy(body).into_owned());
    json!({
        "number": seen.number,
        "at_ms": since(seen.at),
        "ended_ms": seen.ended.map(|(at, _)| since(at)),
        "ending": seen.ended.map(|(_, how)| ending(how)),
        "script": seen.script.as_deref(),
        "connection": seen.connection,
        "method": seen.request.method().as_str(),
        "path": seen.request.uri().path(),
        "version": format!("{:?}", seen.request.version()),
        "headers": headers(seen.request.headers()),
        "body": serde_json::from_slice(body).unwrap_or_else(|_| text()),
    })
}

fn ending(how: Ending) -> &'static str {
    match how {
        Ending::Answered => "answered",
        Ending::CutOff => "cut_off",
        Ending::ClientClosed => "client_closed",
    }
}

fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let shown = headers.iter().map(|(name, value)| {
        let secret = SECRET.contains(&name.as_str()) || *name == header::PROXY_AUTHORIZATION;
        let value = if secret {
            "***".into()
        } else {
            String::from_utf8_lossy(value.as_bytes())
        };
        (name.to_string(), Value::String(value.into_owned()))
    });
    shown.collect()
}
