//! Prices: whose price is taken, what it comes to, and what a table says of a bad row.
use obs_core::{Price, PriceError, PriceTable, Usage, Usd};
use proptest::prelude::*;

fn usd(text: &str) -> Usd {
    text.parse().expect(text)
}

/// A price of so many dollars a million tokens, for telling rows apart.
fn priced(input: u32) -> Price {
    Price::per_million(&input.to_string(), "0").expect("a price")
}

/// Which row is taken.
fn found(table: &PriceTable, route: Option<&str>, model: &str) -> Option<Usd> {
    let million = Usage {
        input: 1_000_000,
        ..Usage::default()
    };
    table.cost(route, model, &million)
}

fn refused(json: &str) -> PriceError {
    PriceTable::from_json(json).expect_err(json)
}

#[test]
fn each_kind_of_token_has_its_price() {
    let price = Price::per_million("3", "15")
        .and_then(|p| p.cached_input_per_million("0.30"))
        .and_then(|p| p.cache_write_per_million("3.75"))
        .and_then(|p| p.reasoning_per_million("20"))
        .expect("prices");
    let usage = Usage {
        input: 1_000,
        cached_input: 600,
        cache_write: 100,
        output: 50,
        reasoning: 20,
        ..Usage::default()
    };
    // 300 · 3 + 600 · 0.3 + 100 · 3.75 + 30 · 15 + 20 · 20, in millionths
    assert_eq!(price.cost(&usage), usd("0.002305"));
}

#[test]
fn a_kind_without_a_price_costs_as_the_rest() {
    let price = Price::per_million("3", "15").expect("prices");
    let plain = Usage {
        input: 1_000,
        output: 50,
        ..Usage::default()
    };
    let mixed = Usage {
        cached_input: 600,
        cache_write: 100,
        reasoning: 20,
        ..plain
    };
    assert_eq!(price.cost(&mixed), price.cost(&plain));
    assert_eq!(price.cached_input(), price.input());
    assert_eq!(price.cache_write(), price.input());
    assert_eq!(price.reasoning(), price.output());
}

#[test]
fn parts_that_exceed_the_whole_are_not_paid_twice() {
    let price = Price::per_million("3", "15")
        .and_then(|p| p.cached_input_per_million("1"))
        .and_then(|p| p.cache_write_per_million("2"))
        .and_then(|p| p.reasoning_per_million("20"))
        .expect("prices");
    let usage = Usage {
        input: 10,
        cached_input: 7,
        cache_write: 100,
        output: 5,
        reasoning: 9,
        ..Usage::default()
    };
    assert_eq!(price.cost(&usage), usd("0.000113")); // 7 · 1 + 3 · 2 + 5 · 20
    let usage = Usage {
        cached_input: u64::MAX,
        ..usage
    };
    assert_eq!(price.cost(&usage), usd("0.00011")); // 10 · 1 + 5 · 20
}

#[test]
fn what_is_kept_for_an_hour_and_what_is_searched_have_prices_of_their_own_or_none_that_is_known() {
    let price = Price::per_million("3", "15")
        .and_then(|p| p.cache_write_per_million("3.75"))
        .expect("prices");
    let written = Usage {
        input: 1_000,
        cache_write: 500,
        cache_write_1h: 400,
        ..Usage::default()
    };
    let searched = Usage {
        searches: 2,
        ..Usage::default()
    };
    let table = |price| PriceTable::new().with_model("m", price);
    let cost = |price: &Price, usage| table(price.clone()).cost(None, "m", usage);
    assert_eq!(cost(&price, &written), None, "not as other writes");
    assert_eq!(cost(&price, &searched), None, "and not as nothing");
    let long = price.clone().cache_write_1h_per_million("6");
    let both = long.and_then(|p| p.per_search("0.01")).expect("prices");
    // 500 · 3 + 100 · 3.75 + 400 · 6, in millionths
    assert_eq!(cost(&both, &written), Some(usd("0.004275")));
    assert_eq!(cost(&both, &searched), Some(usd("0.02")));
    // More than all writes are all writes.
    let more = Usage {
        cache_write_1h: 9_999,
        ..written
    };
    assert_eq!(both.cost(&more), usd("0.0045"));
    // Where writes are told from nothing else, they cost as the rest.
    let plain = Price::per_million("3", "15").expect("prices");
    assert_eq!(cost(&plain, &written), Some(usd("0.003")));
    assert_eq!(cost(&plain, &searched), None);
    assert_eq!(cost(&Price::FREE, &(written + searched)), Some(Usd::ZERO));
    assert!(
        Price::per_million("1", "1")
            .unwrap()
            .per_search("-1")
            .is_err()
    );
}

