//! Any number of tangents and the whole Jacobian: against one tangent at a time, central differences, and the adjoint identity.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::*;
use common::uniform;
use proptest::prelude::*;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn batch(features: usize, samples: usize, seed: u64) -> Batch<f64> {
    Batch::from_columns(&uniform(features * samples, seed), features, samples).unwrap()
}

fn batches(count: usize, features: usize, samples: usize, seed: u64) -> Vec<Batch<f64>> {
    (0..count as u64)
        .map(|k| batch(features, samples, 1000 * (k + 1) + seed))
        .collect()
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> Result<(), TestCaseError> {
    prop_assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1.0_f64, |m, x| m.max(x.abs()));
    for (x, y) in a.iter().zip(b) {
        prop_assert!((x - y).abs() <= tolerance * scale, "{} against {}", x, y);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Several tangents at once are the single ones side by side, and the reverse pass is linear: the gradient through all
    /// of them is the sum of the gradients through each.
    #[test]
    fn several_tangents_are_single_ones_side_by_side(
        widths in proptest::collection::vec(1_usize..30, 2..5),
        hidden in proptest::sample::select(Activation::ALL.to_vec()),
        last in proptest::sample::select(Activation::ALL.to_vec()),
        count in 0_usize..6,
        samples in 1_usize..200,
        residual in any::<bool>(),
        seed in 0_u64..1000,
    ) {
        let mut net = Mlp::new(&widths, hidden, last).unwrap();
        if residual {
            let mut widths = widths.clone();
            widths.insert(1, widths[1]);
            net = Mlp::new(&widths, hidden, last).unwrap().with_residual_layers();
        }
        let (fi, fo) = (net.inputs(), net.outputs());
        let params = uniform::<f64>(net.param_len(), seed);
        let x = batch(fi, samples, seed + 1);
        let v = batches(count, fi, samples, seed + 2);
        let (u, ut) = (batch(fo, samples, seed + 3), batches(count, fo, samples, seed + 4));
        let mut pass = Pass::new(&net);
        let mut y = Batch::zeros(fo, samples);
        let mut jv = vec![Batch::zeros(fo, 1); count];
        pass.forward_tangents(&params, &x, &v, &mut y, &mut jv).unwrap();
        let mut gradient = vec![0.0; net.param_len()];
        let (mut xb, mut vb) = (Batch::zeros(fi, 1), vec![Batch::zeros(fi, 1); count]);
        pass.reverse_tangents(&u, &ut, Some((&mut xb, &mut vb)), &mut gradient).unwrap();

        // One at a time; the value's own cotangent goes with none of them.
        let mut single = Pass::new(&net);
        let (mut y1, mut t1) = (Batch::zeros(fo, 1), Batch::zeros(fo, 1));
        let (mut sum, mut x_sum) = (vec![0.0; net.param_len()], vec![0.0; fi * samples]);
        let (mut xb1, mut vb1) = (Batch::zeros(fi, 1), Batch::zeros(fi, 1));
        single.forward(&params, &x, &mut y1).unwrap();
        prop_assert_eq!(y1.to_columns(), y.to_columns());
        single.reverse(&u, Some(&mut xb1), &mut sum).unwrap();
        x_sum.iter_mut().zip(xb1.to_columns()).for_each(|(s, b)| *s += b);
        let zero = Batch::zeros(fo, samples);
        for k in 0..count {
            single.forward_tangent(&params, &x, &v[k], &mut y1, &mut t1).unwrap();
            close(&jv[k].to_columns(), &t1.to_columns(), 1e-13)?;
            single.reverse_tangent(&zero, &ut[k], Some((&mut xb1, &mut vb1)), &mut sum).unwrap();
            x_sum.iter_mut().zip(xb1.to_columns()).for_each(|(s, b)| *s += b);
            close(&vb[k].to_columns(), &vb1.to_columns(), 1e-12)?;
            // ⟨u, J v⟩ = ⟨Jᵀ u, v⟩.
            let (a, b) = (dot(&ut[k].to_columns(), &jv[k].to_columns()), dot(&vb[k].to_columns(), &v[k].to_columns()));
            prop_assert!((a - b).abs() <= 1e-11 * (1.0 + a.abs()), "{} against {}", a, b);
        }
        close(&gradient, &sum, 1e-11)?;
        close(&xb.to_columns(), &x_sum, 1e-11)?;
    }

    /// The Jacobian times a vector is the tangent along it.
    #[test]
    fn the_jacobian_times_a_vector_is_the_tangent(
        widths in proptest::collection::vec(1_usize..20, 2..4),
        kind in proptest::sample::select(Activation::ALL.to_vec()),
        samples in 1_usize..80,
        seed in 0_u64..1000,
    ) {
        let net = Mlp::new(&widths, kind, Activation::Tanh).unwrap();
        let (fi, fo) = (net.inputs(), net.outputs());
        let params = uniform::<f64>(net.param_len(), seed);
        let (x, v) = (batch(fi, samples, seed + 1), batch(fi, samples, seed + 2));
        let (mut pass, mut y, mut j) = (Pass::new(&net), Batch::zeros(fo, 1), Batch::zeros(1, 1));
        pass.jacobian(&params, &x, &mut y, &mut j).unwrap();
        let (mut y2, mut jv) = (Batch::zeros(fo, 1), Batch::zeros(fo, 1));
        pass.forward_tangent(&params, &x, &v, &mut y2, &mut jv).unwrap();
        prop_assert_eq!(y.to_columns(), y2.to_columns());
        prop_assert_eq!((j.features(), j.samples()), (fi * fo, samples));
        for s in 0..samples {
            for o in 0..fo {
                let product: f64 = (0..fi).map(|i| j.get(i * fo + o, s) * v.get(i, s)).sum();
                prop_assert!((product - jv.get(o, s)).abs() <= 1e-12 * (1.0 + product.abs()));
            }
        }
    }
}

#[test]
fn the_jacobian_and_the_reverse_through_it_agree_with_central_differences() {
    for kind in [Activation::Tanh, Activation::Silu, Activation::Softplus] {
        let net = Mlp::new(&[4, 9, 6, 3], kind, Activation::Softplus).unwrap();
        let (samples, params) = (37, uniform::<f64>(net.param_len(), 5));
        let x = batch(4, samples, 6);
        let (u, uj) = (batch(3, samples, 7), batch(12, samples, 8));
        let value = |p: &[f64], x: &Batch<f64>| {
            let (mut y, mut j) = (Batch::zeros(3, 1), Batch::zeros(1, 1));
            Pass::new(&net).jacobian(p, x, &mut y, &mut j).unwrap();
            (y, j)
        };
        let loss = |p: &[f64], x: &Batch<f64>| {
            let (y, j) = value(p, x);
            dot(&y.to_columns(), &u.to_columns()) + dot(&j.to_columns(), &uj.to_columns())
        };
        // Column i of the Jacobian is the difference along input i.
        let (_, j) = value(&params, &x);
        let h = 1e-5;
        for i in 0..4 {
            let moved = |by: f64| {
                let mut x = x.clone();
                (0..samples).for_each(|s| x.set(i, s, x.get(i, s) + by));
                value(&params, &x).0
            };
            let (up, down) = (moved(h), moved(-h));
            for s in 0..samples {
                for o in 0..3 {
                    let difference = (up.get(o, s) - down.get(o, s)) / (2.0 * h);
                    assert!((difference - j.get(3 * i + o, s)).abs() < 1e-8);
                }
            }
        }
        let (mut pass, mut gradient) = (Pass::new(&net), vec![0.0; net.param_len()]);
        let (mut y, mut j, mut x_bar) =
            (Batch::zeros(3, 1), Batch::zeros(1, 1), Batch::zeros(4, 1));
        pass.jacobian(&params, &x, &mut y, &mut j).unwrap();
        pass.reverse_jacobian(&u, &uj, Some(&mut x_bar), &mut gradient)
            .unwrap();
        for seed in 0..6 {
            let v = uniform::<f64>(params.len(), 50 + seed);
            let w = uniform::<f64>(4 * samples, 80 + seed);
            let at = |s: f64| {
                let p: Vec<f64> = params.iter().zip(&v).map(|(p, v)| p + s * h * v).collect();
                let columns = x.to_columns();
                let moved: Vec<f64> = columns.iter().zip(&w).map(|(x, w)| x + s * h * w).collect();
                loss(&p, &Batch::from_columns(&moved, 4, samples).unwrap())
            };
            let difference = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h);
            let ours = dot(&gradient, &v) + dot(&x_bar.to_columns(), &w);
            assert!(
                (ours - difference).abs() <= 1e-6 * (1.0 + difference.abs()),
                "{kind:?}: {ours} against {difference}"
            );
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let net = Mlp::new(&[3, 4, 2], Activation::Tanh, Activation::Identity).unwrap();
    let params = uniform::<f64>(net.param_len(), 1);
    let (x, u) = (batch(3, 5, 1), batch(2, 5, 2));
    let mut gradient = vec![0.0; net.param_len()];
    let (mut pass, mut y) = (Pass::new(&net), Batch::zeros(2, 5));
    let mut two = vec![Batch::zeros(2, 5); 2];
    let tangents = batches(2, 3, 5, 3);
    // As many outputs as tangents, of the input's shape.
    assert!(matches!(
        pass.forward_tangents(&params, &x, &tangents, &mut y, &mut two[..1]),
        Err(Error::Length { .. })
    ));
    let short = batches(2, 3, 4, 3);
    assert!(matches!(
        pass.forward_tangents(&params, &x, &short, &mut y, &mut two),
        Err(Error::Length { .. })
    ));
    // No reverse without its forward pass, nor with another number of tangents.
    assert!(matches!(
        pass.reverse_tangents(&u, &two, None, &mut gradient),
        Err(Error::NoForward(_))
    ));
    pass.forward_tangents(&params, &x, &tangents, &mut y, &mut two)
        .unwrap();
    assert!(matches!(
        pass.reverse_tangents(&u, &two[..1], None, &mut gradient),
        Err(Error::NoForward(_))
    ));
    assert!(matches!(
        pass.reverse(&u, None, &mut gradient),
        Err(Error::NoForward(_))
    ));
    let wrong = batch(5, 5, 4);
    let mut j = Batch::zeros(1, 1);
    pass.jacobian(&params, &x, &mut y, &mut j).unwrap();
    assert!(matches!(
        pass.reverse_jacobian(&u, &wrong, None, &mut gradient),
        Err(Error::Length { .. })
    ));
    let empty = Batch::<f64>::zeros(3, 0);
    assert!(matches!(
        pass.jacobian(&params, &empty, &mut y, &mut j),
        Err(Error::EmptyBatch)
    ));
}
