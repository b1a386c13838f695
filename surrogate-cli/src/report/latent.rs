//! Figure: latent species over time, encoded against integrated, with Σ m z of both (Grassi et al. 2021, Fig. 6).

use super::axes::{Axis, Series, Ticks, log_times, panel, range_of};
use super::data::{ModelCurves, ReportData};
use super::style::{DrawError, INK, LegendEntry, Mark, PALETTE, TRUTH, figure, grid, legend};

/// Left: every latent species; right: Σ m z.
pub fn draw(data: &ReportData, model: &ModelCurves) -> Result<String, DrawError> {
    let x = log_times(&data.times);
    let pair =
        |row: &[f64]| -> Vec<(f64, f64)> { x.iter().copied().zip(row.iter().copied()).collect() };
    let mass = |rows: &[Vec<f64>]| -> Vec<f64> {
        (0..x.len())
            .map(|t| {
                rows.iter()
                    .zip(&data.latent_masses)
                    .map(|(row, m)| m * row.get(t).unwrap_or(&f64::NAN))
                    .sum()
            })
            .collect()
    };
    let (encoded_mass, integrated_mass) = (mass(&model.encoded), mass(&model.integrated));
    let time = Axis {
        label: "time [yr]".into(),
        range: range_of(x.iter().copied(), 0.0, 0.0..1.0),
        ticks: Ticks::Log10,
    };
    figure(960, 360, |area| {
        let (head, panels) = grid(area, 34, 1, 2);
        let mut entries: Vec<LegendEntry> = data
            .latent_names
            .iter()
            .enumerate()
            .map(|(i, name)| LegendEntry {
                label: name.clone(),
                color: PALETTE[i % PALETTE.len()],
                mark: Mark::Line(7),
            })
            .collect();
        entries.push(LegendEntry {
            label: "line: integrated ż = g(z)".into(),
            color: INK,
            mark: Mark::Line(7),
        });
        entries.push(LegendEntry {
            label: "circles: encoded φ(x)".into(),
            color: INK,
            mark: Mark::Circles(9),
        });
        legend(&head, 62, 16, &entries)?;
        let mut series = Vec::new();
        for (i, (encoded, integrated)) in model.encoded.iter().zip(&model.integrated).enumerate() {
            let color = PALETTE[i % PALETTE.len()];
            series.push(Series {
                points: pair(integrated),
                color,
                mark: Mark::Line(7),
            });
            let points = pair(encoded).into_iter().step_by(3).collect();
            series.push(Series {
                points,
                color,
                mark: Mark::Circles(9),
            });
        }
        let all = model
            .encoded
            .iter()
            .chain(&model.integrated)
            .flatten()
            .copied();
        panel(
            &panels[0],
            "latent species",
            &time,
            &Axis {
                label: "latent abundance z".into(),
                range: range_of(all, 0.06, 0.0..1.0),
                ticks: Ticks::Linear,
            },
            &series,
        )?;
        let both = encoded_mass.iter().chain(&integrated_mass).copied();
        let range = range_of(both, 0.25, 0.0..1.0);
        panel(
            &panels[1],
            "latent mass Σ m z",
            &time,
            &Axis {
                label: "Σ m z".into(),
                range,
                ticks: Ticks::Linear,
            },
            &[
                Series {
                    points: pair(&integrated_mass),
                    color: TRUTH,
                    mark: Mark::Line(14),
                },
                Series {
                    points: pair(&encoded_mass).into_iter().step_by(2).collect(),
                    color: INK,
                    mark: Mark::Circles(9),
                },
            ],
        )
    })
}