#[test]
fn a_free_model_costs_zero_and_an_unknown_one_is_unknown() {
    let table = PriceTable::new().with_model("own", Price::FREE);
    assert_eq!(found(&table, None, "own"), Some(Usd::ZERO));
    assert_eq!(found(&table, None, "other"), None);
    assert_eq!(found(&table, None, ""), None);
}

#[test]
fn the_price_of_a_route_goes_before_that_of_its_model() {
    let table = PriceTable::new()
        .with_model("gpt-4o", priced(1))
        .with_route("batch", priced(2));
    assert_eq!(found(&table, Some("batch"), "gpt-4o"), Some(usd("2")));
    assert_eq!(found(&table, Some("batch"), "unheard-of"), Some(usd("2")));
    assert_eq!(found(&table, Some("other"), "gpt-4o"), Some(usd("1")));
    assert_eq!(found(&table, None, "gpt-4o"), Some(usd("1")));
    assert_eq!(found(&table, None, "batch"), None);
}

#[test]
fn names_are_found_without_provider_and_without_date() {
    let table = PriceTable::new()
        .with_model("gpt-4o", priced(1))
        .with_model("azure/gpt-4o", priced(2))
        .with_model("gpt-4o-2024-05-13", priced(3))
        .with_model("claude-haiku-4-5", priced(4));
    for (model, dollars) in [
        ("gpt-4o", "1"),
        ("openai/gpt-4o", "1"),
        ("gpt-4o-2024-08-06", "1"),
        ("gpt-4o-20240806", "1"),
        ("gpt-4o@2024-08-06", "1"),
        ("openai/gpt-4o-2024-08-06", "1"),
        ("azure/gpt-4o", "2"),
        ("azure/gpt-4o-2024-08-06", "2"),
        ("gpt-4o-2024-05-13", "3"),
        ("openai/gpt-4o-2024-05-13", "3"),
        ("claude-haiku-4-5-20251001", "4"),
        ("claude-haiku-4-5@20251001", "4"),
        ("anthropic/claude-haiku-4-5@20251001", "4"),
    ] {
        assert_eq!(found(&table, None, model), Some(usd(dollars)), "{model}");
    }
}

#[test]
fn no_price_is_guessed() {
    let table = PriceTable::new()
        .with_model("gpt-4o", priced(1))
        .with_model("gpt-4", priced(2))
        .with_model("mistral-large", priced(3));
    for model in [
        "gpt-4o-mini",
        "gpt-4o-mini-2024-07-18",
        "gpt",
        "gpt-4o-",
        "GPT-4o",
        "gpt-4-0613",
        "mistral-large-2411",
        "gpt-4o-2024-13-06",
        "gpt-4o-2024-08-32",
        "gpt-4o-1024-08-06",
        "gpt-4o-2024-8-6",
        "gpt-4o_20240806",
        "gpt-4o-120240806",
        "gpt-4o:free",
        "openrouter/openai/gpt-4o",
        "gpt-4o/",
        "/",
        "-20240806",
        "ü-2024-08-06",
        "üüüüü",
    ] {
        assert_eq!(found(&table, None, model), None, "{model}");
    }
}

#[test]
fn own_rows_stand_over_others_and_a_clone_keeps_its_own() {
    let list = PriceTable::new()
        .with_model("a", priced(1))
        .with_model("b", priced(2));
    let own = PriceTable::new()
        .with_model("a", priced(3))
        .with_route("r", priced(4));
    let both = list.clone().merge(&own);
    assert_eq!(found(&both, None, "a"), Some(usd("3")));
    assert_eq!(found(&both, None, "b"), Some(usd("2")));
    assert_eq!(found(&both, Some("r"), "b"), Some(usd("4")));
    assert_eq!(found(&list, None, "a"), Some(usd("1")));
    assert_eq!(both.models().count(), 2);
}

