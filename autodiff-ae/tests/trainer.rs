//! The training loop: reproducible, resumable bit for bit, and able to help itself when a loss explodes.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::optim::{Memory, Stage};
use autodiff_ae::train::*;
use autodiff_ae::*;
use common::{MASSES, MassAction, model, uniform};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Σ curvature (p − target)², exact gradient; explodes into NaN from a step on for as long as a rate lasts.
struct Bowl {
    curvature: Vec<f64>,
    target: Vec<f64>,
}

impl Objective<f64> for Bowl {
    fn param_len(&self) -> usize {
        self.target.len()
    }
    fn samples(&self) -> usize {
        0
    }
    fn evaluate(
        &mut self,
        p: &[f64],
        _: &Draw<'_>,
        _: &mut [f64],
        g: &mut [f64],
    ) -> Result<f64, Error> {
        let mut loss = 0.0;
        for i in 0..p.len() {
            let d = p[i] - self.target[i];
            loss += self.curvature[i] * d * d;
            g[i] += 2.0 * self.curvature[i] * d;
        }
        Ok(loss)
    }
    fn validate(&mut self, p: &[f64]) -> Result<Option<f64>, Error> {
        let d = p.iter().zip(&self.target).map(|(p, t)| (p - t) * (p - t));
        Ok(Some(d.sum()))
    }
}

fn bowl() -> Bowl {
    Bowl {
        curvature: vec![1.0, 3.0],
        target: vec![2.0, -1.0],
    }
}

/// L0–L3 of a small network on `samples` random samples, some held back.
fn objective<T: Scalar>(samples: usize, seed: u64) -> (Derivatives<T, MassAction>, Vec<T>) {
    let (model, params) = model::<T>(
        6,
        &[9, 7],
        Activation::Silu,
        [Activation::Tanh, Activation::Tanh],
        seed,
    );
    let config = LossConfig {
        weights: LossWeights::default(),
        reduction: Reduction::Mean,
        masses: MASSES.to_vec(),
    };
    let table = |n: usize, s| {
        Arc::new(SampleTable::new(6, uniform(6 * n, s), uniform(6 * n, s + 1)).unwrap())
    };
    let objective = Derivatives::new(model, MassAction::new(false), config, table(samples, 1))
        .unwrap()
        .with_validation(table(40, 3))
        .unwrap();
    (objective, params)
}

/// Everything switched on at once.
fn elaborate(method: Method) -> TrainerOptions {
    TrainerOptions {
        accumulate: 2,
        method,
        schedule: Schedule::warm_restarts(5e-3, 1e-4, 3, 20, 2, 60),
        plateau: Some(Plateau::new(0.5, 1, 0.2, 0.01).unwrap()),
        clip_norm: 0.05,
        average: 0.9,
        review_every: 7,
        ..TrainerOptions::new(60, 24)
    }
}

fn methods() -> [Method; 3] {
    let sgd = Method::Sgd {
        momentum: 0.9,
        nesterov: true,
    };
    [Method::ADAM, Method::adam_w(0.01), sgd]
}

/// The file a whole training leaves, on so many threads.
fn file_of(threads: usize, batch: usize, method: Method) -> Vec<u8> {
    CpuDevice::new(threads).unwrap().run(|| {
        let (objective, params) = objective::<f32>(700, 5);
        let options = TrainerOptions {
            batch,
            ..elaborate(method)
        };
        let mut trainer = Trainer::new(objective, options, params).unwrap();
        trainer.run(&mut Control::default()).unwrap();
        trainer.checkpoint().unwrap().to_bytes()
    })
}

