//! One trace through all agents, as a collector gets it.

use agents::{
    agents::Agents,
    collector::{Collector, Seen},
    planner, tree,
};

/// The span with this name of this service, below this parent.
fn child<'a>(all: &'a [Seen], parent: &Seen, service: &str, name: &str) -> Vec<&'a Seen> {
    all.iter()
        .filter(|seen| seen.service == service && seen.span.name == name)
        .filter(|seen| seen.span.parent_span_id == parent.span.span_id)
        .collect()
}

fn one<'a>(all: &'a [Seen], parent: &Seen, service: &str, name: &str) -> &'a Seen {
    let found = child(all, parent, service, name);
    assert_eq!(found.len(), 1, "{service}: {name} in\n{}", tree::draw(all));
    found[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_question_is_one_trace_with_the_right_parents() {
    let collector = Collector::start().await.expect("there is a free port");
    let agents = Agents::start(&collector).await.expect("they start");
    let plan = planner::ask(&agents.planner, "acme", "Why is the sky blue?").await;
    let plan = plan.expect("a plan");
    assert_eq!(plan.len(), 2);
    assert!(
        plan[0].starts_with("What is known: Why is the sky blue? "),
        "{plan:?}"
    );
    agents.stop().await;

    let all = collector.spans();
    let drawn = tree::draw(&all);
    let roots: Vec<_> = all
        .iter()
        .filter(|s| s.span.parent_span_id.is_empty())
        .collect();
    let [root] = roots.as_slice() else {
        panic!("one root, and not\n{drawn}");
    };
    assert_eq!(
        (root.service.as_str(), root.span.name.as_str()),
        ("planner", "invoke_agent planner")
    );
    for seen in &all {
        assert_eq!(seen.span.trace_id, root.span.trace_id, "{drawn}");
    }
    let asked = one(&all, root, "planner", "invoke_agent researcher");
    let agent = one(&all, asked, "researcher", "invoke_agent researcher");
    one(&all, agent, "researcher", "execute_tool outline");
    let calls = child(&all, agent, "researcher", "chat auto");
    assert_eq!(calls.len(), 2, "{drawn}");
    for call in calls {
        let attempt = one(&all, call, "researcher", "chat auto");
        let gateway = one(&all, attempt, "gateway", "chat auto");
        assert_eq!(
            gateway.attribute("obs.cache.status").as_deref(),
            Some("miss")
        );
        let model = all
            .iter()
            .filter(|seen| seen.span.parent_span_id == gateway.span.span_id);
        let model: Vec<_> = model.collect();
        let [model] = model.as_slice() else {
            panic!("one attempt below the gateway, and not\n{drawn}");
        };
        assert_eq!(model.service, "gateway");
        assert!(model.attribute("obs.route").is_some(), "{drawn}");
        // Each lies within its parent.
        for (outer, inner) in [
            (agent, call),
            (call, attempt),
            (attempt, gateway),
            (gateway, model),
        ] {
            assert!(outer.span.start_time_unix_nano <= inner.span.start_time_unix_nano);
            assert!(outer.span.end_time_unix_nano >= inner.span.end_time_unix_nano);
        }
    }
    // Nothing else, and all of it is drawn.
    assert_eq!(all.len(), 12, "{drawn}");
    assert_eq!(drawn.lines().count(), 13, "{drawn}");
}
