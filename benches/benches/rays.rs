//! All 393,216 rays of a 32³ cube on one core: N_H along each.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pdr_data::rays::healpix::{Ordering, directions};
use pdr_data::rays::{Geometry, extinctions};
use std::hint::black_box;

fn columns(c: &mut Criterion) {
    let geometry = Geometry::new([32; 3], [4.0; 3], [0.0; 3]).unwrap();
    let starts: Vec<_> = (0..geometry.len())
        .map(|cell| geometry.centre(cell))
        .collect();
    // Four decades of density, as in a turbulent cloud.
    let density: Vec<f64> = starts
        .iter()
        .map(|p| 10f64.powf(2.5 + (3.0 * p[0]).sin() + (5.0 * p[1]).cos() * (4.0 * p[2]).sin()))
        .collect();
    let rays = directions(0, Ordering::Nested).unwrap();
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let mut group = c.benchmark_group("rays");
    group.sample_size(20);
    group.throughput(Throughput::Elements((starts.len() * rays.len()) as u64));
    group.bench_function("column densities of 32^3 cells", |b| {
        b.iter(|| {
            one.install(|| extinctions(&geometry, &starts, black_box(&density), &rays).unwrap())
        });
    });
    group.finish();
}

criterion_group!(benches, columns);
criterion_main!(benches);
