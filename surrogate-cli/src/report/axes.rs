//! Axes and panels: ranges, ticks, labels, and series drawn into them.

use super::style::{
    Area, DrawError, GRID, INK, Mark, SCALE, TEXT, TICK, ipx, power_of_ten, px, text,
};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};
use std::ops::Range;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// How the ticks of an axis are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ticks {
    /// The coordinate itself.
    Linear,
    /// The coordinate is a log10: powers of ten.
    Log10,
}

/// One axis: label with unit, range, ticks.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Label with unit; empty for none.
    pub label: String,
    /// Range of the coordinate.
    pub range: Range<f64>,
    /// How ticks are written.
    pub ticks: Ticks,
}

/// One named series.
#[derive(Debug, Clone)]
pub struct Series {
    /// Its points; non-finite ones leave a gap.
    pub points: Vec<(f64, f64)>,
    /// Colour.
    pub color: RGBColor,
    /// Line or circles.
    pub mark: Mark,
}

/// Tick positions, about `wanted` of them inside the range: steps of 1, 2 or 5 times a power of ten; on a logarithmic axis whole
/// decades, and 2 and 5 times powers of ten where fewer than two decades are shown.
pub fn tick_positions(axis: &Axis, wanted: usize) -> Vec<f64> {
    let (start, end) = (axis.range.start, axis.range.end);
    let span = end - start;
    if !span.is_finite() || span <= 0.0 {
        return Vec::new();
    }
    if axis.ticks == Ticks::Log10 && span < 2.0 {
        let decades = start.floor() as i64..=end.floor() as i64;
        let marks = decades.flat_map(|d| [0.0, 2f64.log10(), 5f64.log10()].map(|m| d as f64 + m));
        return marks.filter(|m| (start..=end).contains(m)).collect();
    }
    let rough = span / wanted.max(1) as f64;
    let decade = 10f64.powf(rough.log10().floor());
    let multiples: &[f64] = if axis.ticks == Ticks::Log10 {
        &[1.0, 2.0, 4.0, 5.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    let mut step = multiples
        .iter()
        .map(|m| m * decade)
        .find(|s| *s >= rough * 0.999)
        .unwrap_or(10.0 * decade);
    if axis.ticks == Ticks::Log10 {
        step = step.max(1.0).round();
    }
    let first = (start / step - 1e-9).ceil() as i64;
    let last = (end / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

fn tick_label(axis: &Axis, ticks: &[f64], value: f64) -> String {
    match axis.ticks {
        Ticks::Log10 => {
            let decade = (value + 1e-9).floor();
            let mantissa = 10f64.powf(value - decade).round();
            let power = power_of_ten(decade as i64);
            if mantissa > 1.5 {
                format!("{mantissa}×{power}")
            } else {
                power
            }
        }
        Ticks::Linear => {
            let step = if ticks.len() > 1 {
                ticks[1] - ticks[0]
            } else {
                1.0
            };
            let decimals = (-(step.log10().floor())).clamp(0.0, 6.0) as usize;
            format!("{value:.decimals$}").replace('-', "−")
        }
    }
}

/// Draws grid, axes, ticks and labels of a panel and returns the chart to draw series into.
pub fn axes<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    x: &Axis,
    y: &Axis,
) -> Result<Chart<'a, 'b>, DrawError> {
    let (width, height) = area.dim_in_pixel();
    // The same margins with and without labels, so that panels of a grid line up.
    let left = px(62);
    let bottom = px(42);
    let top = px(if title.is_empty() { 8 } else { 24 });
    let right = px(12);
    let mut chart = ChartBuilder::on(area)
        .margin_left(left)
        .margin_bottom(bottom)
        .margin_top(top)
        .margin_right(right)
        .build_cartesian_2d(x.range.clone(), y.range.clone())?;
    let (plot_w, plot_h) = (
        f64::from(width - left - right),
        f64::from(height - top - bottom),
    );
    let x_ticks = tick_positions(x, (plot_w / f64::from(px(58))).floor().max(2.0) as usize);
    let y_ticks = tick_positions(y, (plot_h / f64::from(px(30))).floor().max(2.0) as usize);
    chart.draw_series(x_ticks.iter().map(|t| {
        PathElement::new(
            vec![(*t, y.range.start), (*t, y.range.end)],
            GRID.stroke_width(SCALE),
        )
    }))?;
    chart.draw_series(y_ticks.iter().map(|t| {
        PathElement::new(
            vec![(x.range.start, *t), (x.range.end, *t)],
            GRID.stroke_width(SCALE),
        )
    }))?;
    let (l, r, t, b) = (
        left as i32,
        (width - right) as i32,
        top as i32,
        (height - bottom) as i32,
    );
    for tick in &x_ticks {
        let (at, _) = chart.backend_coord(&(*tick, y.range.start));
        let at = at - area.get_base_pixel().0;
        area.draw(&PathElement::new(
            vec![(at, b), (at, b + ipx(4))],
            INK.stroke_width(SCALE),
        ))?;
        area.draw(&Text::new(
            tick_label(x, &x_ticks, *tick),
            (at, b + ipx(6)),
            text(TICK, INK, HPos::Center, VPos::Top),
        ))?;
    }
    for tick in &y_ticks {
        let (_, at) = chart.backend_coord(&(x.range.start, *tick));
        let at = at - area.get_base_pixel().1;
        area.draw(&PathElement::new(
            vec![(l - ipx(4), at), (l, at)],
            INK.stroke_width(SCALE),
        ))?;
        area.draw(&Text::new(
            tick_label(y, &y_ticks, *tick),
            (l - ipx(7), at),
            text(TICK, INK, HPos::Right, VPos::Center),
        ))?;
    }
    area.draw(&PathElement::new(
        vec![(l, t), (l, b), (r, b)],
        INK.stroke_width(SCALE),
    ))?;
    if !title.is_empty() {
        area.draw(&Text::new(
            title.to_owned(),
            (l, ipx(6)),
            text(TEXT, INK, HPos::Left, VPos::Top),
        ))?;
    }
    if !x.label.is_empty() {
        let at = ((l + r) / 2, b + ipx(24));
        area.draw(&Text::new(
            x.label.clone(),
            at,
            text(TEXT - 1, INK, HPos::Center, VPos::Top),
        ))?;
    }
    if !y.label.is_empty() {
        let style = text(TEXT - 1, INK, HPos::Center, VPos::Top)
            .transform(plotters::style::FontTransform::Rotate270);
        area.draw(&Text::new(y.label.clone(), (ipx(2), (t + b) / 2), style))?;
    }
    Ok(chart)
}

/// Draws one panel: axes and series in the given order, later ones on top.
pub fn panel(
    area: &Area<'_>,
    title: &str,
    x: &Axis,
    y: &Axis,
    series: &[Series],
) -> Result<(), DrawError> {
    let mut chart = axes(area, title, x, y)?;
    for s in series {
        match s.mark {
            Mark::Line(width) => {
                for segment in s.points.split(|p| !p.0.is_finite() || !p.1.is_finite()) {
                    if segment.len() > 1 {
                        chart.draw_series(std::iter::once(PathElement::new(
                            segment.to_vec(),
                            s.color.stroke_width(width),
                        )))?;
                    }
                }
            }
            Mark::Circles(radius) => {
                chart.draw_series(
                    s.points
                        .iter()
                        .filter(|p| p.0.is_finite() && p.1.is_finite())
                        .map(|p| Circle::new(*p, radius, s.color.stroke_width(SCALE))),
                )?;
            }
        }
    }
    Ok(())
}

/// The smallest range that holds all finite values, widened by a margin; `fallback` where there are none.
pub fn range_of(
    values: impl IntoIterator<Item = f64>,
    margin: f64,
    fallback: Range<f64>,
) -> Range<f64> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for v in values.into_iter().filter(|v| v.is_finite()) {
        low = low.min(v);
        high = high.max(v);
    }
    if low > high {
        return fallback;
    }
    let pad = ((high - low) * margin).max(1e-3 * high.abs().max(1e-3));
    low - pad..high + pad
}

/// log10 of times in years.
pub fn log_times(times: &[f64]) -> Vec<f64> {
    times.iter().map(|t| t.log10()).collect()
}
