//! What is known of a call when it begins.
use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use obs_core::{Call, Fingerprint, FingerprintSecret, LlmRequest, Operation};
use tokio::time::Instant;

use crate::{Entry, LONGEST_TEXT, Piece, Prompt, SCHEMA, setup::Setup, text::beginning};

/// What is known of a call when it begins.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) began: Instant,
    /// With nothing yet of what will become of it.
    pub(crate) entry: Entry,
}

impl Asked {
    /// `id`: the name of the call.
    pub(crate) fn of<R: LlmRequest>(call: &Call<R>, id: Arc<str>, setup: &Setup) -> Self {
        let (request, context) = (&call.request, &call.context);
        let now = setup.clock.now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or(Duration::ZERO).as_millis();
        let tenant = context.tenant.clone();
        let session = context.session.as_deref();
        Self {
            began: Instant::now(),
            entry: Entry {
                v: SCHEMA,
                call: id,
                time: u64::try_from(now).unwrap_or(u64::MAX),
                operation: request.operation().as_str().into(),
                format: setup.format.map(Into::into),
                model: request.model().into(),
                stream: request.streams(),
                session: session.map(|s| self::session(s, tenant.as_deref(), &setup.secret)),
                tenant,
                key: (request.operation() != Operation::Other).then(|| key(call, &setup.secret)),
                uncacheable: !request.cacheable() || context.cache.no_store,
                prompt: Some(match setup.prompts {
                    true => Prompt::with_text(request),
                    false => Prompt::of(request),
                }),
                ..Entry::default()
            },
        }
    }
}

fn hasher(secret: &Option<FingerprintSecret>) -> Fingerprint {
    secret
        .as_ref()
        .map_or_else(Fingerprint::new, Fingerprint::with_secret)
}

/// 128 bits are enough to tell questions apart.
fn short(hash: &Fingerprint) -> Arc<str> {
    let mut hex = hash.finish().to_string();
    hex.truncate(32);
    hex.into()
}

fn key<R: LlmRequest>(call: &Call<R>, secret: &Option<FingerprintSecret>) -> Arc<str> {
    let mut hash = hasher(secret);
    let context = &call.context;
    hash.field("of", b"question");
    hash.optional("tenant", context.tenant.as_deref().map(str::as_bytes));
    hash.optional("namespace", context.namespace.as_deref().map(str::as_bytes));
    hash.field("operation", call.request.operation().as_str().as_bytes());
    call.request.fingerprint(&mut hash);
    short(&hash)
}

fn session(session: &str, tenant: Option<&str>, secret: &Option<FingerprintSecret>) -> Arc<str> {
    let mut hash = hasher(secret);
    hash.field("of", b"session");
    hash.optional("tenant", tenant.map(str::as_bytes));
    hash.field("session", session.as_bytes());
    short(&hash)
}

impl Prompt {
    /// What is known of the prompt of a request, without its text.
    #[must_use]
    pub fn of(request: &impl LlmRequest) -> Self {
        let mut prompt = Self::default();
        request.visit_prompt(&mut |_, text| {
            prompt.bytes += text.len() as u64;
            prompt.chars += text.chars().count() as u64;
        });
        let read = obs_learn::pieces(|visit: &mut dyn FnMut(obs_core::Role, &str)| {
            request.visit_prompt(visit);
        });
        prompt.features = obs_learn::features(&read).to_vec();
        prompt
    }

    /// The same with its text, up to [`LONGEST_TEXT`] bytes.
    #[must_use]
    pub fn with_text(request: &impl LlmRequest) -> Self {
        let mut pieces = Vec::new();
        let mut room = LONGEST_TEXT;
        request.visit_prompt(&mut |role, text| {
            let text = beginning(text, room);
            if !text.is_empty() {
                room -= text.len();
                pieces.push(Piece {
                    role: role.into(),
                    text: text.to_owned(),
                });
            }
        });
        Self {
            pieces: Some(pieces),
            ..Self::of(request)
        }
    }
}
