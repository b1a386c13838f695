//! Figure: distribution of the relative error of every species, with the published means and the interpolation's.

use super::axes::{Axis, Ticks, range_of, tick_positions};
use super::data::{Quantiles, ReportData};
use super::style::{
    Area, BLUE, DrawError, GREEN, INK, LegendEntry, Mark, SCALE, TEXT, TICK, VERMILION, figure,
    ipx, legend, power_of_ten, px, species, text,
};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

const ROW: i32 = 24;
const LEFT: i32 = 70;
const RIGHT: i32 = 16;
const WIDTH: i32 = 960;

/// A row per species: boxes of the rollout and of decoder ∘ encoder, marks for the paper and the interpolation.
pub fn draw(data: &ReportData) -> Result<String, DrawError> {
    let rows = data.rollout_quantiles.len() as i32;
    let (top, bottom) = (38, 42);
    let height = top + ROW * rows + bottom;
    let marks = data
        .verdict
        .iter()
        .flat_map(|v| [v.paper.map(|s| s.mean), v.interpolation.map(|s| s.mean)])
        .flatten();
    let quantiles = data
        .rollout_quantiles
        .iter()
        .chain(&data.autoencoder_quantiles)
        .flatten()
        .copied();
    let axis = Axis {
        label: String::new(),
        range: range_of(quantiles.chain(marks), 0.03, -4.0..1.0),
        ticks: Ticks::Log10,
    };
    let at = |v: f64| -> i32 {
        let span = axis.range.end - axis.range.start;
        let width = f64::from(ipx(WIDTH - LEFT - RIGHT));
        ipx(LEFT) + ((v - axis.range.start) / span * width).round() as i32
    };
    figure(WIDTH as u32, height as u32, |area| {
        legend(
            area,
            LEFT,
            16,
            &[
                LegendEntry {
                    label: "rollout (5, 25, 50, 75, 95 %)".into(),
                    color: VERMILION,
                    mark: Mark::Line(24),
                },
                LegendEntry {
                    label: "autoencoder (the same)".into(),
                    color: BLUE,
                    mark: Mark::Line(24),
                },
            ],
        )?;
        let mut x = LEFT + 480;
        for (label, color, shape) in [
            ("interpolation, mean", GREEN, Shape::Cross),
            ("Grassi et al. 2021, mean", INK, Shape::Diamond),
        ] {
            mark(area, (ipx(x), ipx(16)), shape, color)?;
            area.draw(&Text::new(
                label,
                (ipx(x + 12), ipx(16)),
                text(TEXT - 1, INK, HPos::Left, VPos::Center),
            ))?;
            x += 190;
        }
        for tick in tick_positions(&axis, 10) {
            let line = vec![(at(tick), ipx(top)), (at(tick), ipx(top + ROW * rows))];
            area.draw(&PathElement::new(
                line,
                super::style::GRID.stroke_width(SCALE),
            ))?;
            area.draw(&Text::new(
                power_of_ten(tick.round() as i64),
                (at(tick), ipx(top + ROW * rows + 6)),
                text(TICK, INK, HPos::Center, VPos::Top),
            ))?;
        }
        for (i, verdict) in data.verdict.iter().enumerate() {
            let middle = top + ROW * i as i32 + ROW / 2;
            area.draw(&Text::new(
                species(&verdict.species),
                (ipx(LEFT - 8), ipx(middle)),
                text(TEXT - 1, INK, HPos::Right, VPos::Center),
            ))?;
            if let Some(q) = data.rollout_quantiles.get(i) {
                bar(area, q, &at, middle - 5, VERMILION)?;
            }
            if let Some(q) = data.autoencoder_quantiles.get(i) {
                bar(area, q, &at, middle + 5, BLUE)?;
            }
            if let Some(score) = verdict.interpolation {
                mark(area, (at(score.mean), ipx(middle)), Shape::Cross, GREEN)?;
            }
            if let Some(score) = verdict.paper {
                mark(area, (at(score.mean), ipx(middle)), Shape::Diamond, INK)?;
            }
        }
        let base = vec![
            (ipx(LEFT), ipx(top)),
            (ipx(LEFT), ipx(top + ROW * rows)),
            (ipx(WIDTH - RIGHT), ipx(top + ROW * rows)),
        ];
        area.draw(&PathElement::new(base, INK.stroke_width(SCALE)))?;
        area.draw(&Text::new(
            "relative error Δr = |n̂ − n| / n",
            (ipx((LEFT + WIDTH - RIGHT) / 2), ipx(top + ROW * rows + 24)),
            text(TEXT - 1, INK, HPos::Center, VPos::Top),
        ))
    })
}

fn bar(
    area: &Area<'_>,
    q: &Quantiles,
    at: &impl Fn(f64) -> i32,
    y: i32,
    color: RGBColor,
) -> Result<(), DrawError> {
    if q.iter().any(|v| !v.is_finite()) {
        return Ok(());
    }
    let [q05, q25, q50, q75, q95] = q.map(at);
    area.draw(&PathElement::new(
        vec![(q05, ipx(y)), (q95, ipx(y))],
        color.stroke_width(SCALE),
    ))?;
    area.draw(&Rectangle::new(
        [(q25, ipx(y - 4)), (q75, ipx(y + 4))],
        color.mix(0.75).filled(),
    ))?;
    area.draw(&Rectangle::new(
        [
            (q50 - px(1) as i32, ipx(y - 4)),
            (q50 + px(1) as i32, ipx(y + 4)),
        ],
        WHITE.filled(),
    ))
}

#[derive(Clone, Copy)]
enum Shape {
    Cross,
    Diamond,
}

fn mark(
    area: &Area<'_>,
    (x, y): (i32, i32),
    shape: Shape,
    color: RGBColor,
) -> Result<(), DrawError> {
    let r = ipx(4);
    match shape {
        Shape::Cross => {
            let style = color.stroke_width(SCALE * 2);
            area.draw(&PathElement::new(
                vec![(x - r, y - r), (x + r, y + r)],
                style,
            ))?;
            area.draw(&PathElement::new(
                vec![(x - r, y + r), (x + r, y - r)],
                style,
            ))
        }
        Shape::Diamond => area.draw(&Polygon::new(
            vec![(x - r, y), (x, y - r), (x + r, y), (x, y + r)],
            color.filled(),
        )),
    }
}
