//! Figures for people.
use std::fmt::Write;

use obs_learn::{Comparison, Estimate};

/// Contenders, one a line.
pub(super) fn table(title: &str, of: &Comparison) -> String {
    let mut out = format!(
        "{title:34} {:>22} {:>20} {:>20} {:>20}\n",
        "APGR", "CPT(20)", "CPT(50)", "CPT(80)"
    );
    for contender in &of.contenders {
        let figures = &contender.figures;
        let _ = writeln!(
            out,
            "{:34} {:>22} {:>20} {:>20} {:>20}",
            figures.name,
            plain(&figures.apgr),
            percent(&figures.cpt20),
            percent(&figures.cpt50),
            percent(&figures.cpt80)
        );
    }
    out
}

fn plain(of: &Estimate) -> String {
    format!("{:.3} ({:.3} to {:.3})", of.value, of.low, of.high)
}

fn percent(of: &Estimate) -> String {
    let [value, low, high] = [of.value, of.low, of.high].map(|share| share * 100.0);
    format!("{value:.0} % ({low:.0} to {high:.0})")
}
