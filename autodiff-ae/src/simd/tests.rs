//! Every kernel of every instruction set at hand against plain loops; vectorised functions against the standard library.

use super::*;
use crate::Scalar;
use crate::batch::LANES;
use crate::buffer::Buffer;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn uniform<T: Scalar>(len: usize, seed: u64) -> Vec<T> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len)
        .map(|_| T::of(2.0 * rng.random::<f64>() - 1.0))
        .collect()
}

/// Runs a check on every table of both types.
fn on_every_table(check32: impl Fn(&Table<f32>), check64: impl Fn(&Table<f64>)) {
    for isa in Isa::available() {
        check32(f32::table_of(isa));
        check64(f64::table_of(isa));
    }
}

fn products<T: Scalar>(table: &Table<T>) {
    for (rows, depth, blocks) in [
        (1, 1, 1),
        (5, 8, 2),
        (29, 32, 1),
        (12, 3, 3),
        (13, 29, 2),
        (37, 1, 1),
        (128, 128, 1),
    ] {
        let (w, b) = (uniform::<T>(rows * depth, 1), uniform::<T>(rows, 2));
        let (x, xt) = (
            uniform::<T>(blocks * depth * LANES, 3),
            uniform::<T>(blocks * depth * LANES, 4),
        );
        let tolerance = 4.0 * T::epsilon().f64() * (depth as f64 + 1.0);
        let mut panels = Panels::new(table, rows, depth);
        panels.pack(&w, &b);
        let mut y = vec![T::zero(); blocks * rows * LANES];
        for start in [Start::Bias, Start::Zero, Start::Output] {
            let before = y.clone();
            table.product(&panels, start, &x, &mut y);
            for k in 0..y.len() {
                let (block, row, lane) = (k / (rows * LANES), k / LANES % rows, k % LANES);
                let xs = |i: usize| x[(block * depth + i) * LANES + lane].f64();
                let sum: f64 = (0..depth).map(|i| w[row * depth + i].f64() * xs(i)).sum();
                let expected = sum
                    + match start {
                        Start::Zero => 0.0,
                        Start::Bias => b[row].f64(),
                        Start::Output => before[k].f64(),
                    };
                assert!(
                    (y[k].f64() - expected).abs() < tolerance,
                    "{:?} {rows} {depth}",
                    table.isa()
                );
            }
        }
        // Transposed: y of `depth` rows from x of `rows` rows.
        let mut panels = Panels::new(table, depth, rows);
        panels.pack_transposed(&w);
        let v = uniform::<T>(blocks * rows * LANES, 5);
        let mut z = vec![T::zero(); blocks * depth * LANES];
        table.product(&panels, Start::Zero, &v, &mut z);
        for k in 0..z.len() {
            let (block, row, lane) = (k / (depth * LANES), k / LANES % depth, k % LANES);
            let vs = |o: usize| v[(block * rows + o) * LANES + lane].f64();
            let expected: f64 = (0..rows).map(|o| w[o * depth + row].f64() * vs(o)).sum();
            assert!((z[k].f64() - expected).abs() < 4.0 * T::epsilon().f64() * (rows as f64 + 1.0));
        }
        for tangents in [true, false] {
            weight_gradients(
                table,
                [rows, depth, blocks],
                &v,
                &x,
                tangents.then(|| (&y[..], &xt[..])),
            );
        }
    }
}

fn weight_gradients<T: Scalar>(
    table: &Table<T>,
    [rows, depth, blocks]: [usize; 3],
    y: &[T],
    x: &[T],
    tangents: Option<(&[T], &[T])>,
) {
    // Starts from ones: the kernel adds.
    let (mut weight, mut bias) = (vec![T::one(); rows * depth], vec![T::one(); rows]);
    table.weight_gradient(y, x, tangents, &mut weight, &mut bias);
    let at = |a: &[T], width: usize, row: usize, s: usize| {
        a[((s / LANES) * width + row) * LANES + s % LANES].f64()
    };
    for r in 0..rows {
        let samples = 0..blocks * LANES;
        let expected = 1.0 + samples.clone().map(|s| at(y, rows, r, s)).sum::<f64>();
        assert!((bias[r].f64() - expected).abs() < 200.0 * T::epsilon().f64());
        for c in 0..depth {
            let mut expected = 1.0;
            for s in samples.clone() {
                expected += at(y, rows, r, s) * at(x, depth, c, s);
                if let Some((ty, tx)) = tangents {
                    expected += at(ty, rows, r, s) * at(tx, depth, c, s);
                }
            }
            let found = weight[r * depth + c].f64();
            assert!(
                (found - expected).abs() < 1000.0 * T::epsilon().f64(),
                "{:?} {found} {expected}",
                table.isa()
            );
        }
    }
}