#[test]
fn the_same_seed_gives_the_same_file_on_one_thread_and_two() {
    for batch in [24, 300] {
        let file = file_of(1, batch, Method::ADAM);
        assert_eq!(file, file_of(1, batch, Method::ADAM));
        assert_eq!(file, file_of(2, batch, Method::ADAM));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Interrupted anywhere and taken up from its file, a training ends as if nothing had happened.
    #[test]
    fn resumed_is_as_uninterrupted(at in 1_u64..60, which in 0_usize..3) {
        let options = elaborate(methods()[which]);
        let run = |interrupt: Option<u64>| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state.safetensors");
            let (objective_, params) = objective::<f32>(200, 5);
            let mut trainer = Trainer::new(objective_, options.clone(), params.clone()).unwrap();
            if let Some(until) = interrupt {
                let mut control = Control { until: Some(until), checkpoint: Some(path.clone()), ..Control::default() };
                assert_eq!(trainer.run(&mut control).unwrap().stopped, Stop::Paused);
                // A new one, from other parameters: everything must come from the file.
                let other = params.iter().map(|p| p * 0.5).collect();
                trainer = Trainer::new(objective::<f32>(200, 5).0, options.clone(), other).unwrap();
                trainer.resume(&path).unwrap();
                assert_eq!(trainer.steps(), until);
            }
            let outcome = trainer.run(&mut Control::default()).unwrap();
            assert_eq!((outcome.stopped, outcome.steps), (Stop::Finished, 60));
            trainer.checkpoint().unwrap().to_bytes()
        };
        prop_assert!(run(None) == run(Some(at)));
    }

    /// Every pass is a permutation, batches of a pass are disjoint, and any batch can be asked for in any order.
    #[test]
    fn batches_shuffle_all_samples(samples in 1_usize..200, batch in 1_usize..64, seed in 0_u64..50) {
        let mut shuffle = Shuffle::new(samples, batch, seed).unwrap();
        let mut order = shuffle.epoch(3).to_vec();
        order.sort_unstable();
        prop_assert_eq!(order, (0..samples).collect::<Vec<_>>());
        let per_epoch = shuffle.per_epoch();
        let mut seen = std::collections::BTreeSet::new();
        for b in 0..per_epoch {
            let members = shuffle.batch(3 * per_epoch + b).to_vec();
            prop_assert_eq!(members.len(), batch.min(samples));
            for m in members { prop_assert!(seen.insert(m)); }
        }
        let again = Shuffle::new(samples, batch, seed).unwrap().batch(5).to_vec();
        shuffle.batch(900);
        prop_assert_eq!(shuffle.batch(5), &again[..]);
    }
}

#[test]
fn passes_differ_and_so_do_seeds() {
    let order = |seed, epoch| Shuffle::new(100, 10, seed).unwrap().epoch(epoch).to_vec();
    assert_ne!(order(1, 0), order(1, 1));
    assert_ne!(order(1, 0), order(2, 0));
    assert!(matches!(Shuffle::new(0, 3, 1), Err(Error::EmptyBatch)));
    assert!(matches!(Shuffle::new(3, 0, 1), Err(Error::EmptyBatch)));
}

#[test]
fn gradients_accumulated_over_parts_are_those_of_one_large_batch() {
    let train = |batch, accumulate| {
        let (objective, params) = objective::<f64>(96, 5);
        let options = TrainerOptions {
            accumulate,
            ..TrainerOptions::new(30, batch)
        };
        let mut trainer = Trainer::new(objective, options, params).unwrap();
        trainer.run(&mut Control::default()).unwrap();
        let total = trainer.progress().history.last().unwrap().losses["total"];
        (trainer.params().to_vec(), total)
    };
    let ((whole, a), (parts, b)) = (train(48, 1), train(16, 3));
    assert!((a - b).abs() < 1e-10 * a);
    let start = objective::<f64>(96, 5).1;
    let moved = whole.iter().zip(&start).map(|(w, s)| (w - s).abs());
    assert!(moved.fold(0.0, f64::max) > 1e-3);
    for (w, p) in whole.iter().zip(&parts) {
        assert!((w - p).abs() < 1e-9, "{w} against {p}");
    }
}

