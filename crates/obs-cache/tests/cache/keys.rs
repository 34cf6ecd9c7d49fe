//! Who shares an answer with whom.
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use obs_cache::*;
use obs_core::*;
use proptest::prelude::*;
use tower::{Layer, ServiceExt, service_fn};

use crate::chat::*;

/// How many answers a model gives to these calls.
fn answers<S: Store>(layer: &CacheLayer<S>, calls: impl IntoIterator<Item = Call<Req>>) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let inside = count.clone();
    let cache = layer.layer(service_fn(move |_: Call<Req>| {
        inside.fetch_add(1, SeqCst);
        async { Ok::<_, BoxError>(whole("y")) }
    }));
    for call in calls {
        let answer = cache.clone().oneshot(call);
        futures_util::FutureExt::now_or_never(answer)
            .unwrap()
            .unwrap();
    }
    count.load(SeqCst)
}

fn two(one: Call<Req>, other: Call<Req>) -> usize {
    answers(&layer(Memory::new(1 << 20)), [one, other])
}

#[test]
fn tenants_do_not_share_and_no_tenant_is_one_of_its_own() {
    let tenants = [None, Some(""), Some("a"), Some("b"), Some("a ")];
    let call = |tenant: Option<&str>| match tenant {
        Some(tenant) => req(false).tenant(tenant),
        None => req(false),
    };
    for one in tenants {
        for other in tenants {
            let want = if one == other { 1 } else { 2 };
            assert_eq!(two(call(one), call(other)), want, "{one:?} {other:?}");
        }
    }
}

#[test]
fn tenants_share_where_the_operator_says_so() {
    let layer = layer(Memory::new(1 << 20)).tenants(Tenants::Together);
    let calls = || [req(false).tenant("a"), req(false).tenant("b"), req(false)];
    assert_eq!(answers(&layer, calls()), 1);
    // And these are other answers than those of tenants that are kept apart.
    let apart = crate::chat::layer(layer.store().clone());
    assert_eq!(answers(&apart, calls()), 3);
}

#[test]
fn namespaces_operations_and_secrets_keep_answers_apart() {
    assert_eq!(two(req(false), req(false).namespace("a")), 2);
    assert_eq!(two(req(false).namespace(""), req(false)), 2);
    assert_eq!(two(req(false).namespace("a"), req(false).tenant("a")), 2);
    assert_eq!(two(req(false).namespace("a"), req(false).namespace("a")), 1);
    let mut embeddings = req(false);
    embeddings.request.operation = Operation::Embeddings;
    assert_eq!(two(req(false), embeddings), 2);

    let store = Memory::new(1 << 20);
    let with = |secret: &[u8]| layer(store.clone()).key(FingerprintSecret::new(secret));
    assert_eq!(answers(&layer(store.clone()), [req(false)]), 1);
    assert_eq!(answers(&with(b"one"), [req(false)]), 1);
    assert_eq!(answers(&with(b"two"), [req(false)]), 1);
    assert_eq!(answers(&with(b"one"), [req(false)]), 0);
}

#[test]
fn neither_the_form_nor_the_circumstances_of_a_call_are_in_its_key() {
    let mut other = req(true).session("s").cache(CacheDirectives::default());
    other.context.id = Some("id".into());
    other.context.route = Some("cheap".into());
    assert_eq!(two(req(false), other), 1);
}

proptest! {
    /// Tenant, namespace, model and prompt do not run into each other.
    #[test]
    fn other_calls_have_other_keys(
        one in proptest::array::uniform4("[ab]{0,3}"),
        other in proptest::array::uniform4("[ab]{0,3}"),
    ) {
        let call = |[tenant, namespace, model, prompt]: [String; 4]| {
            let mut call = asking(&prompt).tenant(tenant).namespace(namespace);
            call.request.model = model;
            call
        };
        let want = if one == other { 1 } else { 2 };
        prop_assert_eq!(two(call(one), call(other)), want);
    }
}
