//! Figure: ż from g against the time derivative of the encoded truth (Grassi et al. 2021, Fig. 8).

use super::axes::{Axis, Series, Ticks, log_times, panel, range_of};
use super::data::{ModelCurves, ReportData};
use super::style::{DrawError, LegendEntry, Mark, PALETTE, TRUTH, figure, grid, legend};

const COLUMNS: usize = 3;

/// A panel per latent species.
pub fn draw(data: &ReportData, model: &ModelCurves) -> Result<String, DrawError> {
    let x = log_times(&data.times);
    let pair =
        |row: &[f64]| -> Vec<(f64, f64)> { x.iter().copied().zip(row.iter().copied()).collect() };
    let latents = model.g.len();
    let rows = latents.div_ceil(COLUMNS).max(1);
    figure(960, 34 + 210 * rows as u32, |area| {
        let (head, panels) = grid(area, 34, rows, COLUMNS);
        legend(
            &head,
            62,
            16,
            &[
                LegendEntry {
                    label: "ẋ·∂φ/∂x of the full chemistry".into(),
                    color: TRUTH,
                    mark: Mark::Line(20),
                },
                LegendEntry {
                    label: "g(φ(x)) of the latent network".into(),
                    color: PALETTE[1],
                    mark: Mark::Line(6),
                },
            ],
        )?;
        for i in 0..latents {
            let values = model.g[i].iter().chain(&model.encoded_rate[i]).copied();
            panel(
                &panels[i],
                data.latent_names.get(i).map_or("", String::as_str),
                &Axis {
                    label: "time [yr]".into(),
                    range: range_of(x.iter().copied(), 0.0, 0.0..1.0),
                    ticks: Ticks::Log10,
                },
                &Axis {
                    label: if i % COLUMNS == 0 {
                        "ż per unit normalised time".into()
                    } else {
                        String::new()
                    },
                    range: range_of(values, 0.06, -1.0..1.0),
                    ticks: Ticks::Linear,
                },
                &[
                    Series {
                        points: pair(&model.encoded_rate[i]),
                        color: TRUTH,
                        mark: Mark::Line(20),
                    },
                    Series {
                        points: pair(&model.g[i]),
                        color: PALETTE[1],
                        mark: Mark::Line(6),
                    },
                ],
            )?;
        }
        Ok(())
    })
}
