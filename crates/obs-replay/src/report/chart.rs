//! Pictures.
use plotters::prelude::*;

/// Lines over a common axis.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) across: String,
    pub(crate) up: String,
    pub(crate) lines: Vec<Line>,
}

/// A line, and its name.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Eight that people with any sight can tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(120, 120, 120),
];
const SIZE: (u32, u32) = (860, 520);

impl Chart {
    /// As SVG, to stand in a page. `None`: there is nothing to be drawn.
    pub(crate) fn svg(&self) -> Option<String> {
        let mut svg = String::new();
        self.draw(&mut svg)?;
        Some(svg)
    }

    /// Drawing into a text does not fail; a picture that does is left out.
    fn draw(&self, svg: &mut String) -> Option<()> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let finite = || points().filter(|(x, y)| x.is_finite() && y.is_finite());
        let x = around(finite().map(|(x, _)| *x))?;
        let y = around(finite().map(|(_, y)| *y))?;
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        area.fill(&WHITE).ok()?;
        let mut chart = ChartBuilder::on(&area)
            .caption(&self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(60)
            .build_cartesian_2d(x.0..x.1, y.0..y.1)
            .ok()?;
        chart
            .configure_mesh()
            .x_desc(&self.across)
            .y_desc(&self.up)
            .light_line_style(WHITE)
            .draw()
            .ok()?;
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let points = line.points.iter().copied();
            let points: Vec<_> = points
                .filter(|(x, y)| x.is_finite() && y.is_finite())
                .collect();
            chart
                .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))
                .ok()?
                .label(&line.name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                });
            let dots = points
                .into_iter()
                .map(|at| Circle::new(at, 3, colour.filled()));
            chart.draw_series(dots).ok()?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font(("sans-serif", 13))
            .draw()
            .ok()?;
        area.present().ok()
    }
}

/// The range of values, with some room.
fn around(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), of| {
        (low.min(of), high.max(of))
    });
    let room = ((high - low) * 0.05).max(0.5);
    (low <= high).then_some((low - room, high + room))
}