#[test]
fn momentum_follows_the_book() {
    // v ← μ v + g, p ← p − η v (or η (g + μ v)), written out for a bowl.
    for nesterov in [false, true] {
        let options = TrainerOptions::new(40, 1)
            .with_schedule(Schedule::Constant { rate: 0.02 })
            .with_method(Method::Sgd {
                momentum: 0.8,
                nesterov,
            });
        let mut trainer = Trainer::new(bowl(), options, vec![0.0, 0.0]).unwrap();
        trainer.run(&mut Control::default()).unwrap();
        let (b, mut p, mut v) = (bowl(), [0.0; 2], [0.0; 2]);
        for _ in 0..40 {
            for i in 0..2 {
                let g = 2.0 * b.curvature[i] * (p[i] - b.target[i]);
                v[i] = 0.8 * v[i] + g;
                p[i] -= 0.02 * if nesterov { g + 0.8 * v[i] } else { v[i] };
            }
        }
        for i in 0..2 {
            assert!((trainer.params()[i] - p[i]).abs() < 1e-12);
        }
    }
    assert!(Sgd::<f64>::new(2, 1.0, false).is_err());
}

#[test]
fn the_average_follows_its_recursion_and_is_what_is_kept() {
    let mut options = TrainerOptions::new(50, 1).with_schedule(Schedule::Constant { rate: 0.05 });
    options.average = 0.7;
    let mut trainer = Trainer::new(bowl(), options, vec![0.0, 0.0]).unwrap();
    let mut average = [0.0; 2];
    for step in 0..50 {
        trainer.step().unwrap();
        let decay = 0.7_f64.min((1.0 + f64::from(step)) / (10.0 + f64::from(step)));
        for (a, p) in average.iter_mut().zip(trainer.params()) {
            *a += (1.0 - decay) * (p - *a);
        }
    }
    for (a, b) in trainer.averaged().iter().zip(average) {
        assert!((a - b).abs() < 1e-13);
    }
    assert_ne!(trainer.averaged(), trainer.params());
}

#[test]
fn clipping_bounds_the_step() {
    let mut options = TrainerOptions::new(1, 1)
        .with_schedule(Schedule::Constant { rate: 1.0 })
        .with_method(Method::Sgd {
            momentum: 0.0,
            nesterov: false,
        });
    options.clip_norm = 0.3;
    let mut trainer = Trainer::new(bowl(), options, vec![0.0, 0.0]).unwrap();
    // The gradient at 0 is (−4, 6).
    let Step::Taken { norm, .. } = trainer.step().unwrap() else {
        unreachable!()
    };
    assert!((norm - 52.0_f64.sqrt()).abs() < 1e-12);
    let length = trainer.params().iter().map(|p| p * p).sum::<f64>().sqrt();
    assert!((length - 0.3).abs() < 1e-12);
}

#[test]
fn a_rate_too_high_is_lowered_until_training_converges() {
    // Gradient descent on curvature 3 needs a rate below 1/3; at 4 it grows by 23 a step.
    let sgd = Method::Sgd {
        momentum: 0.0,
        nesterov: false,
    };
    let mut options = TrainerOptions::new(400, 1)
        .with_schedule(Schedule::Constant { rate: 4.0 })
        .with_method(sgd);
    options.review_every = 10;
    options.divergence = 100.0;
    let mut trainer = Trainer::new(bowl(), options.clone(), vec![0.0, 0.0]).unwrap();
    let outcome = trainer.run(&mut Control::default()).unwrap();
    assert!(trainer.progress().retries >= 4 && outcome.steps == 400);
    assert_eq!(
        trainer.progress().rate_factor,
        0.5_f64.powi(trainer.progress().retries as i32)
    );
    assert!(outcome.best_score.unwrap() < 1e-10);
    // With too few returns it is an error that says where and how often.
    options.retries = 2;
    let mut trainer = Trainer::new(bowl(), options, vec![0.0, 0.0]).unwrap();
    assert!(matches!(
        trainer.run(&mut Control::default()),
        Err(Error::Diverged { retries: 2, .. })
    ));
}

/// NaN whenever the rate so far exceeds a limit: the second parameter counts it.
struct Fragile {
    bad_at: u64,
    times: usize,
}

impl Objective<f64> for Fragile {
    fn param_len(&self) -> usize {
        1
    }
    fn samples(&self) -> usize {
        0
    }
    fn evaluate(
        &mut self,
        p: &[f64],
        draw: &Draw<'_>,
        _: &mut [f64],
        g: &mut [f64],
    ) -> Result<f64, Error> {
        g[0] += 1.0;
        if draw.step == self.bad_at && self.times > 0 {
            self.times -= 1;
            g[0] = f64::NAN;
        }
        Ok(1e3 + p[0])
    }
}

