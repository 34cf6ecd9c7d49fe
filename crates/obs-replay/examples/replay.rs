//! A log, replayed without the gateway: `cargo run -p obs-replay --release --example replay -- LOG CHEAP PREMIUM`, with two models of the
//! bundled list of prices.
use std::{error::Error, time::Duration};

use obs_cache::{BoxStore, CacheLayer, Memory};
use obs_core::PriceTable;
use obs_metrics::Metrics;
use obs_replay::{
    Layers, Progress, VirtualTime,
    log::{ByRecord, Log, Report},
};
use obs_router::{Complexity, Route, RouterLayer};
use obs_timeout::TimeoutLayer;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [log, cheap, premium] = &args[..] else {
        return Err("name a log, a cheap model and a premium one".into());
    };
    let routes = [("cheap", cheap.as_str()), ("premium", premium)];
    let bar = Progress::new("reading");
    let survey = Log::new(log, routes).survey(&mut |done, total| bar.set(done, total))?;
    drop(bar);

    let quiet = Metrics::disabled();
    let time = VirtualTime::starting(survey.facts.first);
    let rules = ByRecord::new(Complexity::new(), 0.5);
    let routed = routes.map(|(name, model)| Route::new(name).model(model));
    let layers = Layers {
        timeout: Some(TimeoutLayer::new(Duration::from_secs(300)).metrics(&quiet)),
        cache: Some(
            CacheLayer::new(BoxStore::new(Memory::new(256 << 20)))
                .clock(time.clock())
                .metrics(&quiet),
        ),
        router: Some(RouterLayer::new(rules, routed).metrics(&quiet)),
        attempt: None,
        prices: PriceTable::bundled(),
        routes: routes.map(|(name, _)| name.into()).to_vec(),
        time,
    };
    let bar = Progress::new("replaying");
    let replayed = survey.replay(&layers, 1, &mut |done, total| bar.set(done, total))?;
    drop(bar);
    print!("{}", Report::new(survey.facts.clone(), replayed, []).text());
    Ok(())
}