#[test]
fn products_and_weight_gradients_equal_plain_loops() {
    on_every_table(products, products);
}

/// Arguments from tiny to beyond every limit, both signs, and zeros.
fn arguments<T: Scalar>() -> Vec<T> {
    let mut u = vec![0.0, -0.0];
    for i in 0..20_000 {
        let x = 10.0_f64.powf(-9.0 + 12.0 * f64::from(i) / 20_000.0);
        u.extend([x, -x]);
    }
    u.extend((-30_000..30_000).map(|i| f64::from(i) * 1e-3));
    u.resize(u.len().next_multiple_of(LANES), 0.25);
    u.into_iter().map(T::of).collect()
}

fn activations<T: Scalar>(table: &Table<T>) {
    let u = arguments::<T>();
    let epsilon = T::epsilon().f64();
    for kind in Activation::ALL {
        let n = u.len();
        let (mut a, mut d) = (u.clone(), vec![T::zero(); n]);
        let (mut t, mut c) = (vec![T::one(); n], vec![T::zero(); n]);
        table.activate_tangent(kind, &mut a, &mut d, &mut t, &mut c);
        assert_eq!(t, d, "the tangent of a unit tangent is the derivative");
        let (mut a2, mut d2) = (u.clone(), vec![T::zero(); n]);
        table.activate(kind, &mut a2, Some(&mut d2));
        assert_eq!((&a, &d), (&a2, &d2));
        let mut worst = [0.0_f64; 3];
        for i in 0..n {
            let x = u[i].f64();
            // In f64 the standard library is the reference and has its own half unit; derivatives go by size one.
            let [v, v1, v2] = kind.evaluate(x);
            let tiny = T::min_positive_value().f64() * 1e3;
            worst[0] = worst[0].max((a[i].f64() - v).abs() / (v.abs() * epsilon + tiny));
            worst[1] = worst[1].max((d[i].f64() - v1).abs() / epsilon);
            worst[2] = worst[2].max((c[i].f64() - v2).abs() / epsilon);
        }
        println!("{:?} {} {kind:?}: {worst:.2?} ulp", table.isa(), T::DTYPE);
        assert!(
            worst.iter().all(|w| *w < 6.0),
            "{:?} {kind:?}: {worst:?} ulp",
            table.isa()
        );
    }
}

#[test]
fn activations_are_within_a_few_units_in_the_last_place() {
    on_every_table(activations, activations);
}

fn not_a_number_passes<T: Scalar>(table: &Table<T>) {
    for kind in Activation::ALL {
        let mut a = vec![T::nan(); LANES];
        table.activate(kind, &mut a, None);
        assert!(a.iter().all(|x| x.is_nan()), "{:?} {kind:?}", table.isa());
        let mut a = [T::infinity(), T::neg_infinity()].repeat(LANES / 2);
        table.activate(kind, &mut a, None);
        assert!(a[0] >= T::one(), "{:?} {kind:?} {}", table.isa(), a[0]);
    }
}

#[test]
fn not_a_number_is_never_swallowed() {
    on_every_table(not_a_number_passes, not_a_number_passes);
}

fn reverse_and_residual<T: Scalar>(table: &Table<T>) {
    let n = 3 * LANES;
    let [a, d, t, c] = [1, 2, 3, 4].map(|s| uniform::<T>(n, s));
    let close = |x: T, y: f64| (x.f64() - y).abs() <= 4.0 * T::epsilon().f64();
    let (mut bar, mut tangent_bar) = (a.clone(), t.clone());
    table.activate_reverse(&mut bar, &d, Some((&mut tangent_bar, &c)));
    for i in 0..n {
        assert!(close(
            bar[i],
            a[i].f64() * d[i].f64() + t[i].f64() * c[i].f64()
        ));
        assert!(close(tangent_bar[i], t[i].f64() * d[i].f64()));
    }
    let mut bar = a.clone();
    table.activate_reverse(&mut bar, &d, None);
    assert!((0..n).all(|i| close(bar[i], a[i].f64() * d[i].f64())));

    let weight: [T; LANES] = std::array::from_fn(|l| T::of(f64::from(l as u32 % 3)));
    let mut out = vec![T::zero(); n];
    let sum = table
        .residual(&a, &d, &weight, T::of(0.5), Some(&mut out))
        .f64();
    assert_eq!(table.residual(&a, &d, &weight, T::of(0.5), None).f64(), sum);
    let mut expected = 0.0;
    for i in 0..n {
        let (w, e) = (weight[i % LANES].f64(), a[i].f64() - d[i].f64());
        expected += w * e * e;
        assert!(close(out[i], 0.5 * w * e));
    }
    assert!((sum - expected).abs() < 100.0 * T::epsilon().f64() * expected);
}

