//! The proof as tables.
use std::fmt::Write;

use super::{Curve, LIFETIMES, Proof, Row, TARGETS, samples::Interval};

pub(super) fn of(proof: &Proof) -> String {
    let mut text = String::new();
    for sentence in &proof.about {
        let _ = writeln!(text, "- {sentence}");
    }
    summary(&mut text, proof);
    for mix in &proof.mixes {
        let _ = writeln!(
            text,
            "\n### {:.0} % exact repeats\n\n| policy | paid | saved | saved at today's prices | quality kept | right | strong calls | hits | \
             p50 | p99 |\n|---|---|---|---|---|---|---|---|---|---|",
            mix.repeats * 100.0
        );
        mix.rows.iter().for_each(|of| row(&mut text, of));
    }
    let _ = writeln!(
        text,
        "\n### What the layers' own accounts say\n\nA hit saves what the stored answer had cost. Where a router had made that little, the \
         difference to the strong answer stands in nobody's account, as does the difference in length between a weak answer and the strong \
         one; both are in the last column, and in the saving above.\n\n| repeats | policy | always premium | paid | by cache | by router | by \
         cascade | besides |\n|---|---|---|---|---|---|---|---|"
    );
    for mix in &proof.mixes {
        for of in mix.rows.iter().filter(|of| of.hit_rate.is_some()) {
            let _ = writeln!(
                text,
                "| {:.0} % | {} | {:.4} | {:.4} | {:.4} | {:.4} | {:.4} | {:.4} |",
                mix.repeats * 100.0,
                of.name,
                of.baseline,
                of.paid,
                of.by_cache,
                of.by_router,
                of.by_cascade,
                of.besides
            );
        }
    }
    reached(&mut text, proof);
    lifetimes(&mut text, proof);
    text
}

/// The figures that answer what is usually claimed.
fn summary(text: &mut String, proof: &Proof) {
    let kept = |family: &str, target: f64| {
        let curve = proof
            .curves
            .iter()
            .find(|of| of.family == family && of.repeats.is_none())?;
        let reached = curve.reached.iter().find(|of| of.target == target)?;
        reached.figures.map(|of| percent(of.kept))
    };
    let told = |of: Option<String>| of.unwrap_or_else(|| "(not reached)".into());
    let by_mix = |name: &str, of: fn(&Row) -> String| {
        let rows = proof.mixes.iter().filter_map(|mix| {
            let row = mix.rows.iter().find(|row| row.name == name)?;
            Some(format!(
                "{} at {:.0} % repeats",
                of(row),
                mix.repeats * 100.0
            ))
        });
        rows.collect::<Vec<_>>().join(", ")
    };
    let _ = writeln!(
        text,
        "\n### In short\n\n- Routing by the prompt alone that saves 30 % keeps this part of the quality gap: {} with a model that knows the \
         groups, {} where it does not, {} by the prompt's length, {} by chance.\n- Caching alone saves {}.\n- Both (learned, rows held out, \
         for 90 %) save {}.\n- A cascade with a judge of 80 % / 10 % behind a cache saves {}; and keeps {}.",
        told(kept("learned, rows held out", 0.3)),
        told(kept("learned, groups held out", 0.3)),
        told(kept("prompt length", 0.3)),
        told(kept("by chance", 0.3)),
        by_mix("cache alone", |of| percent(of.figures.saving[0])),
        by_mix("cache, learned (rows) for 90 %", |of| percent(
            of.figures.saving[0]
        )),
        by_mix("cache, cascade 80 % / 10 %", |of| percent(
            of.figures.saving[0]
        )),
        by_mix("cache, cascade 80 % / 10 %", |of| percent(of.figures.kept)),
    );
}

fn row(text: &mut String, of: &Row) {
    let hits = of
        .hit_rate
        .map_or("".into(), |rate| format!("{:.1} %", rate * 100.0));
    let _ = writeln!(
        text,
        "| {} | {:.3} | {} | {} | {} | {} | {:.0} % | {hits} | {:.2} s | {:.2} s |",
        of.name,
        of.paid,
        percent(of.figures.saving[0]),
        percent(of.figures.saving[1]),
        percent(of.figures.kept),
        percent(of.figures.right),
        of.premium * 100.0,
        of.p50_ms as f64 / 1e3,
        of.p99_ms as f64 / 1e3,
    );
}

fn reached(text: &mut String, proof: &Proof) {
    for (at, target) in TARGETS.iter().enumerate() {
        let _ = writeln!(
            text,
            "\n### Where {:.0} % is saved, this part of the quality gap is kept\n\nEach family has its threshold set so that it saves just so \
             much, at the prices of the data set; more than 100 % is better than always premium. A cascade that saves more by itself sends \
             calls straight to premium, as its model foresees, until it saves no more than that: by itself it does what the tables above \
             say.\n",
            target * 100.0
        );
        let settings = settings(proof);
        let heads = settings.iter().map(|of| match of {
            Some(repeats) => format!(" cache, {:.0} % repeats |", repeats * 100.0),
            None => " no cache |".into(),
        });
        let _ = writeln!(text, "| family |{}", heads.collect::<String>());
        let _ = writeln!(text, "|---|{}", "---|".repeat(settings.len()));
        for family in families(proof) {
            let cells = settings.iter().map(|setting| {
                let curve = proof
                    .curves
                    .iter()
                    .find(|of| of.family == family && of.repeats == *setting);
                let figures = curve.and_then(|of: &Curve| of.reached[at].figures);
                match figures {
                    Some(figures) => format!(" {} |", percent(figures.kept)),
                    None => " not reached |".into(),
                }
            });
            let _ = writeln!(text, "| {family} |{}", cells.collect::<String>());
        }
    }
}

fn lifetimes(text: &mut String, proof: &Proof) {
    let _ = writeln!(
        text,
        "\n### What a lifetime of answers does\n\nThe cache alone. The trace is an hour long: a lifetime of an hour loses nothing here.\n"
    );
    let heads = LIFETIMES.map(|seconds| format!(" hits at {} min |", seconds / 60));
    let _ = writeln!(
        text,
        "| repeats | of | median gap | 90 % within |{}",
        heads.concat()
    );
    let _ = writeln!(text, "|---|---|---|---|{}", "---|".repeat(LIFETIMES.len()));
    for of in &proof.lifetimes {
        let hits = of
            .hits
            .iter()
            .map(|hits| format!(" {:.1} % |", hits * 100.0));
        let _ = writeln!(
            text,
            "| {:.0} % | {} | {:.0} s | {:.0} s |{}",
            of.repeats * 100.0,
            of.law,
            of.median_gap,
            of.p90_gap,
            hits.collect::<String>()
        );
    }
}

fn settings(proof: &Proof) -> Vec<Option<f64>> {
    let mut all = Vec::new();
    for of in &proof.curves {
        if !all.contains(&of.repeats) {
            all.push(of.repeats);
        }
    }
    // Without a cache first.
    all.rotate_right(1);
    all
}

fn families(proof: &Proof) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for of in &proof.curves {
        if !all.contains(&&*of.family) {
            all.push(&of.family);
        }
    }
    all
}

fn percent(of: Interval) -> String {
    let [value, low, high] = [of.value, of.low, of.high].map(|part| {
        let percent = part * 100.0;
        // No minus before a zero.
        if percent.abs() < 0.05 { 0.0 } else { percent }
    });
    match (high - low).abs() < 1e-6 {
        true => format!("{value:.1} %"),
        false => format!("{value:.1} % ({low:.1} to {high:.1})"),
    }
}
