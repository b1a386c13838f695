//! Figure: number densities over time of chosen test models: truth, autoencoder and rollout.

use super::axes::{Axis, Series, Ticks, log_times, panel, range_of};
use super::data::{ModelCurves, ReportData};
use super::style::{
    BLUE, DrawError, LegendEntry, Mark, TRUTH, VERMILION, figure, grid, legend, species,
};

const COLUMNS: usize = 3;

/// One figure per model, a panel per species.
pub fn draw(data: &ReportData, model: &ModelCurves) -> Result<String, DrawError> {
    let shown: Vec<usize> = data
        .shown_species
        .iter()
        .filter_map(|name| data.labels.iter().position(|l| l == name))
        .collect();
    let rows = shown.len().div_ceil(COLUMNS).max(1);
    let x = log_times(&data.times);
    figure(960, 34 + 205 * rows as u32, |area| {
        let (head, panels) = grid(area, 34, rows, COLUMNS);
        legend(
            &head,
            62,
            16,
            &[
                LegendEntry {
                    label: "full chemistry".into(),
                    color: TRUTH,
                    mark: Mark::Line(20),
                },
                LegendEntry {
                    label: "autoencoder ψ(φ(x))".into(),
                    color: BLUE,
                    mark: Mark::Circles(9),
                },
                LegendEntry {
                    label: "rollout from the first output".into(),
                    color: VERMILION,
                    mark: Mark::Line(6),
                },
            ],
        )?;
        for (slot, (&i, area)) in shown.iter().zip(&panels).enumerate() {
            let pair = |row: &[f64]| -> Vec<(f64, f64)> {
                x.iter().copied().zip(row.iter().copied()).collect()
            };
            let values = model.truth[i]
                .iter()
                .chain(&model.rollout[i])
                .chain(&model.autoencoder[i])
                .copied();
            let range = range_of(values, 0.06, -20.0..5.0);
            // At least half a decade, or a constant species shows its rounding.
            let middle = 0.5 * (range.start + range.end);
            let half = (0.5 * (range.end - range.start)).max(0.75);
            panel(
                area,
                &species(&data.labels[i]),
                &Axis {
                    label: "time [yr]".into(),
                    range: range_of(x.iter().copied(), 0.0, 0.0..1.0),
                    ticks: Ticks::Log10,
                },
                &Axis {
                    label: if slot % COLUMNS == 0 {
                        "number density [cm⁻³]".into()
                    } else {
                        String::new()
                    },
                    range: middle - half..middle + half,
                    ticks: Ticks::Log10,
                },
                &[
                    Series {
                        points: pair(&model.truth[i]),
                        color: TRUTH,
                        mark: Mark::Line(20),
                    },
                    Series {
                        points: pair(&model.autoencoder[i]).into_iter().step_by(5).collect(),
                        color: BLUE,
                        mark: Mark::Circles(9),
                    },
                    Series {
                        points: pair(&model.rollout[i]),
                        color: VERMILION,
                        mark: Mark::Line(6),
                    },
                ],
            )?;
        }
        Ok(())
    })
}