#[test]
fn not_a_number_returns_to_the_last_review() {
    let mut options = TrainerOptions::new(20, 1)
        .with_schedule(Schedule::Constant { rate: 1.0 })
        .with_method(Method::Sgd {
            momentum: 0.0,
            nesterov: false,
        });
    options.review_every = 5;
    let fragile = Fragile {
        bad_at: 12,
        times: 2,
    };
    let mut trainer = Trainer::new(fragile, options, vec![0.0]).unwrap();
    trainer.run(&mut Control::default()).unwrap();
    // Ten steps at rate 1, back from 12 to 10 twice, ten more at a quarter.
    assert_eq!(trainer.params(), [-12.5]);
    assert_eq!(trainer.progress().rate_factor, 0.25);
}

#[test]
fn stops_when_the_score_stands_still_and_keeps_the_best() {
    let mut options =
        TrainerOptions::new(10_000, 1).with_schedule(Schedule::Constant { rate: 0.05 });
    options.review_every = 10;
    options.patience = Patience {
        reviews: 3,
        improvement: Improvement::Relative(0.01),
        settled: 1.0,
    };
    let mut trainer = Trainer::new(bowl(), options.clone(), vec![0.0, 0.0]).unwrap();
    let mut reviews = Vec::new();
    let mut report = |r: &Record| reviews.push(r.validation.unwrap());
    let outcome = trainer
        .run(&mut Control {
            report: Some(&mut report),
            ..Control::default()
        })
        .unwrap();
    assert_eq!(outcome.stopped, Stop::Standstill);
    assert!(outcome.steps < 10_000);
    let best = reviews.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(outcome.best_score, Some(best));
    let d = |p: &[f64]| (p[0] - 2.0).powi(2) + (p[1] + 1.0).powi(2);
    assert_eq!(d(trainer.best()), best);
    // Patience waits for the rate to fall, where it is told to.
    options.patience.settled = 0.1;
    options.steps = 1000;
    let mut trainer = Trainer::new(bowl(), options, vec![0.0, 0.0]).unwrap();
    assert_eq!(
        trainer.run(&mut Control::default()).unwrap().stopped,
        Stop::Finished
    );
}

#[test]
fn cancelled_training_stops_at_once_and_leaves_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let cancel = AtomicBool::new(false);
    let mut stop = |done: u64, of: u64| {
        assert_eq!(of, 100);
        cancel.store(done == 13, Ordering::Relaxed);
    };
    let mut trainer = Trainer::new(bowl(), TrainerOptions::new(100, 1), vec![0.0, 0.0]).unwrap();
    let outcome = trainer
        .run(&mut Control {
            progress: Some(&mut stop),
            cancel: Some(&cancel),
            checkpoint: Some(path.clone()),
            ..Control::default()
        })
        .unwrap();
    assert_eq!((outcome.stopped, outcome.steps), (Stop::Cancelled, 13));
    let mut again = Trainer::new(bowl(), TrainerOptions::new(100, 1), vec![0.0, 0.0]).unwrap();
    again.resume(&path).unwrap();
    assert_eq!(again.params(), trainer.params());
    // The time of both parts counts.
    assert!(outcome.seconds > 0.0);
    assert_eq!(again.progress().seconds, outcome.seconds);
    let whole = again.run(&mut Control::default()).unwrap();
    assert_eq!((whole.stopped, whole.steps), (Stop::Finished, 100));
    assert!(whole.seconds > outcome.seconds && again.progress().seconds == whole.seconds);
    // A limit of time is one of a session: hours before it do not use it up.
    let mut file = Checkpoint::load(&path).unwrap();
    file.metadata.insert("state.seconds".into(), "7200".into());
    file.save(&path).unwrap();
    let mut options = TrainerOptions::new(100, 1);
    options.max_seconds = 3600.0;
    let mut late = Trainer::new(bowl(), options.clone(), vec![0.0, 0.0]).unwrap();
    late.resume(&path).unwrap();
    let outcome = late.run(&mut Control::default()).unwrap();
    assert_eq!(outcome.stopped, Stop::Finished);
    assert!(outcome.seconds >= 7200.0 && outcome.seconds < 10800.0);
    // Checkpoints of earlier versions did not keep it.
    file.metadata.remove("state.seconds");
    file.save(&path).unwrap();
    late = Trainer::new(bowl(), options, vec![0.0, 0.0]).unwrap();
    late.resume(&path).unwrap();
    assert_eq!(late.progress().seconds, 0.0);
}

