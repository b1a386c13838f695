//! Times rhs and Jacobian against the straightforward loops over reactions and against S·r:
//! `cargo run --release -p chem-network --features measure --example kernel_speed [NETWORK_FILE]`.

use std::hint::black_box;
use std::time::Instant;

use chem_network::nalgebra_sparse::CscMatrix;
use chem_network::{Environment, Kinetics, LaneKinetics, Workspace, embedded, read_network};

const LANES: usize = 8;

/// Time of one call [ns]: the lower decile of repetitions, so that other work on the machine counts little.
fn time(mut call: impl FnMut()) -> f64 {
    let mut once = |calls: u32| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64() / f64::from(calls)
    };
    let calls = (2e-4 / once(20)).clamp(1.0, 1e6) as u32;
    let mut times: Vec<f64> = (0..401).map(|_| once(calls)).collect();
    times.sort_by(f64::total_cmp);
    times[40] * 1e9
}

/// Room for `len` × 8 lanes that can begin on a cache line, as a solver's arrays do.
fn aligned(len: usize) -> Vec<f64> {
    vec![0.0; (len + 1) * LANES]
}

fn on_line(memory: &mut [f64]) -> &mut [[f64; LANES]] {
    let start = memory.as_ptr().align_offset(64);
    memory[start..].as_chunks_mut().0
}

/// The loops a person writes first: over reactions, species by species, scattering.
struct Plain {
    k: Vec<f64>,
    reactants: Vec<Vec<usize>>,
    products: Vec<Vec<usize>>,
    slots: Vec<usize>,
}

impl Plain {
    fn new(kinetics: &Kinetics) -> Self {
        let (offsets, rows) = kinetics.sparsity();
        let reactions = kinetics.network().reactions();
        let mut slots = Vec::new();
        for r in reactions {
            for &column in &r.reactants {
                for row in r.reactants.iter().chain(&r.products) {
                    let range = offsets[column]..offsets[column + 1];
                    let at = rows[range.clone()].binary_search(row);
                    slots.push(range.start + at.unwrap_or(0));
                }
            }
        }
        Self {
            k: kinetics.rate_coefficients().to_vec(),
            reactants: reactions.iter().map(|r| r.reactants.clone()).collect(),
            products: reactions.iter().map(|r| r.products.clone()).collect(),
            slots,
        }
    }

    fn rhs(&self, n: &[f64], f: &mut [f64]) {
        f.fill(0.0);
        for ((k, rs), ps) in self.k.iter().zip(&self.reactants).zip(&self.products) {
            let rate = rs.iter().fold(*k, |r, &i| r * n[i]);
            rs.iter().for_each(|&i| f[i] -= rate);
            ps.iter().for_each(|&i| f[i] += rate);
        }
    }

    fn jacobian(&self, n: &[f64], values: &mut [f64]) {
        values.fill(0.0);
        let mut slots = self.slots.iter();
        for ((k, rs), ps) in self.k.iter().zip(&self.reactants).zip(&self.products) {
            for a in 0..rs.len() {
                let mut d = *k;
                for (b, &i) in rs.iter().enumerate() {
                    if b != a {
                        d *= n[i];
                    }
                }
                slots.by_ref().take(rs.len()).for_each(|&s| values[s] -= d);
                slots.by_ref().take(ps.len()).for_each(|&s| values[s] += d);
            }
        }
    }
}

/// r = k ∏ n, then f = S r with the sparse matrix.
fn sparse(kinetics: &Kinetics, s: &CscMatrix<f64>, n: &[f64], r: &mut [f64], f: &mut [f64]) {
    kinetics.rates(n, r);
    f.fill(0.0);
    for (column, rate) in s.col_iter().zip(r.iter()) {
        for (&i, v) in column.row_indices().iter().zip(column.values()) {
            f[i] += v * rate;
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let network = match std::env::args().nth(1) {
        Some(path) => read_network(path)?,
        None => embedded("osu224").ok_or("no such network")?,
    };
    let cloud = Environment::new(50.0, 1e-16)
        .with_visual_extinction(10.0)
        .with_radiation_field(1.0);
    let kinetics = Kinetics::new(&network, &cloud)?;
    let lanes = LaneKinetics::<LANES>::new(&kinetics);
    let plain = Plain::new(&kinetics);
    let s = network.stoichiometry();
    let nnz = kinetics.sparsity().1.len();
    let n: Vec<f64> = (0..kinetics.dim()).map(|i| 1.0 + i as f64).collect();
    let mut memory = [aligned(n.len()), aligned(n.len()), aligned(nnz)];
    let [wide, wide_f, wide_values] = &mut memory;
    let (wide, wide_f, wide_values) = (on_line(wide), on_line(wide_f), on_line(wide_values));
    for (wide, &x) in wide.iter_mut().zip(&n) {
        *wide = [x; LANES];
    }
    let wide = &*wide;
    let (mut f, mut r) = (vec![0.0; n.len()], vec![0.0; network.reactions().len()]);
    let mut values = vec![0.0; nnz];
    let per = LANES as f64;
    let mut workspace = Workspace::new();

    println!(
        "{} species, {} reactions, {nnz} nonzeros; ns per state",
        n.len(),
        r.len()
    );
    let report = |name: &str, rhs: f64, jacobian: f64| {
        println!("{name:<44} rhs {rhs:>10.1}   jacobian {jacobian:>10.1}");
    };
    report(
        "loops over reactions",
        time(|| plain.rhs(black_box(&n), black_box(&mut f))),
        time(|| plain.jacobian(black_box(&n), black_box(&mut values))),
    );
    report(
        "S r with the sparse matrix",
        time(|| sparse(&kinetics, &s, black_box(&n), &mut r, black_box(&mut f))),
        f64::NAN,
    );
    report(
        "Kinetics, one state",
        time(|| kinetics.rhs(black_box(&n), black_box(&mut f))),
        time(|| kinetics.jacobian(black_box(&n), black_box(&mut values))),
    );
    report(
        "Kinetics, 8 lanes, baseline instructions",
        time(|| kinetics.rhs_lanes(black_box(wide), black_box(&mut *wide_f))) / per,
        time(|| kinetics.jacobian_lanes(black_box(wide), black_box(&mut *wide_values))) / per,
    );
    report(
        "Kinetics, 8 lanes, dispatched",
        time(|| {
            kinetics.rhs_lanes_dispatched(black_box(wide), black_box(&mut *wide_f), &mut workspace)
        }) / per,
        time(|| {
            kinetics.jacobian_lanes_dispatched(
                black_box(wide),
                black_box(&mut *wide_values),
                &mut workspace,
            )
        }) / per,
    );
    report(
        "LaneKinetics, k per lane, 8 lanes, dispatched",
        time(|| lanes.rhs_dispatched(black_box(wide), black_box(&mut *wide_f), &mut workspace))
            / per,
        time(|| {
            lanes.jacobian_dispatched(
                black_box(wide),
                black_box(&mut *wide_values),
                &mut workspace,
            )
        }) / per,
    );
    let mut moving = kinetics.clone();
    let change = time(|| {
        let _ = moving.set_environment(black_box(&cloud));
    });
    println!("set_environment {change:.0} ns");
    Ok(())
}
