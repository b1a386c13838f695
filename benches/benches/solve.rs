//! The 224 network from 1e-6 to 1e8 yr with 100 outputs: Rodas5P one model at a time and in lanes, at three tolerances.
#![allow(missing_docs, clippy::unwrap_used)]

use benches::{conditions, initial_states, osu224};
use chem_network::{KineticsBatch, YEAR};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stiff_ode_solvers::{Options, Rodas5p, Watch, solve_batch, solve_lanes};

const MODELS: usize = 16;

fn solve(c: &mut Criterion) {
    let (network, kinetics) = osu224().unwrap();
    let batch = KineticsBatch::new(&network, vec![conditions()]).unwrap();
    let initial = initial_states(&network, MODELS);
    let span = (1e-6 * YEAR, 1e8 * YEAR);
    let outputs: Vec<f64> = (0..100)
        .map(|i| 10f64.powf(-6.0 + 14.0 * i as f64 / 99.0).clamp(1e-6, 1e8) * YEAR)
        .collect();
    let mut group = c.benchmark_group("solve_224");
    group
        .sample_size(10)
        .throughput(Throughput::Elements(MODELS as u64));
    for (name, rtol, atol) in [("1e-3", 1e-3, 1e-14), ("1e-6", 1e-6, 1e-20)] {
        let options = Options::default()
            .rtol(rtol)
            .atol(atol)
            .outputs(outputs.clone());
        group.bench_function(format!("rodas5p_{name}"), |b| {
            b.iter(|| {
                let systems = std::slice::from_ref(&kinetics);
                solve_batch(
                    systems,
                    &Rodas5p,
                    span,
                    &initial,
                    &options,
                    &Watch::default(),
                )
                .unwrap()
            })
        });
        group.bench_function(format!("rodas5p_{name}_4_lanes"), |b| {
            b.iter(|| {
                solve_lanes::<f64, _, _, 4>(
                    || batch.lanes(),
                    &Rodas5p,
                    span,
                    &initial,
                    &options,
                    &Watch::default(),
                )
                .unwrap()
            })
        });
    }
    group.finish();
}

criterion_group!(all, solve);
criterion_main!(all);
