//! Laws of series, scaling, division, batches and error statistics along lines of sight.
#![allow(clippy::unwrap_used)]

use latent_ode::rays::{
    Batching, LogScaling, Padded, Pooling, Quantity, RayErrors, ScaledSeries, ScalingRule, Series,
    SeriesScaling, SeriesSet, SeriesSource, SplitRule,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A set of series of the given lengths with random but physical values.
fn set(lengths: &[usize], species: usize, seed: u64) -> SeriesSet {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let names = (0..species).map(|i| format!("S{i}")).collect();
    let quantities = vec![
        Quantity::GasTemperature,
        Quantity::Density,
        Quantity::Field,
        Quantity::IonisationRate,
    ];
    let series: Vec<_> = lengths
        .iter()
        .enumerate()
        .map(|(i, &n)| {
            let mut power =
                |low: f64, high: f64| 10f64.powf(low + (high - low) * rng.random::<f64>());
            let mut av = 0.0;
            let mut series = Series::default();
            for _ in 0..n {
                series.s.push(av);
                av += power(-6.0, 0.0);
                series.x.extend((0..species).map(|_| power(-30.0, 0.0)));
                series.aux.extend([
                    power(1.0, 4.0),
                    power(1.0, 6.0),
                    power(-40.0, 4.0),
                    power(-17.0, -13.0),
                ]);
            }
            (format!("m{i}"), series)
        })
        .collect();
    SeriesSet::new(names, quantities, series).unwrap()
}

fn log_uniform_lengths(count: usize, seed: u64) -> Vec<usize> {
    // p(L) ∝ 1/L between 48 and 592, the range of the paper's v3.
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count)
        .map(|_| (48.0 * (592.0f64 / 48.0).powf(rng.random::<f64>())).round() as usize)
        .collect()
}

