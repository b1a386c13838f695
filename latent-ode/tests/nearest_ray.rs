//! The nearest ray as a baseline: held against a search through all rays by the definition of the distance.
#![allow(clippy::unwrap_used)]

use latent_ode::rays::{
    Inputs, NearestRay, Quantity, Series, SeriesSet, SeriesSource, evaluate_nearest_rays,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const QUANTITIES: [Quantity; 6] = [
    Quantity::SurfaceField,
    Quantity::GasTemperature,
    Quantity::DustTemperature,
    Quantity::Density,
    Quantity::Field,
    Quantity::IonisationRate,
];

/// Rays of the given lengths whose inputs wander, all in one surrounding.
fn rays(lengths: &[usize], seed: u64) -> SeriesSet {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let series: Vec<_> = lengths
        .iter()
        .enumerate()
        .map(|(i, &n)| {
            let mut draw = |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
            let mut out = Series::default();
            let (mut av, mut logs) = (
                10f64.powf(draw(-3.0, -1.0)),
                [draw(1.0, 3.0), 1.2, draw(1.0, 4.0), draw(-2.0, 1.0)],
            );
            for _ in 0..n {
                out.s.push(av);
                av += 10f64.powf(draw(-3.0, 0.0));
                logs.iter_mut().for_each(|l| *l += draw(-0.3, 0.3));
                out.x
                    .extend([draw(-12.0, 0.0), draw(-25.0, -15.0)].map(|l| 10f64.powf(l)));
                let [t, dust, density, field] = logs.map(|l| 10f64.powf(l));
                out.aux.extend([10.0, t, dust, density, field, 1e-16]);
            }
            (format!("ray {i}"), out)
        })
        .collect();
    SeriesSet::new(vec!["H".into(), "CO".into()], QUANTITIES.to_vec(), series).unwrap()
}

/// A quantity at a depth, by a walk over the pieces of the ray.
fn at(series: &Series, depth: f64, value: &dyn Fn(usize) -> f64) -> f64 {
    let u = |k: usize| (series.s[k] + 1e-8).log10();
    let last = series.len() - 1;
    if depth <= u(0) {
        return value(0);
    }
    for k in 0..last {
        if depth <= u(k + 1) {
            let t = (depth - u(k)) / (u(k + 1) - u(k));
            return value(k) + t * (value(k + 1) - value(k));
        }
    }
    value(last)
}

/// The ends, then eight places of each input.
fn description(series: &Series, inputs: Inputs) -> Vec<Vec<f64>> {
    let u = |k: usize| (series.s[k] + 1e-8).log10();
    let (a, b) = (u(0), u(series.len() - 1));
    let mut out = vec![vec![a], vec![b]];
    for q in inputs.quantities() {
        let column = QUANTITIES.iter().position(|c| c == q).unwrap();
        let log = |k: usize| (series.aux[k * QUANTITIES.len() + column] + q.offset()).log10();
        let places = (0..8).map(|i| at(series, a + (b - a) * f64::from(i) / 7.0, &log));
        out.push(places.collect());
    }
    out
}

/// Squared distances of a ray to all known ones: mean squares of each part in units of its variance.
fn distances(known: &[Vec<Vec<f64>>], one: &[Vec<f64>]) -> Vec<f64> {
    let variance = |part: usize| {
        let all: Vec<f64> = known.iter().flat_map(|d| d[part].clone()).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64
    };
    let variances: Vec<f64> = (0..one.len()).map(variance).collect();
    let square = |d: &Vec<Vec<f64>>| -> f64 {
        let parts = d.iter().zip(one).zip(&variances).filter(|p| *p.1 > 1e-18);
        let mean = |a: &[f64], b: &[f64]| {
            a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / a.len() as f64
        };
        parts.map(|((a, b), v)| mean(a, b) / v).sum()
    };
    known.iter().map(square).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn it_is_the_one_a_search_through_all_rays_finds(
        lengths in proptest::collection::vec(2usize..25, 12..60), seed in 0u64..1 << 40, local in any::<bool>(),
    ) {
        let set = rays(&lengths, seed);
        let inputs = if local { Inputs::Local } else { Inputs::Standalone };
        let members: Vec<usize> = (0..lengths.len()).filter(|i| i % 3 != 0).collect();
        let nearest = NearestRay::fit(&set, &members, inputs).unwrap();
        let known: Vec<_> = members.iter().map(|&i| description(&set.series(i).unwrap(), inputs)).collect();
        let (mut sum, mut count) = (0.0, 0.0);
        let unseen: Vec<usize> = (0..lengths.len()).filter(|i| i % 3 == 0).collect();
        for &i in &unseen {
            let one = set.series(i).unwrap();
            let all = distances(&known, &description(&one, inputs));
            let least = all.iter().copied().fold(f64::INFINITY, f64::min);
            let found = nearest.nearest(&one, &QUANTITIES).unwrap();
            let own = all[members.iter().position(|m| *m == found).unwrap()];
            prop_assert!(own <= least * (1.0 + 1e-9) + 1e-12, "{} is {own} away, another {least}", found);
            // Its logarithms at the same depths.
            let near = set.series(found).unwrap();
            let predicted = nearest.predict(&one, &QUANTITIES).unwrap();
            prop_assert_eq!(predicted.gas_temperature.is_some(), !local);
            for k in 0..one.len() {
                let u = (one.s[k] + 1e-8).log10();
                for j in 0..2 {
                    let expected = at(&near, u, &|k| (near.x[2 * k + j] + 1e-20).log10());
                    let got = (predicted.abundances[2 * k + j] + 1e-20).log10();
                    prop_assert!((got - expected).abs() < 1e-9, "{got} {expected}");
                    if k > 0 {
                        sum += (expected - (one.x[2 * k + j] + 1e-20).log10()).abs();
                        count += 1.0;
                    }
                }
                if let Some(t) = &predicted.gas_temperature {
                    let expected = at(&near, u, &|k| near.aux[6 * k + 1].log10());
                    prop_assert!((t[k].log10() - expected).abs() < 1e-9);
                }
            }
        }
        let scores = evaluate_nearest_rays(&nearest, &set, &unseen).unwrap().scores;
        prop_assert!((scores.mae_dex.unwrap() - sum / count).abs() < 1e-9);
        // A known ray is its own nearest.
        let own = set.series(members[0]).unwrap();
        prop_assert_eq!(nearest.nearest(&own, &QUANTITIES).unwrap(), members[0]);
    }
}

#[test]
fn without_rays_or_inputs_there_is_none() {
    let set = rays(&[4, 5, 6], 1);
    assert!(NearestRay::fit(&set, &[], Inputs::Local).is_err());
    let nearest = NearestRay::fit(&set, &[0, 1], Inputs::Local).unwrap();
    let one = set.series(2).unwrap();
    let error = nearest.nearest(&one, &QUANTITIES[..5]).unwrap_err();
    assert!(error.to_string().contains("ζ"), "{error}");
    assert!(nearest.nearest(&Series::default(), &QUANTITIES).is_err());
}
