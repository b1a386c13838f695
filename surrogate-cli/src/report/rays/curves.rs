//! Figures of a ray surrogate: predictions along rays, errors by depth, by index and by spread, losses.

use super::super::axes::{Axis, Series, Ticks, panel, range_of};
use super::super::style::{
    BLUE, DrawError, LegendEntry, Mark, PALETTE, TRUTH, VERMILION, figure, grid, legend, species,
};
use super::{Curves, Named, RayReport};
use latent_ode::rays::EXTINCTION_BINS;

const COLUMNS: usize = 3;

fn axis(label: &str, range: std::ops::Range<f64>, ticks: Ticks) -> Axis {
    Axis {
        label: label.into(),
        range,
        ticks,
    }
}

/// A panel per species shown: prediction, and truth where it is known, against depth.
pub fn along(shown: &[String], one: &Curves) -> Result<String, DrawError> {
    let rows = shown.len().div_ceil(COLUMNS).max(1);
    figure(960, 34 + 205 * rows as u32, |area| {
        let (head, panels) = grid(area, 34, rows, COLUMNS);
        let known = one.truth.iter().any(|t| !t.is_empty());
        let entries = [
            ("3D-PDR", TRUTH, Mark::Line(20)),
            ("surrogate", VERMILION, Mark::Line(6)),
        ];
        let entries = entries.map(|(label, color, mark)| LegendEntry {
            label: label.into(),
            color,
            mark,
        });
        legend(&head, 62, 16, &entries[usize::from(!known)..])?;
        for (i, area) in panels.iter().enumerate().take(shown.len()) {
            let pair = |y: &[f64]| one.depth.iter().copied().zip(y.iter().copied()).collect();
            let values = one.truth[i].iter().chain(&one.predicted[i]).copied();
            let range = range_of(values, 0.06, -20.0..0.0);
            // At least a decade and a half, or a constant species shows its rounding.
            let (middle, half) = (
                0.5 * (range.start + range.end),
                (0.5 * (range.end - range.start)).max(0.75),
            );
            let drawn = [
                Series {
                    points: pair(&one.truth[i]),
                    color: TRUTH,
                    mark: Mark::Line(20),
                },
                Series {
                    points: pair(&one.predicted[i]),
                    color: VERMILION,
                    mark: Mark::Line(6),
                },
            ];
            panel(
                area,
                &species(&shown[i]),
                &axis(
                    "A_V [mag]",
                    range_of(one.depth.iter().copied(), 0.0, -6.0..1.3),
                    Ticks::Log10,
                ),
                &axis(
                    if i % COLUMNS == 0 { "abundance" } else { "" },
                    middle - half..middle + half,
                    Ticks::Log10,
                ),
                &drawn[usize::from(!known)..],
            )?;
        }
        Ok(())
    })
}

/// Lines of one colour each under a legend.
fn lines(curves: &[Named], x: Axis, y: Axis) -> Result<String, DrawError> {
    figure(960, 330, |area| {
        let (head, panels) = grid(area, 34, 1, 1);
        let color = |i: usize| PALETTE[i % PALETTE.len()];
        let entry = |(i, c): (usize, &Named)| LegendEntry {
            label: c.name.clone(),
            color: color(i),
            mark: Mark::Line(6),
        };
        let entries: Vec<LegendEntry> = curves.iter().enumerate().map(entry).collect();
        legend(&head, 62, 16, &entries)?;
        let one = |(i, c): (usize, &Named)| Series {
            points: c.points.iter().map(|(x, y)| (*x, y.log10())).collect(),
            color: color(i),
            mark: Mark::Line(6),
        };
        let series: Vec<Series> = curves.iter().enumerate().map(one).collect();
        panel(&panels[0], "", &x, &y, &series)
    })
}

fn ranges(curves: &[Named]) -> [std::ops::Range<f64>; 2] {
    let xs = curves.iter().flat_map(|c| c.points.iter().map(|p| p.0));
    let ys = curves
        .iter()
        .flat_map(|c| c.points.iter().map(|p| p.1.log10()));
    [range_of(xs, 0.0, 0.0..1.0), range_of(ys, 0.06, -3.0..0.0)]
}

/// Errors along the ray.
pub fn by_index(data: &RayReport) -> Result<String, DrawError> {
    let [x, y] = ranges(&data.by_index);
    lines(
        &data.by_index,
        axis("index of the point", x, Ticks::Linear),
        axis("error [dex]", y, Ticks::Log10),
    )
}

/// Losses.
pub fn losses(data: &RayReport) -> Result<String, DrawError> {
    let [x, y] = ranges(&data.losses);
    lines(
        &data.losses,
        axis("step", x, Ticks::Linear),
        axis("loss, error", y, Ticks::Log10),
    )
}

/// Errors in the bins of A_V, as steps.
pub fn by_depth(data: &RayReport) -> Result<String, DrawError> {
    // The first bin is drawn two decades wide, the last to the depth of a typical grid.
    let edges: Vec<f64> = std::iter::once(1e-5)
        .chain(EXTINCTION_BINS[..4].iter().copied())
        .chain([20.0])
        .map(f64::log10)
        .collect();
    let curves: Vec<Named> = data
        .rows
        .iter()
        .map(|row| Named {
            name: row.name.clone(),
            points: (0..5)
                .flat_map(|b| {
                    let error = row.by_av[b].unwrap_or(f64::NAN);
                    [(edges[b], error), (edges[b + 1], error)]
                })
                .collect(),
        })
        .collect();
    let [_, y] = ranges(&curves);
    lines(
        &curves,
        axis("A_V [mag]", edges[0]..edges[5], Ticks::Log10),
        axis("error [dex]", y, Ticks::Log10),
    )
}

/// Error of each species against its spread.
pub fn by_spread(data: &RayReport) -> Result<String, DrawError> {
    let points: Vec<(f64, f64)> = data
        .by_spread
        .iter()
        // What hardly varies (He) says nothing and stretches the axes.
        .filter(|(_, spread, _)| *spread > 1e-3)
        .map(|(_, spread, error)| (spread.log10(), error.log10()))
        .filter(|p| p.0.is_finite() && p.1.is_finite())
        .collect();
    let x = range_of(points.iter().map(|p| p.0), 0.06, -1.0..1.0);
    let y = range_of(points.iter().map(|p| p.1), 0.06, -3.0..0.0);
    let mut ratios: Vec<f64> = points.iter().map(|p| p.1 - p.0).collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
    let line = vec![(x.start, x.start + median), (x.end, x.end + median)];
    figure(960, 360, |area| {
        let (head, panels) = grid(area, 34, 1, 1);
        let entry = LegendEntry {
            label: "one species each".into(),
            color: BLUE,
            mark: Mark::Circles(14),
        };
        legend(&head, 62, 16, &[entry])?;
        panel(
            &panels[0],
            "",
            &axis(
                "standard deviation of log10 abundance [dex]",
                x,
                Ticks::Log10,
            ),
            &axis("error [dex]", y, Ticks::Log10),
            &[
                Series {
                    points: line,
                    color: TRUTH,
                    mark: Mark::Line(6),
                },
                Series {
                    points,
                    color: BLUE,
                    mark: Mark::Circles(14),
                },
            ],
        )
    })
}
