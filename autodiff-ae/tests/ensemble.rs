//! Trainings of one shape at once: each ends where it would alone, the best is found, the spread is what it says.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::train::*;
use autodiff_ae::*;
use common::uniform;
use proptest::prelude::*;

/// Fits sin 3x by a small network; `poisoned` ones only ever see NaN.
struct Fit {
    pass: Pass<f64>,
    x: Vec<f64>,
    input: Batch<f64>,
    bar: Batch<f64>,
    output: Batch<f64>,
    poisoned: bool,
}

impl Fit {
    fn new(poisoned: bool) -> (Self, Mlp) {
        let net = Mlp::new(&[1, 12, 1], Activation::Tanh, Activation::Identity).unwrap();
        let fit = Self {
            pass: Pass::new(&net),
            x: uniform(64, 3),
            input: Batch::zeros(1, 1),
            bar: Batch::zeros(1, 1),
            output: Batch::zeros(1, 1),
            poisoned,
        };
        (fit, net)
    }
}

impl Objective<f64> for Fit {
    fn param_len(&self) -> usize {
        self.pass.mlp().param_len()
    }
    fn samples(&self) -> usize {
        self.x.len()
    }
    fn evaluate(
        &mut self,
        params: &[f64],
        draw: &Draw<'_>,
        _: &mut [f64],
        gradient: &mut [f64],
    ) -> Result<f64, Error> {
        self.input.gather(&self.x, draw.members)?;
        self.pass.forward(params, &self.input, &mut self.output)?;
        let n = draw.members.len();
        self.bar.reshape(1, n);
        let mut loss = if self.poisoned { f64::NAN } else { 0.0 };
        for (s, &m) in draw.members.iter().enumerate() {
            let d = self.output.get(0, s) - (3.0 * self.x[m]).sin();
            loss += d * d / n as f64;
            self.bar.set(0, s, 2.0 * d / n as f64);
        }
        self.pass.reverse(&self.bar, None, gradient)?;
        Ok(loss)
    }
}

fn member(seed: u64, poisoned: bool) -> Trainer<f64, Fit> {
    use rand::SeedableRng;
    let (fit, net) = Fit::new(poisoned);
    let mut params = vec![0.0; net.param_len()];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    net.initialise(Initialiser::LeCun, &mut rng, &mut params)
        .unwrap();
    let options = TrainerOptions::new(150, 16)
        .with_seed(seed)
        .with_schedule(Schedule::Constant { rate: 1e-2 });
    Trainer::new(fit, options, params).unwrap()
}

#[test]
fn members_end_where_they_would_alone_and_the_best_is_kept() {
    let alone: Vec<_> = (0..5)
        .map(|seed| {
            let mut t = member(seed, false);
            let outcome = t.run(&mut Control::default()).unwrap();
            (t.best().to_vec(), outcome.best_score.unwrap())
        })
        .collect();
    for threads in [1, 2] {
        let members = (0..5).map(|seed| member(seed, false)).collect();
        let device = CpuDevice::new(threads).unwrap();
        let ensemble = train_ensemble(members, &device, None).unwrap();
        for (m, (best, _)) in ensemble.members.iter().zip(&alone) {
            assert_eq!(m.best(), best);
        }
        let scores: Vec<f64> = alone.iter().map(|a| a.1).collect();
        let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(scores[ensemble.best.unwrap()], least);
        let spread = ensemble.spread.unwrap();
        assert_eq!((spread.members, spread.best), (5, least));
        assert!(spread.worst > spread.best && spread.deviation > 0.0);
    }
}

#[test]
fn a_member_that_diverges_does_no_harm_to_the_others() {
    let members = vec![member(1, true), member(2, false), member(3, false)];
    let device = CpuDevice::new(2).unwrap();
    let ensemble = train_ensemble(members, &device, None).unwrap();
    assert!(matches!(ensemble.outcomes[0], Err(Error::Diverged { .. })));
    assert!(ensemble.outcomes[1].is_ok() && ensemble.outcomes[2].is_ok());
    assert_eq!(ensemble.spread.unwrap().members, 2);
    assert!(ensemble.best.unwrap() > 0 && ensemble.best().is_some());
    let none = train_ensemble(vec![member(1, true)], &device, None).unwrap();
    assert!(none.best.is_none() && none.spread.is_none());
}

#[test]
fn an_ensemble_of_nothing_or_of_several_shapes_is_an_error() {
    let device = CpuDevice::new(1).unwrap();
    assert!(matches!(
        train_ensemble(Vec::<Trainer<f64, Fit>>::new(), &device, None),
        Err(Error::EmptyEnsemble)
    ));
    let (mut fit, _) = Fit::new(false);
    let other = Mlp::new(&[1, 5, 1], Activation::Tanh, Activation::Identity).unwrap();
    fit.pass = Pass::new(&other);
    let params = vec![0.1; other.param_len()];
    let other = Trainer::new(fit, TrainerOptions::new(5, 4), params).unwrap();
    assert!(matches!(
        train_ensemble(vec![member(1, false), other], &device, None),
        Err(Error::Length { .. })
    ));
}

proptest! {
    /// The spread by its definitions, two-pass.
    #[test]
    fn spread_is_what_it_says(scores in proptest::collection::vec(-1e3_f64..1e3, 1..20)) {
        let s = Spread::of(scores.iter().copied().chain([f64::NAN])).unwrap();
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / n;
        prop_assert!((s.mean - mean).abs() < 1e-9);
        prop_assert!(scores.iter().all(|x| s.best <= *x && *x <= s.worst));
        let below = scores.iter().filter(|x| **x <= s.median).count();
        let above = scores.iter().filter(|x| **x >= s.median).count();
        prop_assert!(2 * below >= scores.len() && 2 * above >= scores.len());
        let variance = scores.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        prop_assert!((s.deviation - variance.sqrt()).abs() < 1e-8);
    }
}