#[test]
fn a_price_is_read_from_text_or_refused() {
    let price = Price::per_million("0.15", "0.60")
        .expect("prices")
        .context(128_000);
    assert_eq!(price.input(), usd("1.5e-7"));
    assert_eq!(price.output(), usd("6e-7"));
    assert_eq!(price.context_window(), Some(128_000));
    assert_eq!(
        Price::per_million("0.000001", "0")
            .expect("a pico-dollar")
            .input()
            .pico(),
        1
    );

    for (input, output, says) in [
        (
            "0.0000001",
            "1",
            r#"input: "0.0000001" is not allowed: expected a number without digits finer"#,
        ),
        (
            "1",
            "-1",
            r#"output: "-1" is not allowed: expected a price that is not negative"#,
        ),
        (
            "free",
            "1",
            r#"input: "free" is not allowed: expected a decimal number such as 0.15"#,
        ),
        (
            "1",
            "1e40",
            r#"output: "1e40" is not allowed: expected a number below 1e26"#,
        ),
    ] {
        let error = Price::per_million(input, output).expect_err(says);
        assert!(error.to_string().starts_with(says), "{error}");
    }
    let error = Price::FREE
        .cache_write_per_million("?")
        .expect_err("no number");
    assert_eq!(error.field(), Some("cache_write"));
}

#[test]
fn a_published_table_is_read() {
    let table = PriceTable::from_json(
        r#"{
            "sample_spec": { "input_cost_per_token": "what it costs" },
            "_about": { "date": "2026-11-23" },
            "m": {
                "litellm_provider": "x", "mode": "chat", "supports_vision": true, "sizes": [1, {"a": null}],
                "input_cost_per_token": 1.5e-07, "output_cost_per_token": "0.0000006",
                "cache_read_input_token_cost": 0.000000075, "cache_creation_input_token_cost": 2.0000000000000002e-07,
                "output_cost_per_reasoning_token": null, "max_input_tokens": 128000.0
            },
            "embedding": { "mode": "embedding", "input_cost_per_token": 2e-08 },
            "half": { "mode": "chat", "input_cost_per_token": 2e-08 },
            "picture": { "mode": "image_generation", "output_cost_per_image": 0.04 },
            "ours": { "input_cost_per_token": 0, "output_cost_per_token": 0.0 }
        }"#,
    )
    .expect("a table");
    let price = table.price(None, "m").expect("a row");
    assert_eq!(price.input(), usd("1.5e-7"));
    assert_eq!(price.output(), usd("6e-7"));
    assert_eq!(price.cached_input(), usd("7.5e-8"));
    assert_eq!(price.cache_write(), usd("2e-7"));
    assert_eq!(price.reasoning(), price.output());
    assert_eq!(table.context_window("m"), Some(128_000));
    assert_eq!(table.context_window("ours"), None);
    assert_eq!(found(&table, None, "embedding"), Some(usd("0.02")));
    assert_eq!(found(&table, None, "ours"), Some(Usd::ZERO));
    for skipped in ["sample_spec", "_about", "half", "picture"] {
        assert_eq!(table.price(None, skipped), None, "{skipped}");
    }
}

#[test]
fn digits_finer_than_a_pico_dollar_are_rounded_half_to_even_in_a_table() {
    for (text, pico) in [
        ("0.5e-12", 0),
        ("0.50000000000000000000000000000000000001e-12", 1),
        ("1.5e-12", 2),
        ("2.5e-12", 2),
        ("2.4999999999e-12", 2),
        ("1.41953125e-07", 141_953),
        ("9.499999999999999e-07", 950_000),
        ("1e-400", 0),
    ] {
        let json =
            format!(r#"{{"m": {{"input_cost_per_token": {text}, "output_cost_per_token": 0}}}}"#);
        let table = PriceTable::from_json(&json).expect("a table");
        assert_eq!(
            table.price(None, "m").map(Price::input),
            Some(Usd::from_pico(pico)),
            "{text}"
        );
    }
}

#[test]
fn a_large_request_has_the_prices_above_its_size() {
    let table = PriceTable::from_json(
        r#"{ "m": {
            "input_cost_per_token": 1e-6, "output_cost_per_token": 4e-6, "cache_read_input_token_cost": 1e-7,
            "output_cost_per_reasoning_token": 5e-6,
            "input_cost_per_token_above_200k_tokens": 2e-6, "output_cost_per_token_above_200k_tokens": 8e-6,
            "input_cost_per_token_above_500k_tokens": 3e-6,
            "input_cost_per_token_above_200k_tokens_batches": 9e-6, "cache_creation_input_token_cost_above_1hr": 9e-6
        } }"#,
    )
    .expect("a table");
    let cost = |usage: Usage| table.cost(None, "m", &usage);
    let usage = Usage {
        input: 200_000,
        cached_input: 50_000,
        output: 10,
        ..Usage::default()
    };
    assert_eq!(cost(usage), Some(usd("0.15504")));
    let usage = Usage {
        input: 200_001,
        ..usage
    };
    assert_eq!(cost(usage), Some(usd("0.305082")));
    let usage = Usage {
        input: 500_001,
        cached_input: 0,
        ..usage
    };
    // What a step does not name stays as it is below.
    assert_eq!(cost(usage), Some(usd("1.500083")));
    // Reasoning is output, and has no step of its own.
    let usage = Usage {
        reasoning: 10,
        ..usage
    };
    assert_eq!(cost(usage), Some(usd("1.500083")));
}