#[test]
fn a_checkpoint_of_something_else_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let options = TrainerOptions::new(10, 8);
    let (o, params) = objective::<f32>(64, 5);
    let trainer = Trainer::new(o, options.clone(), params.clone()).unwrap();
    trainer.save(&path).unwrap();
    let fresh = |options: &TrainerOptions, samples| {
        let o = objective::<f32>(samples, 5).0;
        Trainer::new(o, options.clone(), params.clone()).unwrap()
    };
    fresh(&options, 64).resume(&path).unwrap();
    let error = fresh(&options, 65).resume(&path).unwrap_err();
    assert!(matches!(&error, Error::Metadata { key, .. } if key == "state.data"));
    let error = fresh(&options.clone().with_seed(9), 64)
        .resume(&path)
        .unwrap_err();
    assert!(matches!(&error, Error::Metadata { key, .. } if key == "state.options"));
    // Another architecture, another precision, half a file, none.
    let mut bowl_ = Trainer::new(bowl(), options.clone(), vec![0.0, 0.0]).unwrap();
    let error = bowl_.resume(&path).unwrap_err();
    assert!(
        matches!(&error, Error::MissingTensor { name, .. } if name == "params"),
        "{error}"
    );
    let (o, wide) = {
        let (model, params) = model::<f32>(6, &[10, 7], Activation::Silu, [Activation::Tanh; 2], 5);
        let config = LossConfig {
            weights: LossWeights::default(),
            reduction: Reduction::Mean,
            masses: MASSES.to_vec(),
        };
        let table = SampleTable::new(6, uniform(60, 1), uniform(60, 2)).unwrap();
        let o = Derivatives::new(model, MassAction::new(false), config, Arc::new(table)).unwrap();
        (o, params)
    };
    let error = Trainer::new(o, options.clone(), wide)
        .unwrap()
        .resume(&path)
        .unwrap_err();
    assert!(matches!(error, Error::TensorShape { .. }), "{error}");
    let (o, p) = objective::<f64>(64, 5);
    let error = Trainer::new(o, options.clone(), p)
        .unwrap()
        .resume(&path)
        .unwrap_err();
    assert!(matches!(error, Error::TensorType { .. }), "{error}");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let mut t = fresh(&options, 64);
    assert!(matches!(t.resume(&path), Err(Error::Corrupt { .. })));
    assert!(matches!(
        t.resume(folder.path().join("none")),
        Err(Error::Io { .. })
    ));
    assert_eq!(t.params(), trainer.params());
}

