//! A plot of a run's rates, drawn from the run's own figures.

use std::path::Path;

use anyhow::anyhow;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::table::{Rounds, thousands};

/// Width of the plot, in pixels.
const WIDTH: u32 = 960;
/// Height of one bar with its label, in pixels.
const ROW: u32 = 44;
/// Height of the scale below the bars, in pixels.
const SCALE: u32 = 36;
/// Colour of the bars: readable on light and on dark pages.
const BAR: RGBColor = RGBColor(70, 130, 200);
/// Colour of texts and lines, likewise.
const INK: RGBColor = RGBColor(110, 118, 129);

/// Draws one bar for each rate: the median of all rounds, with a line from the least to the most.
pub fn draw(rates: &[(String, Rounds)], file: &Path) -> anyhow::Result<()> {
    bars(rates, file).map_err(|error| anyhow!("{}: {error}", file.display()))
}

fn bars(rates: &[(String, Rounds)], file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let most = rates.iter().map(|(_, rounds)| rounds.most()).fold(0.0, f64::max);
    if most <= 0.0 {
        return Err("this run measured no rates".into());
    }
    let count = u32::try_from(rates.len())?;
    let area = SVGBackend::new(file, (WIDTH, count * ROW + SCALE)).into_drawing_area();
    // Room for the longest figure beside the longest bar.
    let mut chart = ChartBuilder::on(&area)
        .margin_left(8)
        .margin_right(24)
        .x_label_area_size(SCALE)
        .build_cartesian_2d(0.0..most * 1.12, f64::from(count)..0.0)?;
    chart
        .configure_mesh()
        .disable_y_axis()
        .disable_y_mesh()
        .x_labels(6)
        .x_label_formatter(&|rate| format!("{}/s", thousands(*rate)))
        .label_style(("sans-serif", 13).into_font().color(&INK))
        .axis_style(INK)
        .bold_line_style(INK.mix(0.25))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let text = ("sans-serif", 14).into_font().color(&INK);
    let beside = text.pos(Pos::new(HPos::Left, VPos::Center));
    for (row, (what, rounds)) in (0_u32..).zip(rates) {
        let (top, rate) = (f64::from(row), rounds.median());
        chart
            .draw_series([Rectangle::new([(0.0, top + 0.45), (rate, top + 0.9)], BAR.filled())])?;
        let line = [(rounds.least(), top + 0.675), (rounds.most(), top + 0.675)];
        chart.draw_series([PathElement::new(line, INK.stroke_width(2))])?;
        chart.draw_series([Text::new(what.clone(), (0.0, top + 0.12), text.clone())])?;
        let after = rounds.most() + most * 0.008;
        chart.draw_series([Text::new(rounds.as_rate(), (after, top + 0.675), beside.clone())])?;
    }
    area.present()?;
    Ok(())
}