#[test]
fn a_bad_row_is_named_with_field_value_and_what_is_allowed() {
    let error =
        refused(r#"{"gpt-x": {"input_cost_per_token": -1e-6, "output_cost_per_token": 1}}"#);
    assert_eq!(error.model(), Some("gpt-x"));
    assert_eq!(error.field(), Some("input_cost_per_token"));
    assert_eq!(
        error.to_string(),
        "price of model \"gpt-x\": input_cost_per_token: \"-1e-6\" is not allowed: expected a price that is not negative"
    );
    let error = refused(r#"{"m": {"output_cost_per_token": true}}"#).to_string();
    assert!(
        error.contains("output_cost_per_token: \"true\" is not allowed"),
        "{error}"
    );
    let row = r#""input_cost_per_token": 0, "output_cost_per_token": 0"#;
    let error = refused(&format!(
        r#"{{"m": {{{row}, "cache_read_input_token_cost": {{}}}}}}"#
    ));
    assert_eq!(error.field(), Some("cache_read_input_token_cost"));
    let error = refused(&format!(r#"{{"m": {{{row}, "max_input_tokens": 1.5}}}}"#)).to_string();
    assert!(
        error.contains("max_input_tokens: \"1.5\" is not allowed: expected a whole number"),
        "{error}"
    );
    let error = refused(&format!(r#"{{"m": {{{row}, "max_input_tokens": -1}}}}"#));
    assert_eq!(error.field(), Some("max_input_tokens"));
    let error = refused(&format!(
        r#"{{"m": {{{row}, "input_cost_per_token_above_9k_tokens": "x"}}}}"#
    ));
    assert_eq!(error.field(), Some("input_cost_per_token_above_9k_tokens"));
    let error = refused(r#"{"m": 5}"#).to_string();
    assert_eq!(
        error,
        "price of model \"m\": 5 is not allowed: expected an object with prices"
    );
    let error = refused("{\n\"m\": {]}").to_string();
    assert!(
        error.contains("line 2") && error.contains("expected an object of models"),
        "{error}"
    );
    refused("[]");
}

#[test]
fn the_bundled_table_has_the_large_providers_and_says_its_date() {
    let table = PriceTable::bundled();
    let about: serde_json::Value =
        serde_json::from_str(include_str!("../src/price/bundled.json")).expect("JSON");
    assert_eq!(about["_about"]["date"], PriceTable::bundled_date());
    // Every row has been read.
    assert_eq!(about["_about"]["models"], table.models().count());
    for model in [
        "gpt-4o-mini",
        "openai/gpt-4o-mini-2024-07-18",
        "gpt-5-mini",
        "text-embedding-3-small",
        "claude-haiku-4-5-20251001",
        "gemini/gemini-2.5-flash",
        "mistral-large-latest",
        "deepseek-v4-flash",
        "grok-4.5",
        "command-r-plus-08-2024",
    ] {
        assert!(found(&table, None, model) > Some(Usd::ZERO), "{model}");
        assert!(table.context_window(model) > Some(2_000), "{model}");
    }
    assert_eq!(found(&table, None, "gpt-4o-mini"), Some(usd("0.15")));
    assert_eq!(found(&table, None, "gpt-4o-2024-05-13"), Some(usd("5")));
    assert_eq!(found(&table, None, "my-own-model"), None);
    // Twice the input for an hour, and a cent a search; and above a size of the input as well.
    let of = |model| table.price(None, model).expect("a price");
    let (sonnet, haiku) = (of("claude-sonnet-4-5"), of("claude-haiku-5-5"));
    assert_eq!(sonnet.cache_write_1h(), Some(usd("6e-6")));
    assert_eq!(sonnet.search(), Some(usd("0.01")));
    let large = Usage {
        input: 200_000,
        cache_write: 200_000,
        cache_write_1h: 200_000,
        ..Usage::default()
    };
    assert_eq!(haiku.cost(&large), usd("0.2"));
    assert_eq!(of("claude-haiku-4-5").search(), None);
    for (model, price) in table.models() {
        // A slip of the comma shows here: 300 dollars a million is more than any list has.
        assert!(
            price.input() > Usd::ZERO && price.output() <= usd("3e-4"),
            "{model}"
        );
        assert!(
            price.input() <= usd("1e-4") && price.cached_input() <= price.input(),
            "{model}"
        );
    }
}

#[test]
fn a_search_has_the_price_of_its_usual_size() {
    let table = |size: &str| {
        let sizes = format!(r#"{{"search_context_size_low": 0.03, {size}}}"#);
        let row = format!(
            r#"{{"m": {{"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "search_context_cost_per_query": {sizes}}}}}"#
        );
        PriceTable::from_json(&row)
    };
    let search = |size| table(size).unwrap().price(None, "m").unwrap().search();
    assert_eq!(
        search(r#""search_context_size_medium": 0.035"#),
        Some(usd("0.035"))
    );
    assert_eq!(search(r#""search_context_size_high": 0.05"#), None);
    let bad = table(r#""search_context_size_medium": -1"#).unwrap_err();
    assert!(
        bad.to_string().contains("search_context_size_medium"),
        "{bad}"
    );
}

#[test]
fn a_table_is_cheap_to_show() {
    let shown = format!("{:?}", PriceTable::new().with_model("m", Price::FREE));
    assert_eq!(shown, "PriceTable { models: 1, routes: 0 }");
}

/// Tokens where no part exceeds its whole.
fn usage() -> impl Strategy<Value = Usage> {
    let part = 0..10_u64.pow(9);
    (part.clone(), part.clone(), part.clone(), part.clone(), part).prop_map(
        |(plain, cached_input, cache_write, shown, reasoning)| Usage {
            input: plain + cached_input + cache_write,
            cached_input,
            cache_write,
            output: shown + reasoning,
            reasoning,
            ..Usage::default()
        },
    )
}

/// Millionths of a dollar for a million tokens: pico-dollars a token.
fn text(pico: u64) -> String {
    format!("{}.{:06}", pico / 1_000_000, pico % 1_000_000)
}

prop_compose! {
    fn price()(pico in prop::array::uniform5(0..10_u64.pow(9))) -> (Price, [u64; 5]) {
        let [input, cached, write, output, reasoning] = pico.map(text);
        let price = Price::per_million(&input, &output)
            .and_then(|p| p.cached_input_per_million(&cached))
            .and_then(|p| p.cache_write_per_million(&write))
            .and_then(|p| p.reasoning_per_million(&reasoning));
        (price.expect("prices"), pico)
    }
}

proptest! {
    #[test]
    fn cost_is_the_exact_sum((price, pico) in price(), usage in usage()) {
        let [input, cached, write, output, reasoning] = pico.map(u128::from);
        let of = |tokens: u64, price: u128| u128::from(tokens) * price;
        let plain = usage.input - usage.cached_input - usage.cache_write;
        let exact = of(plain, input)
            + of(usage.cached_input, cached)
            + of(usage.cache_write, write)
            + of(usage.output - usage.reasoning, output)
            + of(usage.reasoning, reasoning);
        prop_assert_eq!(price.cost(&usage).pico() as u128, exact);
    }

    #[test]
    fn cost_is_additive_in_tokens((price, _) in price(), a in usage(), b in usage()) {
        prop_assert_eq!(price.cost(&(a + b)), price.cost(&a) + price.cost(&b));
    }

    #[test]
    fn cost_never_falls_when_tokens_are_added((price, _) in price(), a in usage(), b in usage()) {
        prop_assert!(price.cost(&(a + b)) >= price.cost(&a));
    }

    #[test]
    fn paid_and_saved_make_the_baseline((cheap, _) in price(), (dear, _) in price(), usage in prop::collection::vec(usage(), 0..5)) {
        let table = PriceTable::new().with_route("cheap", cheap).with_model("dear", dear);
        let sum = |route, model| usage.iter().map(|u| table.cost(route, model, u).expect("known")).sum::<Usd>();
        let (paid, baseline) = (sum(Some("cheap"), "small"), sum(None, "dear"));
        let saved = baseline - paid;
        prop_assert_eq!(paid + saved, baseline);
    }

    #[test]
    fn any_table_is_read_or_refused_without_a_panic(text in ".{0,60}", value in "[-+0-9.eE\"a]{0,12}") {
        let _ = PriceTable::from_json(&text);
        let _ = PriceTable::from_json(&format!(r#"{{"m": {{"input_cost_per_token": {value}, "output_cost_per_token": 1, "max_input_tokens": {value}}}}}"#));
    }

    #[test]
    fn any_name_is_looked_for_without_a_panic(model in "\\PC{0,12}[-@/]?[0-9-]{0,11}") {
        let _ = PriceTable::bundled().price(Some(&model), &model);
    }
}
