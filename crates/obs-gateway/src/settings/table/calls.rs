//! Where calls go, how long they may take, and what they cost.
use super::{Scalar, parse, put, scalar, unset};

pub(super) const SCALARS: [Scalar; 36] = [
    scalar(
        "router.policy",
        "complexity",
        "Who decides where `auto` goes: complexity (rules on the structure of the prompt), weighted (chance, by the weights of the routes), learned (the model of router.model), expected-cost (that model, \
         prices, and what an answer is worth) or default (always the default route)",
        |s, v| put(&mut s.router.policy, parse::policy(v)),
    ),
    scalar(
        "router.threshold",
        "0.5",
        "Score from which on a prompt is hard, 0 to 1; lower sends more to the premium route",
        |s, v| put(&mut s.router.threshold, parse::share(v)),
    ),
    unset(
        "router.model",
        "Model of the policies learned and expected-cost: a file that `gateway train` wrote",
        |s, v| {
            put(
                &mut s.router.model,
                parse::text(v).map(|path| Some(path.into())),
            )
        },
    ),
    unset(
        "router.state",
        "File in which what that model learns in traffic outlives the process; unset: it ends with it",
        |s, v| {
            put(
                &mut s.router.state,
                parse::text(v).map(|path| Some(path.into())),
            )
        },
    ),
    unset(
        "router.answer_worth",
        "What a good answer is worth in place of a bad one, in dollars such as 0.02, where expected-cost decides",
        |s, v| put(&mut s.router.answer_worth, parse::dollars(v).map(Some)),
    ),
    scalar(
        "router.wish",
        "30%",
        "What the learned policy spends premium calls for: a share of the calls such as 30%, a part of what the premium \
         route is better by such as quality:90%, or dollars a day such as 20usd",
        |s, v| put(&mut s.router.wish, parse::wish(v)),
    ),
    scalar(
        "router.trust_model",
        "false",
        "Whether such a policy begins with a model that was found no better than the rule: true or false",
        |s, v| put(&mut s.router.trust_model, parse::boolean(v)),
    ),
    scalar(
        "router.sticky",
        "true",
        "Whether a conversation (`x-obs-session`) stays on its route while the provider's prompt cache there is worth more than a switch",
        |s, v| put(&mut s.router.sticky, parse::boolean(v)),
    ),
    scalar(
        "router.cascade",
        "off",
        "Who looks at answers before they go out, and has the next route asked for bad ones: off, or some of refusal, cut, json, schema \
         (the JSON Schema that the request asks for), margin:N (least distance to the next likeliest tokens, in natural logarithms, where the \
         provider tells it) and consistency (asks twice), with commas; streams are held back to their end, with schema alone only those that \
         ask for one",
        |s, v| put(&mut s.router.cascade, super::super::budget::judges(v)),
    ),
    unset(
        "router.judge_detection",
        "Share of bad answers that the judges of router.cascade find, 0 to 1: by it expected-cost decides where asking them pays",
        |s, v| put(&mut s.router.judge_detection, parse::share(v).map(Some)),
    ),
    unset(
        "router.judge_false_alarms",
        "Share of good answers that they take for bad ones, 0 to 1",
        |s, v| put(&mut s.router.judge_false_alarms, parse::share(v).map(Some)),
    ),
    scalar(
        "router.shadow_share",
        "0",
        "Share of the calls for which the first and the last route are compared in the background, 0 to 1, within budget.shadow_usd_per_day",
        |s, v| put(&mut s.router.shadow_share, parse::share(v)),
    ),
    unset(
        "router.default",
        "Route that is taken when the policy fails; unset: the last one",
        |s, v| put(&mut s.router.default, parse::name(v).map(Some)),
    ),
    unset(
        "router.baseline",
        "Route that savings are measured against; unset: the last one",
        |s, v| put(&mut s.router.baseline, parse::name(v).map(Some)),
    ),
    scalar(
        "router.commit",
        "first-content",
        "Up to where a streamed answer can still be replaced by another route's: first-content, complete, a \
         time such as 500ms, or a number such as 20tokens; later is safer and slower to begin",
        |s, v| put(&mut s.router.commit, parse::commit(v)),
    ),
    scalar(
        "router.retries",
        "1",
        "How often a route is asked again after a failure that may pass, before the next one is; 0 to 10",
        |s, v| put(&mut s.router.retries, parse::number(v, 10)),
    ),
    scalar(
        "router.breaker_failures",
        "5",
        "After so many failures in a row a route is left out for a while, and then tried by single calls; 0 for never",
        |s, v| put(&mut s.router.breaker_failures, parse::number(v, 1000)),
    ),
    scalar(
        "router.breaker_rest",
        "5s",
        "For how long a failing route is left out at first; doubled with each trial that fails, up to four times",
        |s, v| put(&mut s.router.breaker_rest, parse::duration(v)),
    ),
    scalar(
        "router.breaker_slow",
        "off",
        "An answer whose first token, or whole, takes longer than this counts as a failure there; or off",
        |s, v| put(&mut s.router.breaker_slow, parse::duration_or_off(v)),
    ),
    unset(
        "router.cheap_model",
        "Model of the route `cheap` where no `[[routes]]` are given; unset: gpt-6-luna, or the simulated one",
        |s, v| put(&mut s.router.cheap_model, parse::model(v).map(Some)),
    ),
    unset(
        "router.premium_model",
        "Model of the route `premium` where no `[[routes]]` are given; unset: gpt-6.1-sol, or the simulated one",
        |s, v| put(&mut s.router.premium_model, parse::model(v).map(Some)),
    ),
    scalar(
        "timeout.total",
        "300s",
        "The whole call, to its last token; it is late then",
        |s, v| put(&mut s.timeout.total, parse::duration(v)),
    ),
    scalar(
        "timeout.grace",
        "5s",
        "What a late call may still take before it is cut with a 504",
        |s, v| put(&mut s.timeout.grace, parse::any_duration(v)),
    ),
    scalar(
        "timeout.connect",
        "2s",
        "Until a provider has taken the connection",
        |s, v| put(&mut s.timeout.connect, parse::duration(v)),
    ),
    scalar(
        "timeout.first_token",
        "60s",
        "Until the first token of a stream; or off",
        |s, v| put(&mut s.timeout.first_token, parse::duration_or_off(v)),
    ),
    scalar(
        "timeout.first_token_with_fallback",
        "10s",
        "Until the first token of a stream while another route is left; or off",
        |s, v| {
            put(
                &mut s.timeout.first_token_with_fallback,
                parse::duration_or_off(v),
            )
        },
    ),
    scalar(
        "timeout.idle",
        "20s",
        "Between two tokens of a stream; or off",
        |s, v| put(&mut s.timeout.idle, parse::duration_or_off(v)),
    ),
    unset(
        "timeout.attempt",
        "One plain answer of one route; unset: what is left of the call, shared among the routes that are left",
        |s, v| put(&mut s.timeout.attempt, parse::duration(v).map(Some)),
    ),
    scalar(
        "timeout.adaptive",
        "off",
        "Percentile, such as 99, of how long first tokens of a model took lately: twice as long is the limit then, where that is shorter than the set one; or off",
        |s, v| put(&mut s.timeout.adaptive, parse::percentile_or_off(v)),
    ),
    scalar(
        "timeout.adaptive_floor",
        "2s",
        "Shortest limit that is learned",
        |s, v| put(&mut s.timeout.adaptive_floor, parse::duration(v)),
    ),
    scalar(
        "timeout.hedge_after",
        "off",
        "After so long without its first token a stream is asked for a second time, and the slower one dropped; or off",
        |s, v| put(&mut s.timeout.hedge_after, parse::duration_or_off(v)),
    ),
    scalar(
        "timeout.hedge_share",
        "0.05",
        "Most second attempts, as a share of the calls that could have one, 0 to 1",
        |s, v| put(&mut s.timeout.hedge_share, parse::share(v)),
    ),
    scalar(
        "timeout.hedge_burst",
        "10",
        "Most second attempts at once over that share, out of what earlier calls left unused; 0 for none at all",
        |s, v| put(&mut s.timeout.hedge_burst, parse::number(v, 1_000_000)),
    ),
    unset(
        "timeout.hedge_usd_per_hour",
        "Most dollars an hour for second attempts, such as 1.50; models without a price get none then; unset: no matter",
        |s, v| {
            put(
                &mut s.timeout.hedge_usd_per_hour,
                parse::dollars(v).map(Some),
            )
        },
    ),
    unset(
        "prices.file",
        "Your own prices, over the bundled ones: JSON in LiteLLM's format",
        |s, v| {
            put(
                &mut s.prices.file,
                parse::text(v).map(|path| Some(path.into())),
            )
        },
    ),
    scalar(
        "simulated.latency",
        "1.0",
        "How slow the simulated provider is: 1 as a real one, 0 not at all",
        |s, v| put(&mut s.simulated.latency, parse::factor(v)),
    ),
];
