//! Figure: losses and validation error per epoch.

use super::axes::{Axis, Series, Ticks, panel, range_of};
use super::data::ReportData;
use super::style::{DrawError, LegendEntry, Mark, PALETTE, figure, grid, legend};

/// Every named curve on a logarithmic axis.
pub fn draw(data: &ReportData) -> Result<String, DrawError> {
    figure(960, 360, |area| {
        let (head, panels) = grid(area, 34, 1, 1);
        let color = |i: usize| PALETTE[i % PALETTE.len()];
        let entries: Vec<LegendEntry> = data
            .losses
            .iter()
            .enumerate()
            .map(|(i, curve)| LegendEntry {
                label: curve.name.clone(),
                color: color(i),
                mark: Mark::Line(6),
            })
            .collect();
        legend(&head, 62, 16, &entries)?;
        let series: Vec<Series> = data
            .losses
            .iter()
            .enumerate()
            .map(|(i, curve)| Series {
                points: curve.points.iter().map(|(x, y)| (*x, y.log10())).collect(),
                color: color(i),
                mark: Mark::Line(6),
            })
            .collect();
        let xs = series.iter().flat_map(|s| s.points.iter().map(|p| p.0));
        let ys = series.iter().flat_map(|s| s.points.iter().map(|p| p.1));
        panel(
            &panels[0],
            "",
            &Axis {
                label: "epoch".into(),
                range: range_of(xs, 0.0, 0.0..1.0),
                ticks: Ticks::Linear,
            },
            &Axis {
                label: "loss".into(),
                range: range_of(ys, 0.04, -4.0..0.0),
                ticks: Ticks::Log10,
            },
            &series,
        )
    })
}
