//! Optimisers against their published formulas, written out, and schedules at their corners.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::*;
use common::uniform;

/// Adam as Kingma & Ba print it (Algorithm 1), in double precision.
fn adam_by_the_book(p: &mut [f64], gradients: &[Vec<f64>], rate: f64, decay: f64) {
    let (b1, b2, eps) = (0.9_f64, 0.999_f64, 1e-7);
    let (mut m, mut v) = (vec![0.0; p.len()], vec![0.0; p.len()]);
    for (t, g) in gradients.iter().enumerate() {
        let t = t as i32 + 1;
        for i in 0..p.len() {
            m[i] = b1 * m[i] + (1.0 - b1) * g[i];
            v[i] = b2 * v[i] + (1.0 - b2) * g[i] * g[i];
            let (mh, vh) = (m[i] / (1.0 - b1.powi(t)), v[i] / (1.0 - b2.powi(t)));
            p[i] = p[i] - rate * decay * p[i] - rate * mh / (vh.sqrt() + eps);
        }
    }
}

#[test]
fn adam_and_adamw_follow_the_book() {
    let n = 67;
    let gradients: Vec<Vec<f64>> = (0..30).map(|s| uniform(n, s)).collect();
    for decay in [0.0, 0.1] {
        let mut expected = uniform::<f64>(n, 99);
        let (mut p64, mut p32) = (expected.clone(), uniform::<f32>(n, 99));
        adam_by_the_book(&mut expected, &gradients, 0.01, decay);
        let mut o64 = AdamW::new(Adam::new(n), decay).unwrap();
        let mut o32 = AdamW::new(Adam::new(n), decay).unwrap();
        for g in &gradients {
            o64.step(0.01, &mut p64, g).unwrap();
            o32.step(
                0.01,
                &mut p32,
                &g.iter().map(|x| *x as f32).collect::<Vec<_>>(),
            )
            .unwrap();
        }
        for i in 0..n {
            assert!(
                (p64[i] - expected[i]).abs() < 1e-13,
                "{} against {}",
                p64[i],
                expected[i]
            );
            assert!((f64::from(p32[i]) - expected[i]).abs() < 1e-5);
        }
    }
}

#[test]
fn adam_goes_on_from_its_state_bit_for_bit() {
    let gradients: Vec<Vec<f32>> = (0..10).map(|s| uniform(33, s)).collect();
    let (mut whole, mut adam) = (uniform::<f32>(33, 50), Adam::new(33));
    gradients
        .iter()
        .for_each(|g| adam.step(1e-2, &mut whole, g).unwrap());
    let (mut resumed, mut first) = (uniform::<f32>(33, 50), Adam::new(33));
    gradients[..4]
        .iter()
        .for_each(|g| first.step(1e-2, &mut resumed, g).unwrap());
    let mut checkpoint = Checkpoint::new();
    checkpoint.insert_adam("adam", first.state()).unwrap();
    let read = Checkpoint::from_bytes(&checkpoint.to_bytes(), "memory").unwrap();
    let mut second = Adam::new(33);
    second
        .set_state(read.read_adam("adam", 33).unwrap())
        .unwrap();
    gradients[4..]
        .iter()
        .for_each(|g| second.step(1e-2, &mut resumed, g).unwrap());
    assert_eq!(resumed, whole);
    assert!(second.set_state(Adam::new(3).state().clone()).is_err());
    assert!(second.step(1e-2, &mut resumed[1..], &gradients[0]).is_err());
}

#[test]
fn clipping_keeps_the_direction_and_returns_the_norm() {
    let g = uniform::<f64>(100, 1);
    let norm = g.iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut clipped = g.clone();
    assert!((clip_global_norm(&mut clipped, 0.5) - norm).abs() < 1e-12 * norm);
    for (a, b) in clipped.iter().zip(&g) {
        assert!((a - b * 0.5 / norm).abs() < 1e-15);
    }
    let mut untouched = g.clone();
    clip_global_norm(&mut untouched, 1e3);
    assert_eq!(untouched, g);
    let mut broken = vec![1.0, f64::NAN];
    assert!(clip_global_norm(&mut broken, 1.0).is_nan());
    assert_eq!(broken[0], 1.0);
}

#[test]
fn not_a_number_is_found_wherever_it_hides() {
    for n in [1, 15, 16, 17, 100] {
        let mut v = uniform::<f32>(n, 3);
        assert!(all_finite(&v));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for i in 0..n {
                let old = std::mem::replace(&mut v[i], bad);
                assert!(!all_finite(&v));
                v[i] = old;
            }
        }
    }
}

#[test]
fn cosine_has_its_corners() {
    let s = Schedule::Cosine {
        peak: 2.0,
        floor: 0.5,
        warmup: 10,
        total: 110,
    };
    assert_eq!(s.rate(0), 0.2);
    assert_eq!(s.rate(9), 2.0);
    assert_eq!(s.rate(10), 2.0);
    assert!((s.rate(60) - 1.25).abs() < 1e-12);
    assert!((s.rate(110) - 0.5).abs() < 1e-12);
    assert_eq!(s.rate(1_000_000), 0.5);
    assert!((10..110).all(|i| s.rate(i + 1) < s.rate(i)));
    assert_eq!(Schedule::Constant { rate: 0.3 }.rate(5), 0.3);
    assert!(Schedule::Constant { rate: -1.0 }.validate().is_err());
    assert!(
        Schedule::Cosine {
            peak: f64::NAN,
            floor: 0.0,
            warmup: 0,
            total: 1
        }
        .validate()
        .is_err()
    );
    let text = serde_json::to_string(&s).unwrap();
    assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), s);
}

#[test]
fn plateau_waits_then_lowers_and_resumes() {
    let mut p = Plateau::new(0.5, 2, 0.01, 0.2).unwrap();
    assert_eq!(p.observe(1.0), 1.0);
    // Three validations without 1 % of improvement: more than the patience of two.
    assert_eq!(
        [p.observe(0.999), p.observe(1.0), p.observe(1.0)],
        [1.0, 1.0, 0.5]
    );
    let text = serde_json::to_string(&p).unwrap();
    let mut again: Plateau = serde_json::from_str(&text).unwrap();
    assert_eq!(again, p);
    let fresh = Plateau::new(0.5, 2, 0.01, 0.2).unwrap();
    assert_eq!(
        serde_json::from_str::<Plateau>(&serde_json::to_string(&fresh).unwrap()).unwrap(),
        fresh
    );
    assert_eq!(again.observe(0.5), 0.5);
    assert_eq!(
        [
            again.observe(1.0),
            again.observe(1.0),
            again.observe(f64::NAN)
        ],
        [0.5, 0.5, 0.25]
    );
    assert_eq!(
        [again.observe(1.0), again.observe(1.0), again.observe(1.0)],
        [0.25, 0.25, 0.2]
    );
    assert!(Plateau::new(1.5, 1, 0.0, 0.0).is_err());
}
