//! Right-hand side and Jacobian of the 224 network beside the straightforward loops and beside nalgebra-sparse `S · r`.
#![allow(missing_docs, clippy::unwrap_used)]

use benches::{Straightforward, initial_states, osu224};
use chem_network::Workspace;
use chem_network::nalgebra_sparse::ops::{Op, serial::spmm_csc_dense};
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

fn kinetics(c: &mut Criterion) {
    let (network, kinetics) = osu224().unwrap();
    let plain = Straightforward::new(&kinetics);
    let dim = kinetics.dim();
    let n: Vec<f64> = initial_states(&network, 1)
        .iter()
        .map(|v| v.max(1e-3))
        .collect();
    let mut out = vec![0.0; dim];

    let mut group = c.benchmark_group("rhs_224");
    group.bench_function("kinetics", |b| {
        b.iter(|| kinetics.rhs(black_box(&n), &mut out))
    });
    group.bench_function("straightforward", |b| {
        b.iter(|| plain.rhs(black_box(&n), &mut out))
    });
    let s = network.stoichiometry();
    let mut rates = chem_network_vector(network.reactions().len());
    let mut dense = chem_network_vector(dim);
    group.bench_function("nalgebra_sparse", |b| {
        b.iter(|| {
            kinetics.rates(black_box(&n), rates.as_mut_slice());
            spmm_csc_dense(0.0, &mut dense, 1.0, Op::NoOp(&s), Op::NoOp(&rates));
        })
    });
    let lanes: Vec<[f64; 8]> = n.iter().map(|&v| [v; 8]).collect();
    let mut out_lanes = vec![[0.0; 8]; dim];
    let mut workspace = Workspace::default();
    group.bench_function("kinetics_8_lanes", |b| {
        b.iter(|| kinetics.rhs_lanes_dispatched(black_box(&lanes), &mut out_lanes, &mut workspace))
    });
    group.finish();

    let mut group = c.benchmark_group("jacobian_224");
    let mut values = vec![0.0; kinetics.sparsity().1.len()];
    let mut full = vec![0.0; dim * dim];
    group.bench_function("kinetics", |b| {
        b.iter(|| kinetics.jacobian(black_box(&n), &mut values))
    });
    group.bench_function("straightforward", |b| {
        b.iter(|| plain.jacobian(black_box(&n), &mut full))
    });
    group.finish();
}

fn chem_network_vector(rows: usize) -> stiff_ode_solvers::nalgebra::DMatrix<f64> {
    stiff_ode_solvers::nalgebra::DMatrix::zeros(rows, 1)
}

criterion_group!(all, kinetics);
criterion_main!(all);