#[test]
fn elementwise_kernels_equal_plain_loops() {
    on_every_table(reverse_and_residual, reverse_and_residual);
}

#[test]
fn buffers_start_on_a_cache_line_and_stay_there_when_cloned() {
    for len in [0, 1, 31, 1000] {
        let mut b = Buffer::<f32>::zeros(len);
        b.iter_mut().enumerate().for_each(|(i, x)| *x = i as f32);
        let c = b.clone();
        assert_eq!(b[..], c[..]);
        assert_eq!(
            (b.as_ptr().align_offset(64), c.as_ptr().align_offset(64)),
            (0, 0)
        );
    }
}

#[test]
fn a_vectorised_closure_returns_what_it_computes() {
    let x = uniform::<f64>(100, 1);
    let sum = vectorised(|| x.iter().map(|v| v * 2.0).sum::<f64>());
    assert_eq!(sum, x.iter().map(|v| v * 2.0).sum::<f64>());
}

/// Rates of the kernels alone; `cargo test --release -p autodiff-ae --lib -- --ignored --nocapture kernel_rates`.
#[test]
#[ignore = "a measurement"]
fn kernel_rates() {
    let best = |mut f: Box<dyn FnMut() + '_>| {
        (0..400).fold(f64::INFINITY, |b, _| {
            let t = std::time::Instant::now();
            f();
            b.min(t.elapsed().as_secs_f64())
        })
    };
    for isa in Isa::available() {
        let table = f32::table_of(isa);
        let peak = best(Box::new(|| {
            std::hint::black_box(table.peak(20_000, std::hint::black_box(0.5)));
        }));
        println!(
            "{isa:?} peak {:.0}",
            table.peak(1, 0.5).0 * 20_000.0 / peak * 1e-9
        );
        for (rows, depth, blocks) in [
            (128, 128, 8),
            (128, 128, 4),
            (128, 128, 1),
            (128, 29, 8),
            (29, 128, 8),
            (5, 128, 8),
            (32, 29, 1),
        ] {
            let mut panels = Panels::new(table, rows, depth);
            let mut x = Buffer::<f32>::zeros(blocks * depth * LANES);
            let mut y = Buffer::<f32>::zeros(blocks * rows * LANES);
            x.copy_from_slice(&uniform(blocks * depth * LANES, 1));
            y.copy_from_slice(&uniform(blocks * rows * LANES, 2));
            let (w, b) = (uniform::<f32>(rows * depth, 3), uniform::<f32>(rows, 4));
            let flop = 2e-9 * (rows * depth * blocks * LANES) as f64;
            let pack = best(Box::new(|| panels.pack(&w, &b)));
            let mut transposed = Panels::new(table, depth, rows);
            let pack_transposed = best(Box::new(|| transposed.pack_transposed(&w)));
            let (mut gw, mut gb) = (w.clone(), b.clone());
            let weight = best(Box::new(|| {
                table.weight_gradient(&y, &x, None, &mut gw, &mut gb)
            }));
            let product = best(Box::new(|| table.product(&panels, Start::Bias, &x, &mut y)));
            let silu = best(Box::new(|| table.activate(Activation::Silu, &mut y, None)));
            println!(
                "{rows}×{depth}×{blocks}: product {:.0}, weight gradient {:.0} GFLOP/s; pack {:.2} {:.2} µs; silu {:.2} ns/value",
                flop / product,
                flop / weight,
                pack * 1e6,
                pack_transposed * 1e6,
                silu * 1e9 / (rows * blocks * LANES) as f64
            );
        }
    }
}
