//! Laws of temperature ranges: which fit holds, what holds outside, and that the derivative is that
//! of the coefficient.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chem_network::{
    Environment, Error, Extrapolation, Fit, GrainH2, Rate, RateLaw, RateOptions, TemperatureRange,
};
use proptest::prelude::*;

const POLICIES: [Extrapolation; 3] = [
    Extrapolation::Extrapolate,
    Extrapolation::Clamp,
    Extrapolation::Zero,
];

fn at(t: f64) -> Environment {
    Environment::new(t, 1e-17)
}

fn value(rate: &Rate, t: f64, policy: Extrapolation) -> f64 {
    let options = RateOptions::default().with_extrapolation(policy);
    rate.coefficient(&at(t), &options, || "A -> B".to_owned())
        .unwrap()
}

fn slope(rate: &Rate, t: f64, policy: Extrapolation) -> f64 {
    let options = RateOptions::default().with_extrapolation(policy);
    rate.derivative(&at(t), &options, || "A -> B".to_owned())
        .unwrap()
}

fn laws() -> impl Strategy<Value = RateLaw> {
    prop_oneof![
        (1e-12..1e-8f64, -3.0..3.0f64, -50.0..500.0f64)
            .prop_map(|(alpha, beta, gamma)| RateLaw::Kooij { alpha, beta, gamma }),
        (0.1..1.0f64, 1e-10..1e-8f64, 0.1..8.0f64)
            .prop_map(|(alpha, beta, gamma)| RateLaw::IonPol1 { alpha, beta, gamma }),
        (0.1..1.0f64, 1e-10..1e-8f64, 0.1..8.0f64)
            .prop_map(|(alpha, beta, gamma)| RateLaw::IonPol2 { alpha, beta, gamma }),
    ]
}

/// Ranges one above the other with gaps between them, each with a law.
fn disjoint() -> impl Strategy<Value = Vec<Fit>> {
    (1..5usize)
        .prop_flat_map(|count| {
            (
                prop::collection::vec(0.05..1.0f64, 2 * count),
                prop::collection::vec(laws(), count),
            )
        })
        .prop_map(|(steps, laws)| {
            let mut ln = 5f64.ln();
            let ends: Vec<f64> = steps
                .iter()
                .map(|step| {
                    ln += step;
                    ln.exp()
                })
                .collect();
            let ranges = ends
                .chunks(2)
                .map(|e| TemperatureRange::new(e[0], e[1]).unwrap());
            ranges
                .zip(laws)
                .map(|(range, law)| Fit::new(law, range))
                .collect()
        })
}

/// Any ranges, overlapping or not, some without one.
fn any_fits() -> impl Strategy<Value = Vec<Fit>> {
    let end = || prop_oneof![Just(0.0), Just(f64::INFINITY), 5.0..3000.0f64];
    let range = prop::option::weighted(0.9, (end(), end()));
    prop::collection::vec((laws(), range), 1..5).prop_map(|fits| {
        let range = |(a, b): (f64, f64)| TemperatureRange::new(a.min(b), a.max(b)).ok();
        fits.into_iter()
            .map(|(law, ends)| Fit::new(law, ends.and_then(range)))
            .collect()
    })
}

fn index(rate: &Rate, t: f64) -> usize {
    let (chosen, _) = rate.select(t);
    let same = |fit: &Fit| std::ptr::eq(fit, chosen);
    rate.fits().iter().position(same).unwrap()
}