#[test]
fn bad_data_shapes_and_settings_are_typed_errors() {
    let table = |x: Vec<f64>| SampleTable::new(2, x.clone(), x);
    assert!(matches!(table(vec![]), Err(Error::EmptyBatch)));
    assert!(matches!(table(vec![1.0; 3]), Err(Error::Length { .. })));
    for bad in [f64::NAN, f64::INFINITY] {
        let Err(Error::NotFinite { index, .. }) = table(vec![0.0, 1.0, 2.0, bad]) else {
            unreachable!()
        };
        assert_eq!(index, 3);
    }
    let t = table(vec![1.0; 8]).unwrap();
    assert!(matches!(
        t.clone().with_conditions(1, vec![0.0; 3]),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        t.clone().with_conditions(1, vec![f64::NAN; 4]),
        Err(Error::NotFinite { .. })
    ));
    // A table of two features for a model of six.
    let (o, params) = objective::<f64>(30, 5);
    let (m, c) = (o.model().clone(), o.config().clone());
    let wrong = Derivatives::new(m, MassAction::new(false), c, Arc::new(t));
    assert!(matches!(wrong, Err(Error::Length { .. })));
    // Parameters and options.
    let new = |options: TrainerOptions, params: Vec<f64>| {
        Trainer::new(objective::<f64>(30, 5).0, options, params).map(drop)
    };
    let options = TrainerOptions::new(10, 4);
    assert!(new(options.clone(), params.clone()).is_ok());
    assert!(matches!(
        new(options.clone(), params[1..].to_vec()),
        Err(Error::Length { .. })
    ));
    let mut nan = params.clone();
    nan[7] = f64::NAN;
    assert!(matches!(
        new(options.clone(), nan),
        Err(Error::NotFinite { index: 7, .. })
    ));
    let broken: [fn(&mut TrainerOptions); 9] = [
        |o| o.steps = 0,
        |o| o.batch = 0,
        |o| o.accumulate = 0,
        |o| o.review_every = 0,
        |o| o.clip_norm = f64::NAN,
        |o| o.average = 1.0,
        |o| o.divergence = -1.0,
        |o| o.patience.settled = 0.0,
        |o| o.schedule = Schedule::Stages { stages: vec![] },
    ];
    for (i, break_it) in broken.into_iter().enumerate() {
        let mut o = options.clone();
        break_it(&mut o);
        assert!(
            matches!(new(o, params.clone()), Err(Error::Range { .. })),
            "{i}"
        );
    }
    let mut memory = Memory::default();
    assert!(Adam::<f64>::new(3).recall(&memory).is_err());
    memory.vectors.push(("velocity".into(), vec![0.0; 3]));
    assert!(
        Sgd::<f64>::new(3, 0.5, false)
            .unwrap()
            .recall(&memory)
            .is_ok()
    );
    assert!(
        Sgd::<f64>::new(2, 0.5, false)
            .unwrap()
            .recall(&memory)
            .is_err()
    );
}

#[test]
fn options_survive_json() {
    for method in methods() {
        let mut options = elaborate(method);
        options.schedule = Schedule::neural_pdr(2e-4, &[(50, 20), (100, 20)]);
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(
            serde_json::from_str::<TrainerOptions>(&text).unwrap(),
            options
        );
    }
}

#[test]
fn warm_restarts_have_their_corners() {
    let s = Schedule::warm_restarts(2.0, 0.0, 10, 110, 2, 300);
    // Cycles of 110 and 220 steps: the second begins at 110 and ends at 330.
    assert_eq!(s.rate(0), 0.0);
    assert_eq!(s.rate(5), 1.0);
    assert_eq!(s.rate(10), 2.0);
    assert!((s.rate(60) - 1.0).abs() < 1e-12);
    assert!(s.rate(109) < 1e-3);
    assert_eq!(s.rate(110), 0.0);
    assert_eq!(s.rate(120), 2.0);
    assert!((s.rate(225) - 1.0).abs() < 1e-12);
    assert!(s.rate(1000) < 1e-12);
    assert_eq!(s.peak(), 2.0);
    let s = Schedule::neural_pdr(1.0, &[(20, 4), (40, 8)]);
    assert!((s.rate(0) - 0.1).abs() < 1e-12 && (s.rate(2) - 0.55).abs() < 1e-12);
    assert_eq!((s.rate(4), s.rate(28)), (1.0, 1.0));
    // Half way down: (1/2)^0.1.
    assert!((s.rate(12) - 0.5_f64.powf(0.1)).abs() < 1e-12);
    assert!((s.rate(20) - 0.1).abs() < 1e-12);
    for broken in [
        Stage {
            steps: 0,
            peak: 1.0,
            floor: 0.0,
            warmup: 0,
            start: 0.0,
            exponent: 1.0,
        },
        Stage {
            steps: 5,
            peak: f64::NAN,
            floor: 0.0,
            warmup: 0,
            start: 0.0,
            exponent: 1.0,
        },
        Stage {
            steps: 5,
            peak: 1.0,
            floor: 0.0,
            warmup: 0,
            start: 2.0,
            exponent: 1.0,
        },
        Stage {
            steps: 5,
            peak: 1.0,
            floor: 0.0,
            warmup: 0,
            start: 0.0,
            exponent: 0.0,
        },
    ] {
        assert!(
            Schedule::Stages {
                stages: vec![broken]
            }
            .validate()
            .is_err()
        );
    }
}
