//! The table.
use crate::{replay::Score, trace::Trace};

/// Each policy, and the learned ones beside the fixed time that is as good in one way.
pub(crate) fn print(what: &str, trace: &Trace, fixed: &[(f64, Score)], learned: &[(f64, Score)]) {
    let calls = trace.calls.len();
    println!("\n## {}, {calls} calls; {what}\n", trace.name);
    println!("| fixed time to live | hit rate | outdated hits |");
    println!("|---:|---:|---:|");
    for (ttl, score) in fixed {
        let (hits, outdated) = figures(score);
        println!("| {ttl:.1} s | {hits:.2} % | {outdated:.2} % |");
    }
    println!(
        "\n| learned, target | hit rate | outdated hits | hit rate of a fixed time with as many outdated | outdated of a fixed \
         time with as many hits |"
    );
    println!("|---:|---:|---:|---:|---:|");
    let curve: Vec<_> = fixed.iter().map(|(_, score)| figures(score)).collect();
    for (target, score) in learned {
        let (hits, outdated) = figures(score);
        let same_outdated = at(
            curve.iter().map(|(hits, outdated)| (*outdated, *hits)),
            outdated,
        );
        let same_hits = at(curve.iter().copied(), hits);
        println!(
            "| {:.1} % | {hits:.2} % | {outdated:.2} % | {} | {} |",
            target * 100.0,
            beside(same_outdated, hits),
            beside(same_hits, outdated),
        );
    }
    println!();
    if let Some((target, score)) = learned.iter().find(|(target, _)| *target == 0.02) {
        println!(
            "What was learned in the end, for {:.0} %:\n",
            target * 100.0
        );
        for ttl in &score.ttls {
            println!("- {ttl}");
        }
    }
}

fn figures(score: &Score) -> (f64, f64) {
    (score.hit_rate() * 100.0, score.share_outdated() * 100.0)
}

/// The value of a rising curve at this place, between the nearest two points; `None` outside of it.
fn at(curve: impl Iterator<Item = (f64, f64)>, place: f64) -> Option<f64> {
    let points: Vec<_> = curve.collect();
    points.windows(2).find_map(|pair| {
        let [(x, y), (next_x, next_y)] = pair else {
            return None;
        };
        let part = (place - x) / (next_x - x);
        (0.0..=1.0).contains(&part).then(|| y + part * (next_y - y))
    })
}

fn beside(fixed: Option<f64>, learned: f64) -> String {
    fixed.map_or_else(
        || "none".to_owned(),
        |fixed| format!("{fixed:.2} % ({:+.2})", learned - fixed),
    )
}
