//! Figure: a map of column density beside the truth and their difference.

use super::super::style::{Area, DrawError, INK, TEXT, TICK, figure, ipx, px, text};
use crate::rays::columns::ColumnMap;
use pdr_data::maps::Map;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

/// Viridis (Smith & van der Walt 2015) at nine equidistant places.
const VIRIDIS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 45.0, 123.0],
    [59.0, 82.0, 139.0],
    [44.0, 114.0, 142.0],
    [33.0, 145.0, 140.0],
    [40.0, 174.0, 128.0],
    [94.0, 201.0, 98.0],
    [173.0, 220.0, 48.0],
    [253.0, 231.0, 37.0],
];
/// Blue over white to red, of equal lightness on both sides.
const DIVERGING: [[f64; 3]; 3] = [
    [33.0, 102.0, 172.0],
    [247.0, 247.0, 247.0],
    [178.0, 24.0, 43.0],
];

fn color(table: &[[f64; 3]], t: f64) -> RGBColor {
    let at = t.clamp(0.0, 1.0) * (table.len() - 1) as f64;
    let (low, part) = (at as usize, at.fract());
    let (a, b) = (table[low], table[(low + 1).min(table.len() - 1)]);
    let mix = |i: usize| (a[i] + part * (b[i] - a[i])).round() as u8;
    RGBColor(mix(0), mix(1), mix(2))
}

/// Three panels; the first two share their colours.
pub fn draw(map: &ColumnMap) -> Result<String, DrawError> {
    let logs = |m: &Map| -> Vec<f64> {
        let log = |n: &f64| n.max(f64::MIN_POSITIVE).log10();
        m.values.iter().map(log).collect()
    };
    let (truth, predicted) = (logs(&map.truth), logs(&map.predicted));
    let both = || truth.iter().chain(&predicted).copied();
    let low = both().fold(f64::INFINITY, f64::min);
    let high = both().fold(f64::NEG_INFINITY, f64::max).max(low + 1e-9);
    let pairs = truth.iter().zip(&predicted);
    let difference: Vec<f64> = pairs.map(|(t, p)| p - t).collect();
    let most = difference.iter().fold(1e-9, |m: f64, d| m.max(d.abs()));
    figure(960, 360, |area| {
        let panels = area.split_evenly((1, 3));
        let table: &[[f64; 3]] = &VIRIDIS;
        let shown = [
            ("3D-PDR", &truth, low, high, table),
            ("surrogate", &predicted, low, high, table),
            ("difference [dex]", &difference, -most, most, &DIVERGING),
        ];
        for (panel, (title, values, low, high, table)) in panels.iter().zip(shown) {
            one(panel, title, values, map.truth.shape, (low, high), table)?;
        }
        Ok(())
    })
}

fn one(
    area: &Area<'_>,
    title: &str,
    values: &[f64],
    [ny, nz]: [usize; 2],
    (low, high): (f64, f64),
    table: &[[f64; 3]],
) -> Result<(), DrawError> {
    let (left, top, side) = (ipx(20), ipx(28), ipx(270));
    area.draw(&Text::new(
        title.to_owned(),
        (left, ipx(6)),
        text(TEXT, INK, HPos::Left, VPos::Top),
    ))?;
    let edge = |i: usize, n: usize| side * i as i32 / n as i32;
    for y in 0..ny {
        for z in 0..nz {
            let t = (values[y * nz + z] - low) / (high - low);
            // z upwards, y to the right.
            let corner = (left + edge(y, ny), top + side - edge(z + 1, nz));
            let opposite = (left + edge(y + 1, ny), top + side - edge(z, nz));
            let style = color(table, t).filled();
            area.draw(&Rectangle::new([corner, opposite], style))?;
        }
    }
    let (bar_top, steps) = (top + side + ipx(14), 90);
    for i in 0..steps {
        let corner = (left + side * i / steps, bar_top);
        let opposite = (left + side * (i + 1) / steps, bar_top + ipx(10));
        let style = color(table, f64::from(i) / f64::from(steps - 1)).filled();
        area.draw(&Rectangle::new([corner, opposite], style))?;
    }
    for (value, at, anchor) in [(low, left, HPos::Left), (high, left + side, HPos::Right)] {
        area.draw(&Text::new(
            format!("{value:.3}").replace('-', "−"),
            (at, bar_top + px(13) as i32),
            text(TICK, INK, anchor, VPos::Top),
        ))?;
    }
    Ok(())
}