proptest! {
    #[test]
    fn scaling_is_undone_by_its_inverse(
        values in proptest::collection::vec(-30.0f64..5.0, 1..60), offset in -25.0f64..-3.0, shift in -20.0f64..5.0, scale in 0.01f64..10.0,
    ) {
        let x: Vec<f64> = values.iter().map(|v| 10f64.powf(*v)).collect();
        let offset = 10f64.powf(offset);
        let scaling = LogScaling::uniform(1, offset, shift, scale).unwrap();
        let back = scaling.inverse(&scaling.forward::<f64>(&x));
        for (a, b) in x.iter().zip(&back) {
            // What the offset swallows cannot come back.
            prop_assert!((a - b).abs() <= 1e-11 * (a + offset), "{a:e} {b:e}");
        }
    }

    #[test]
    fn a_fitted_set_has_mean_0_and_total_variance_1(
        lengths in proptest::collection::vec(2usize..20, 2..8), seed in 0u64..1000, pooled in any::<bool>(),
    ) {
        let set = set(&lengths, 3, seed);
        let members: Vec<usize> = (0..lengths.len()).collect();
        let abundances = if pooled { Pooling::Pooled } else { Pooling::PerColumn };
        let rule = ScalingRule { abundances, ..ScalingRule::default() };
        let scaling = SeriesScaling::fit(&set, &members, &[Quantity::Field, Quantity::GasTemperature], rule).unwrap();
        let scaled: Vec<ScaledSeries<f64>> =
            members.iter().map(|&i| scaling.scale(&set.series(i).unwrap(), set.quantities()).unwrap()).collect();
        // Means and variances of each series and column, by their definition.
        let stats = |of: &dyn Fn(&ScaledSeries<f64>) -> Vec<f64>, columns: usize| -> Vec<(f64, f64)> {
            scaled.iter().flat_map(|s| {
                let values = of(s);
                (0..columns).map(move |j| {
                    let v: Vec<f64> = values.iter().skip(j).step_by(columns).copied().collect();
                    let mean = v.iter().sum::<f64>() / v.len() as f64;
                    (mean, v.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / v.len() as f64)
                }).collect::<Vec<_>>()
            }).collect()
        };
        let total = |pairs: &[(f64, f64)]| {
            let n = pairs.len() as f64;
            let mean = pairs.iter().map(|p| p.0).sum::<f64>() / n;
            (mean, pairs.iter().map(|p| p.1 + (p.0 - mean).powi(2)).sum::<f64>() / n)
        };
        let unit_to = |tolerance: f64, (mean, variance): (f64, f64)| mean.abs() < tolerance && (variance - 1.0).abs() < tolerance;
        let unit = |found| unit_to(1e-9, found);
        let x = stats(&|s| s.x.clone(), 3);
        if pooled {
            prop_assert!(unit(total(&x)));
        } else {
            for j in 0..3 {
                let found = total(&x.iter().skip(j).step_by(3).copied().collect::<Vec<_>>());
                // Abundances all far below the offset are nearly one number: their logarithms differ by what rounding leaves of it.
                let logs = || members.iter().flat_map(|&i| set.series(i).unwrap().x).skip(j).step_by(3).map(|x| (x + 1e-20).log10());
                let spread = logs().fold(f64::NEG_INFINITY, f64::max) - logs().fold(f64::INFINITY, f64::min);
                prop_assert!(unit_to(1e-9f64.max(1e-12 / spread), found), "{found:?} {spread:e}");
            }
        }
        prop_assert!(unit(total(&stats(&|s| s.s.clone(), 1))));
        for j in 0..2 {
            let aux = stats(&|s| s.aux.clone(), 2);
            prop_assert!(unit(total(&aux.into_iter().skip(j).step_by(2).collect::<Vec<_>>())));
        }
    }

    #[test]
    fn every_series_is_in_one_part(count in 20usize..400, seed in any::<u64>(), kind in 0..3) {
        let rule = match kind {
            0 => SplitRule::FileOrder,
            1 => SplitRule::Shuffled { seed },
            _ => SplitRule::Fraction { fraction: 0.3, seed },
        };
        let split = rule.split(count).unwrap();
        prop_assert_eq!(&split, &rule.split(count).unwrap());
        let mut all = [split.train.clone(), split.validation.clone(), split.test.clone()].concat();
        if kind == 0 {
            prop_assert!(all.is_sorted());
        }
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..count));
        if kind == 2 {
            prop_assert!(split.train.len() + split.validation.len() <= 3 * count / 10);
        }
        let text = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(serde_json::from_str::<SplitRule>(&text).unwrap(), rule);
    }

    #[test]
    fn every_series_is_in_one_batch(
        lengths in proptest::collection::vec(1usize..600, 1..200), size in 1usize..70, alpha in 0.0f64..1.0, kind in 0..3, seed in any::<u64>(),
    ) {
        let batching = match kind {
            0 => Batching::Random { batch: size },
            1 => Batching::SemiRandom { batch: size, alpha },
            _ => Batching::Packed { points: 20 * size },
        };
        let batches = batching.batches(&lengths, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
        for b in &batches {
            match batching {
                Batching::Packed { points } => prop_assert!(b.len() == 1 || b.iter().map(|&i| lengths[i]).sum::<usize>() <= points),
                _ => prop_assert!(!b.is_empty() && b.len() <= size),
            }
        }
        let wasted = batching.wasted(&batches, &lengths);
        prop_assert!((0.0..1.0).contains(&wasted));
        let mut all = batches.concat();
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..lengths.len()));
    }

    #[test]
    fn padding_repeats_the_last_point_and_is_masked(lengths in proptest::collection::vec(1usize..9, 1..6), seed in 0u64..100) {
        let set = set(&lengths, 2, seed);
        let members: Vec<usize> = (0..lengths.len()).collect();
        let scaling = SeriesScaling::fit(&set, &members, &[Quantity::Density], ScalingRule::default()).unwrap();
        let scaled: Vec<ScaledSeries<f32>> =
            members.iter().map(|&i| scaling.scale(&set.series(i).unwrap(), set.quantities()).unwrap()).collect();
        let padded = Padded::new(&scaled);
        let longest = lengths.iter().copied().max().unwrap();
        prop_assert_eq!(padded.points, longest);
        let held = (lengths.len() * longest) as f64;
        let zeros = padded.mask.iter().filter(|m| **m == 0.0).count() as f64;
        let wasted = Batching::Random { batch: 9 }.wasted(&[members], &lengths);
        prop_assert!((zeros / held - wasted).abs() < 1e-12);
        for (i, one) in scaled.iter().enumerate() {
            for k in 0..longest {
                let (at, from) = (i * longest + k, k.min(lengths[i] - 1));
                prop_assert_eq!(padded.mask[at] == 1.0, k < lengths[i]);
                prop_assert_eq!(padded.s[at], one.s[from]);
                prop_assert_eq!(padded.aux[at], one.aux[from]);
                prop_assert_eq!(&padded.x[2 * at..2 * at + 2], &one.x[2 * from..2 * from + 2]);
            }
        }
    }

    #[test]
    fn errors_are_those_of_the_definition(lengths in proptest::collection::vec(2usize..12, 1..5), seed in 0u64..1000, cut in 0usize..5) {
        let (truth, guess) = (set(&lengths, 3, seed), set(&lengths, 3, seed + 1));
        let mut parts = [RayErrors::new(3), RayErrors::new(3)];
        let (mut all, mut above, mut bins) = (Vec::new(), Vec::new(), vec![Vec::new(); 5]);
        for i in 0..lengths.len() {
            let (t, g) = (truth.series(i).unwrap(), guess.series(i).unwrap());
            for k in 1..t.len() {
                parts[usize::from(i < cut)].push(k, t.s[k], t.abundances(k), g.abundances(k));
                for (x, y) in t.abundances(k).iter().zip(g.abundances(k)) {
                    let error = ((y + 1e-20) / (x + 1e-20)).log10().abs();
                    all.push(error);
                    if *x > 1e-12 { above.push(error) }
                    let av = t.s[k];
                    bins[if av < 1e-3 { 0 } else if av < 0.1 { 1 } else if av < 1.0 { 2 } else if av < 5.0 { 3 } else { 4 }].push(error);
                }
            }
        }
        let [mut errors, other] = parts;
        errors.merge(&other);
        let scores = errors.scores();
        let agree = |a: Option<f64>, b: &[f64]| match a {
            None => b.is_empty(),
            Some(a) => (a - b.iter().sum::<f64>() / b.len() as f64).abs() < 1e-9,
        };
        prop_assert!(agree(scores.mae_dex, &all));
        prop_assert!(agree(scores.mae_dex_above_1e_12, &above));
        for (a, b) in scores.mae_dex_by_av.iter().zip(&bins) {
            prop_assert!(agree(*a, b));
        }
        prop_assert_eq!(scores.non_finite, 0);
    }
}

