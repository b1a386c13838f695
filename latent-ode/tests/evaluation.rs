//! Error statistics, normalisation and the interpolation baseline against independent values.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use latent_ode::{
    Dataset, Evaluation, Interpolation, Normalisation, Scaling, TABLE_F1, Trajectories,
};
use proptest::prelude::*;

fn labels(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("X{i}")).collect()
}

#[test]
fn statistics_by_hand() {
    // Two models, two outputs, two species; only the second output counts. Values worked out on paper.
    let truth =
        Trajectories::new(vec![1e4, 1.0, 1e2, 1e-2, 1e4, 2.0, 1e3, 1e-30], 2, 2, 2).unwrap();
    let predicted =
        Trajectories::new(vec![0.0, 0.0, 1.1e2, 1e-3, 0.0, 0.0, 1e3, 1e-17], 2, 2, 2).unwrap();
    let e = Evaluation::new(&labels(2), &truth, &predicted, &[]).unwrap();
    // Δr: 0.1 and 0 (counts as 1e-8) of X0; 0.9 and 1e13 of X1.
    let x0 = [-1.0, -8.0];
    let x1 = [0.9f64.log10(), 13.0];
    for (species, x) in [x0, x1].iter().enumerate() {
        let m = (x[0] + x[1]) / 2.0;
        assert!((e.mean_log10_relative_error[species] - m).abs() < 1e-9);
        assert!((e.std_log10_relative_error[species] - (x[0] - x[1]).abs() / 2.0).abs() < 1e-9);
        assert!(
            (e.quantiles(species, &[0.25])[0] - (0.75 * x[0].min(x[1]) + 0.25 * x[0].max(x[1])))
                .abs()
                < 1e-9
        );
    }
    assert!((e.median_relative_error - (0.1 + 0.9) / 2.0).abs() < 1e-9);
    assert!((e.mean_relative_error - (0.1 + 0.9 + 1e13) / 4.0).abs() < 1.0);
    // |Δlog10|: log10 1.1, 1, 0, and 0 since both lie below the floor of about 1e-16.
    let d = [1.1f64.log10(), 1.0, 0.0, 0.0];
    assert!((e.mae_dex - d.iter().sum::<f64>() / 4.0).abs() < 1e-12);
    assert!((e.lae99_dex - (0.97 * 1.0 + 0.03 * d[0])).abs() < 1e-12);
    assert!((e.mean_log_relative_error - (d[0] / 2.0 + 1.0 / 2.0) / 4.0).abs() < 1e-12);
    assert_eq!(e.model_means().len(), 2);
    assert!((e.model_means()[0] - (x0[0] + x1[0]) / 2.0).abs() < 1e-12);
    assert!(e.better_than_paper().is_none());
    // Later starts leave less to compare, and nothing at all is an error.
    let later = Evaluation::new(&labels(2), &truth, &predicted, &[1, 2]).unwrap();
    assert_eq!(later.log10_errors()[0].len(), 1);
    assert!(Evaluation::new(&labels(2), &truth, &predicted, &[2, 2]).is_err());
    assert!(Evaluation::new(&labels(3), &truth, &predicted, &[]).is_err());
}

#[test]
fn table_f1_averages_as_the_paper_says() {
    let mean = TABLE_F1.iter().map(|row| row.1).sum::<f64>() / 29.0;
    assert!((mean + 0.41).abs() < 0.005, "{mean}");
}

/// Trajectories that are smooth functions of two parameters (log10 of species 1 and 2), with species 3 = 1 + 2 and 4 = 2.
fn smooth(models: usize, seed: u64) -> Trajectories {
    let mut values = Vec::new();
    let mut random = seed;
    let mut uniform = || {
        random = random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (random >> 11) as f64 / (1u64 << 53) as f64
    };
    for _ in 0..models {
        let (a, b) = (-2.0 + 3.0 * uniform(), -2.0 + 3.0 * uniform());
        let (na, nb) = (10f64.powf(a), 10f64.powf(b));
        values.extend([1e4, na, nb, na + nb, nb]);
        for t in 1..4 {
            let t = f64::from(t);
            values.extend(
                [
                    1e4,
                    (0.3 * a * t).sin(),
                    (a + b).cos() * t,
                    0.1 * a * b,
                    t - b,
                ]
                .map(|x: f64| if x == 1e4 { x } else { 10f64.powf(x) }),
            );
        }
    }
    Trajectories::new(values, models, 4, 5).unwrap()
}

