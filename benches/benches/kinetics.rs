//! Right-hand side and Jacobian of the 224 and of the complete OSU network beside the straightforward loops and beside nalgebra-sparse `S · r`.
#![allow(missing_docs, clippy::unwrap_used)]

use benches::{Straightforward, complete_osu, osu224};
use chem_network::nalgebra_sparse::ops::{Op, serial::spmm_csc_dense};
use chem_network::{Kinetics, LaneKinetics, Network, Workspace};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use stiff_ode_solvers::nalgebra::DMatrix;

const LANES: usize = 8;

fn kinetics(c: &mut Criterion) {
    let (network, kinetics) = osu224().unwrap();
    compare(c, "224", &network, &kinetics);
    match complete_osu() {
        Some((network, kinetics)) => compare(c, "4457", &network, &kinetics),
        None => eprintln!("the complete network is skipped: ../shared is absent"),
    }
}

/// Room for `len` × 8 lanes that can begin on a cache line, as a solver's arrays do.
fn room(len: usize) -> Vec<f64> {
    vec![0.0; (len + 1) * LANES]
}

fn on_line(memory: &mut [f64]) -> &mut [[f64; LANES]] {
    let start = memory.as_ptr().align_offset(64);
    memory[start..].as_chunks_mut().0
}

fn compare(c: &mut Criterion, name: &str, network: &Network, kinetics: &Kinetics) {
    let plain = Straightforward::new(kinetics);
    let lanes = LaneKinetics::<LANES>::new(kinetics);
    let (dim, entries) = (kinetics.dim(), kinetics.sparsity().1.len());
    let n: Vec<f64> = (0..dim).map(|i| 1.0 + i as f64).collect();
    let (mut out, mut values) = (vec![0.0; dim], vec![0.0; entries]);
    let mut memory = [room(dim), room(dim), room(entries)];
    let [wide, wide_out, wide_values] = memory.each_mut().map(|m| on_line(m));
    for (wide, &n) in wide.iter_mut().zip(&n) {
        *wide = [n; LANES];
    }
    let wide = &*wide;
    let mut workspace = Workspace::default();
    let s = network.stoichiometry();
    let mut rates = DMatrix::zeros(network.reactions().len(), 1);
    let mut dense = DMatrix::zeros(dim, 1);

    let mut group = c.benchmark_group(format!("rhs_{name}"));
    group.bench_function("straightforward", |b| {
        b.iter(|| plain.rhs(black_box(&n), &mut out))
    });
    group.bench_function("nalgebra_sparse", |b| {
        b.iter(|| {
            kinetics.rates(black_box(&n), rates.as_mut_slice());
            spmm_csc_dense(0.0, &mut dense, 1.0, Op::NoOp(&s), Op::NoOp(&rates));
        })
    });
    group.bench_function("kinetics", |b| {
        b.iter(|| kinetics.rhs(black_box(&n), &mut out))
    });
    group.throughput(Throughput::Elements(LANES as u64));
    group.bench_function("kinetics_8_lanes", |b| {
        b.iter(|| kinetics.rhs_lanes_dispatched(black_box(wide), wide_out, &mut workspace))
    });
    group.bench_function("own_k_8_lanes", |b| {
        b.iter(|| lanes.rhs_dispatched(black_box(wide), wide_out, &mut workspace))
    });
    group.finish();

    let mut group = c.benchmark_group(format!("jacobian_{name}"));
    group.bench_function("straightforward", |b| {
        b.iter(|| plain.jacobian(black_box(&n), &mut values))
    });
    group.bench_function("kinetics", |b| {
        b.iter(|| kinetics.jacobian(black_box(&n), &mut values))
    });
    group.throughput(Throughput::Elements(LANES as u64));
    group.bench_function("kinetics_8_lanes", |b| {
        b.iter(|| kinetics.jacobian_lanes_dispatched(black_box(wide), wide_values, &mut workspace))
    });
    group.bench_function("own_k_8_lanes", |b| {
        b.iter(|| lanes.jacobian_dispatched(black_box(wide), wide_values, &mut workspace))
    });
    group.finish();
}

criterion_group!(all, kinetics);
criterion_main!(all);