#[test]
fn the_papers_table_of_padding() {
    // Vermariën et al. 2025: zero-padded fraction at batch 64 for α from 0 to 0.5, and for random batches. Their lengths run
    // from 48 to 592; with p(L) ∝ 1/L the published numbers come out within a tenth or so.
    let lengths = log_uniform_lengths(40_000, 7);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let published = [
        (0.0, 0.000),
        (0.001, 0.001),
        (0.01, 0.019),
        (0.025, 0.052),
        (0.05, 0.102),
        (0.075, 0.149),
        (0.1, 0.192),
        (0.5, 0.512),
    ];
    let mut wasted = |batching: Batching| {
        let batches = batching.batches(&lengths, &mut rng).unwrap();
        batching.wasted(&batches, &lengths)
    };
    let mut before = -1.0;
    for (alpha, theirs) in published {
        let ours = wasted(Batching::SemiRandom { batch: 64, alpha });
        println!("alpha {alpha}: {ours:.4}, published {theirs}");
        assert!(ours > before, "α = {alpha}: {ours} after {before}");
        assert!(
            (ours - theirs).abs() < 0.01 + 0.15 * theirs,
            "α = {alpha}: {ours}, published {theirs}"
        );
        if alpha == 0.0 {
            assert!(ours < 0.005);
        }
        before = ours;
    }
    let random = wasted(Batching::Random { batch: 64 });
    println!("random: {random:.4}, published 0.619");
    assert!(random > before && random > 0.5);
    // As many points in a batch as 64 series have on average: nothing is padded, and hardly any capacity is left over.
    let mean = lengths.iter().sum::<usize>() / lengths.len();
    let packed = wasted(Batching::Packed { points: 64 * mean });
    println!("packed: {packed:.4}");
    assert!(packed < 0.01, "{packed}");
}

#[test]
fn what_is_not_finite_is_counted_and_enters_no_mean() {
    let mut errors = RayErrors::new(2);
    errors.push(1, 0.5, &[1e-4, 1e-5], &[f64::NAN, 1e-6]);
    errors.push_temperature(100.0, 0.0);
    errors.push_temperature(100.0, 1000.0);
    let scores = errors.scores();
    assert_eq!(scores.non_finite, 2);
    assert!((scores.mae_dex.unwrap() - 1.0).abs() < 1e-9);
    assert_eq!(scores.mae_dex_per_species[0], None);
    assert!((scores.mae_dex_gas_temperature.unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn impossible_series_are_refused_with_name_and_point() {
    let quantities = vec![Quantity::Density];
    let good = Series {
        s: vec![0.0, 1.0],
        x: vec![0.5, 0.4],
        aux: vec![100.0, 100.0],
    };
    type Spoil = fn(&mut Series);
    let spoiled: [(Spoil, &str); 6] = [
        (|s| s.s[1] = -1.0, "A_V = -1"),
        (|s| s.s.reverse(), "falls from 1 to 0"),
        (|s| s.x[1] = f64::NAN, "species 0"),
        (|s| s.x.truncate(1), "1 abundances for 2 points"),
        (|s| s.aux[0] = 0.0, "n_H [cm⁻³] = 0"),
        (|s| s.s.clear(), "no point"),
    ];
    for (spoil, expected) in spoiled {
        let mut series = good.clone();
        spoil(&mut series);
        let error = SeriesSet::new(
            vec!["H".into()],
            quantities.clone(),
            [("m7".into(), series)],
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("m7") && text.contains(expected), "{text}");
    }
    let set = SeriesSet::new(vec!["H".into()], quantities, [("m".into(), good)]).unwrap();
    let error =
        SeriesScaling::fit(&set, &[0], &[Quantity::Field], ScalingRule::default()).unwrap_err();
    assert!(error.to_string().contains("field"), "{error}");
}