#[test]
fn interpolation_finds_the_two_parameters_and_interpolates() {
    let (train, test) = (smooth(150, 1), smooth(20, 2));
    let dataset = Dataset::new(
        labels(5),
        vec![1.0, 2.0, 3.0, 4.0],
        train.clone(),
        test.clone(),
        Trajectories::empty(4, 5),
    )
    .unwrap();
    let interpolation = Interpolation::fit(&dataset).unwrap();
    assert_eq!(interpolation.parameters(), ["X1", "X2"]);
    // Exact at its nodes.
    let back = interpolation.predict_all(&train).unwrap();
    for (a, b) in back.values().iter().zip(train.values()) {
        assert!((a / b - 1.0).abs() < 1e-7, "{a} {b}");
    }
    let predicted = interpolation.predict_all(&test).unwrap();
    let e = Evaluation::new(&labels(5), &test, &predicted, &[]).unwrap();
    assert!(e.mae_dex < 5e-3, "{}", e.mae_dex);
    assert!(interpolation.predict(&[1.0]).is_err());
    // Models that occur twice do no harm; constant ones give a clear error.
    let twice: Vec<usize> = (0..150).chain(0..150).collect();
    let doubled = Dataset::new(
        labels(5),
        vec![1.0, 2.0, 3.0, 4.0],
        train.select(&twice),
        test,
        Trajectories::empty(4, 5),
    )
    .unwrap();
    assert_eq!(Interpolation::fit(&doubled).unwrap().nodes(), 150);
    let constant = Dataset::new(
        labels(5),
        vec![1.0, 2.0, 3.0, 4.0],
        train.select(&[0, 0]),
        train.select(&[0]),
        Trajectories::empty(4, 5),
    )
    .unwrap();
    assert!(
        Interpolation::fit(&constant)
            .unwrap_err()
            .to_string()
            .contains("varies")
    );
}

#[test]
fn interpolation_agrees_with_scipy() {
    // scipy.interpolate.RBFInterpolator(x, y, kernel="cubic") on x = [[0,0],[1,0],[0,1],[1,1],[.3,.6]], y = sin(3 x0) + x1²,
    // at (0.4, 0.7) and (0.8, 0.1): see the values below (SciPy 1.17.1).
    let x = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.3, 0.6]];
    let mut values = Vec::new();
    for [a, b] in x {
        let y = f64::sin(3.0 * a) + b * b;
        values.extend([10f64.powf(a), 10f64.powf(b), 1e6, 1.0, 1.0, 10f64.powf(y)]);
    }
    let train = Trajectories::new(values, 5, 2, 3).unwrap();
    let dataset = Dataset::new(
        labels(3),
        vec![1.0, 2.0],
        train,
        Trajectories::empty(2, 3),
        Trajectories::empty(2, 3),
    )
    .unwrap();
    let interpolation = Interpolation::fit(&dataset).unwrap();
    for (at, expected) in SCIPY {
        let found = interpolation
            .predict(&[10f64.powf(at[0]), 10f64.powf(at[1]), 1e6])
            .unwrap()[5]
            .log10();
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
}

const SCIPY: [([f64; 2], f64); 2] = [
    ([0.4, 0.7], 1.2413998328452411),
    ([0.8, 0.1], 0.4124209133920119),
];

proptest! {
    #[test]
    fn normalisation_there_and_back(models in 2usize..6, kind in 0..3usize) {
        let data = smooth(models, 7);
        let scaling = [Scaling::MinMaxJoint, Scaling::MinMaxPerSpecies, Scaling::Standard][kind];
        let n = Normalisation::fit(&data, scaling).unwrap();
        let mut x = data.log10();
        n.apply(&mut x);
        if kind < 2 {
            let (low, high) = x.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
            prop_assert!((low + 1.0).abs() < 1e-12 && (high - 1.0).abs() < 1e-12);
        } else {
            for s in 1..5 {
                let column: Vec<f64> = (0..models).flat_map(|m| (1..4).map(move |t| (m, t))).map(|(m, t)| x[(m * 4 + t) * 5 + s]).collect();
                let mean = column.iter().sum::<f64>() / column.len() as f64;
                let variance = column.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / column.len() as f64;
                prop_assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 1e-9);
            }
        }
        let mut state = vec![0.0; 5];
        n.normalise_state(data.state(1, 2), &mut state);
        for (a, b) in state.iter().zip(&x[(4 + 2) * 5..]) {
            prop_assert!((a - b).abs() < 1e-9);
        }
        n.invert(&mut x);
        for (a, b) in x.iter().zip(data.values()) {
            prop_assert!((a / b - 1.0).abs() < 1e-9);
        }
    }
}