proptest! {
    #[test]
    fn order_of_disjoint_ranges_does_not_matter(
        (fits, shuffled) in disjoint().prop_flat_map(|fits| (Just(fits.clone()), Just(fits).prop_shuffle())),
        t in 3.0..3000.0f64,
    ) {
        let (a, b) = (Rate::of(fits).unwrap(), Rate::of(shuffled).unwrap());
        for policy in POLICIES {
            prop_assert_eq!(value(&a, t, policy), value(&b, t, policy));
            prop_assert_eq!(slope(&a, t, policy), slope(&b, t, policy));
        }
    }

    #[test]
    fn a_range_that_holds_decides_whatever_the_policy(fits in any_fits(), t in 3.0..4000.0f64) {
        let rate = Rate::of(fits.clone()).unwrap();
        let holding = fits.iter().find(|f| f.range.is_none_or(|r| r.contains(t)));
        prop_assert_eq!(rate.select(t).1, holding.is_some());
        if let Some(fit) = holding {
            let alone = Rate::from(fit.law.clone());
            for policy in POLICIES {
                prop_assert_eq!(value(&rate, t, policy), value(&alone, t, policy));
                prop_assert_eq!(slope(&rate, t, policy), slope(&alone, t, policy));
            }
        }
    }

    #[test]
    fn clamped_is_constant_outside_and_equal_to_the_end(fits in disjoint(), factor in 1.0..30.0f64) {
        let (low, high) = (fits[0].range.unwrap().min(), fits[fits.len() - 1].range.unwrap().max());
        let rate = Rate::of(fits).unwrap();
        for (end, t) in [(low, low / factor), (high, high * factor)] {
            prop_assert_eq!(value(&rate, t, Extrapolation::Clamp), value(&rate, end, Extrapolation::Clamp));
            if t != end {
                prop_assert_eq!(slope(&rate, t, Extrapolation::Clamp), 0.0);
                prop_assert_eq!(value(&rate, t, Extrapolation::Zero), 0.0);
                prop_assert_eq!(slope(&rate, t, Extrapolation::Zero), 0.0);
            }
        }
    }

    #[test]
    fn clamped_rates_are_continuous_at_the_ends_of_ranges(fits in disjoint()) {
        let rate = Rate::of(fits.clone()).unwrap();
        for fit in &fits {
            let range = fit.range.unwrap();
            for (end, beyond) in [(range.min(), range.min() * (1.0 - 1e-9)), (range.max(), range.max() * (1.0 + 1e-9))] {
                // Beyond the end but nearer to it than to any other: gaps are wider than 5 %.
                for policy in [Extrapolation::Clamp, Extrapolation::Extrapolate] {
                    let (inside, outside) = (value(&rate, end, policy), value(&rate, beyond, policy));
                    prop_assert!((inside - outside).abs() <= 1e-6 * inside, "{end}: {inside} {outside}");
                }
            }
        }
    }

    /// The choice changes at ends of ranges and at the geometric middles between ends alone.
    #[test]
    fn the_choice_changes_only_at_ends_and_middles(fits in any_fits(), low in 3.0..3000.0f64, step in 1.0001..1.5f64) {
        let rate = Rate::of(fits.clone()).unwrap();
        let high = low * step;
        if index(&rate, low) != index(&rate, high) {
            let ends: Vec<f64> = fits.iter().filter_map(|f| f.range).flat_map(|r| [r.min(), r.max()]).collect();
            let between = |t: f64| t >= low * (1.0 - 1e-12) && t <= high * (1.0 + 1e-12);
            let middles = ends.iter().flat_map(|a| ends.iter().map(move |b| (a * b).sqrt()));
            prop_assert!(ends.iter().copied().chain(middles).any(between), "{low} {high} {ends:?}");
        }
    }

    #[test]
    fn the_derivative_is_that_of_the_coefficient(fits in any_fits(), t in 3.0..4000.0f64) {
        let rate = Rate::of(fits).unwrap();
        let h = 1e-5 * t;
        // Across a change of fit there is no derivative.
        prop_assume!(index(&rate, t - h) == index(&rate, t + h));
        prop_assume!(rate.select(t - h).1 == rate.select(t + h).1);
        for policy in POLICIES {
            let (up, down) = (value(&rate, t + h, policy), value(&rate, t - h, policy));
            let difference = (up - down) / ((t + h) - (t - h));
            let found = slope(&rate, t, policy);
            // Third derivatives are at most of the order k (γ/T)³/T³, γ/T up to 170.
            let scale = (value(&rate, t, policy) / t).max(found.abs());
            prop_assert!((found - difference).abs() <= 1e-4 * scale, "{policy:?}: {found:e} {difference:e}");
        }
    }
}

#[test]
fn ranges_that_are_none_are_refused() {
    for (min, max) in [
        (-1.0, 10.0),
        (20.0, 10.0),
        (f64::NAN, 10.0),
        (10.0, f64::NAN),
        (f64::INFINITY, f64::INFINITY),
        (0.0, 0.0),
    ] {
        let error = TemperatureRange::new(min, max).unwrap_err();
        assert!(
            matches!(error, Error::TemperatureRange { .. }),
            "{min} {max}"
        );
    }
    let open = TemperatureRange::new(0.0, f64::INFINITY).unwrap();
    assert!(open.contains(1e-300) && open.contains(1e300));
    let point = TemperatureRange::new(10.0, 10.0).unwrap();
    assert!(point.contains(10.0) && !point.contains(10.000001));
}

#[test]
fn a_rate_needs_fits_of_one_order() {
    assert!(matches!(Rate::of(Vec::new()), Err(Error::Fits(_))));
    let kooij = Fit::from(RateLaw::Kooij {
        alpha: 1.0,
        beta: 0.0,
        gamma: 0.0,
    });
    let grain = Fit::from(RateLaw::GrainH2(GrainH2::Simple));
    assert!(matches!(
        Rate::of(vec![kooij, grain.clone()]),
        Err(Error::Fits(_))
    ));
    assert_eq!(Rate::of(vec![grain.clone(), grain]).unwrap().law(), None);
}
