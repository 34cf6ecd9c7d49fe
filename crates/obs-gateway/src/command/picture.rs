//! The curve of cost and quality, as a picture.
use std::{fs, path::Path};

use obs_learn::{Curve, GRID};
use plotters::prelude::*;

use super::Failure;

const SIZE: (u32, u32) = (860, 560);
/// Of Okabe and Ito, that people with any sight can tell apart.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
];

/// Draws curves beside that of a random order, into an SVG file, or a page around it where the name ends with `.html`.
pub(super) fn draw(to: &Path, title: &str, curves: &[(&str, &Curve)]) -> Result<(), Failure> {
    let bad = |problem: String| Failure::new(format!("{}: {problem}", to.display()));
    let mut svg = String::new();
    plot(&mut svg, title, curves).map_err(|error| bad(error.to_string()))?;
    if to.extension().is_some_and(|extension| extension == "html") {
        svg = format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\n<body>{svg}</body></html>\n"
        );
    }
    fs::write(to, svg).map_err(|error| bad(error.to_string()))
}

fn plot(
    svg: &mut String,
    title: &str,
    curves: &[(&str, &Curve)],
) -> Result<(), Box<dyn std::error::Error>> {
    let points = |curve: &Curve| -> Vec<(f64, f64)> {
        let at = (0..=GRID).map(|step| step as f64 / GRID as f64);
        let points = at.map(|share| (100.0 * share, 100.0 * curve.recovered(share)));
        points.filter(|(_, y)| y.is_finite()).collect()
    };
    let all: Vec<_> = curves.iter().map(|(_, curve)| points(curve)).collect();
    let highest = all
        .iter()
        .flatten()
        .fold(100.0, |most: f64, (_, y)| most.max(*y));
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..100.0, 0.0..highest * 1.05)?;
    chart
        .configure_mesh()
        .x_desc("calls of the premium route, %")
        .y_desc("quality recovered, % of the gap between the routes")
        .light_line_style(WHITE)
        .draw()?;
    let random = RGBColor(120, 120, 120);
    let diagonal = vec![(0.0, 0.0), (100.0, 100.0)];
    let named = curves.iter().map(|(name, _)| *name).zip(all);
    let lines = named.zip(COLOURS.iter().cycle().copied());
    for ((name, points), colour) in lines.chain([(("random", diagonal), random)]) {
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 13))
        .draw()?;
    area.present()?;
    Ok(())
}
