//! Ensembles of the training loop on a device: each member ends where it ends on the CPU, those that diverge too.

use super::problem::{Problem, Sourced, problems};
use autodiff_ae::cuda::CudaDevice;
use autodiff_ae::train::*;
use autodiff_ae::*;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

type Member = Trainer<f64, Derivatives<f64, Sourced>>;

/// A training with a seed, schedule and weights of its own.
fn member(problem: &Problem, tables: &[Arc<SampleTable<f64>>; 2], k: u64, rate: f64) -> Member {
    let weights = LossWeights {
        latent_rate: 0.02 * (k + 1) as f64,
        ..LossWeights::default()
    };
    let objective = Derivatives::new(
        problem.model.clone(),
        Sourced(super::common::MassAction::new(problem.dynamics.0.driven)),
        problem.loss_config(weights, Reduction::Mean),
        Arc::clone(&tables[0]),
    )
    .unwrap()
    .with_validation(Arc::clone(&tables[1]))
    .unwrap();
    let mut options = TrainerOptions::new(19, 24)
        .with_seed(k)
        .with_method(Method::adam_w(0.01))
        .with_schedule(Schedule::Cosine {
            peak: rate,
            floor: 0.0,
            warmup: k,
            total: 19,
        });
    // The last segment is shorter than the others.
    options.review_every = 5;
    options.average = 0.9;
    options.clip_norm = 0.3;
    options.accumulate = 2;
    options.plateau = Some(Plateau::new(0.5, 0, 0.3, 0.1).unwrap());
    options.divergence = 20.0;
    options.retries = 3;
    Trainer::new(objective, options, problem.params(k)).unwrap()
}

fn tables(problem: &Problem) -> [Arc<SampleTable<f64>>; 2] {
    [1, 2].map(|seed| {
        let (x, xdot, c) = problem.data::<f64>(seed);
        let table = SampleTable::new(problem.model.features(), x, xdot).unwrap();
        let conditions = usize::from(problem.dynamics.0.driven);
        Arc::new(table.with_conditions(conditions, c).unwrap())
    })
}

fn close(what: &str, a: f64, b: f64) {
    assert!(
        (a - b).abs() <= 1e-8 * (1.0 + b.abs()),
        "{what}: {a} against {b}"
    );
}

pub fn all(device: &CudaDevice) {
    let problem = &problems()[1];
    let tables = tables(problem);
    // The last member's rate is far too high: it goes back again and again.
    let rates = [3e-3, 1e-2, 2e-3, 1e3];
    let members = || -> Vec<Member> {
        let each = rates.iter().enumerate();
        each.map(|(k, &rate)| member(problem, &tables, k as u64, rate))
            .collect()
    };
    let cpu = train_ensemble(members(), &CpuDevice::new(1).unwrap(), None).unwrap();
    let gpu = train_ensemble_on(members(), &Device::Cuda(device.clone()), None).unwrap();
    assert_eq!(gpu.best, cpu.best);
    let (a, b) = (gpu.spread.unwrap(), cpu.spread.unwrap());
    assert_eq!(a.members, b.members);
    close("best", a.best, b.best);
    close("median", a.median, b.median);
    close("worst", a.worst, b.worst);
    for (k, (found, expected)) in gpu.members.iter().zip(&cpu.members).enumerate() {
        let what = format!("member {k}");
        let (f, e) = (found.progress(), expected.progress());
        assert_eq!(f.retries, e.retries, "{what}");
        match (&gpu.outcomes[k], &cpu.outcomes[k]) {
            (Ok(a), Ok(b)) => {
                assert_eq!(
                    (a.stopped, a.steps, a.best_step),
                    (b.stopped, b.steps, b.best_step)
                );
                close(&what, a.best_score.unwrap(), b.best_score.unwrap());
            }
            (Err(Error::Diverged { retries: a, .. }), Err(Error::Diverged { retries: b, .. })) => {
                assert_eq!(a, b);
                continue;
            }
            (a, b) => panic!("{what}: {a:?} against {b:?}"),
        }
        assert_eq!(f.history.len(), e.history.len(), "{what}");
        for (a, b) in f.history.iter().zip(&e.history) {
            assert_eq!((a.step, a.epoch), (b.step, b.epoch), "{what}");
            close(&what, a.rate, b.rate);
            close(&what, a.validation.unwrap(), b.validation.unwrap());
            for (name, loss) in &b.losses {
                close(&format!("{what}: {name}"), a.losses[name], *loss);
            }
        }
        for (a, b) in [
            (found.params(), expected.params()),
            (found.best(), expected.best()),
        ] {
            a.iter().zip(b).for_each(|(a, b)| close(&what, *a, *b));
        }
    }
    assert!(
        cpu.members[3].progress().retries > 0,
        "a rate of 1000 diverges"
    );

    // Cancelled before the first step: everyone is where they were.
    let cancelled = train_ensemble_on(
        members(),
        &Device::Cuda(device.clone()),
        Some(&AtomicBool::new(true)),
    )
    .unwrap();
    for (member, outcome) in cancelled.members.iter().zip(&cancelled.outcomes) {
        assert_eq!(outcome.as_ref().unwrap().stopped, Stop::Cancelled);
        assert_eq!(member.steps(), 0);
    }
    refusals(device, problem, &tables);
    println!("RESULT ensemble");
}

/// Members that differ in what one kernel has once are refused, and so is an optimiser the device does not have.
fn refusals(device: &CudaDevice, problem: &Problem, tables: &[Arc<SampleTable<f64>>; 2]) {
    let with = |change: &dyn Fn(&mut TrainerOptions)| {
        let good = member(problem, tables, 0, 1e-3);
        let mut options = good.options().clone();
        change(&mut options);
        let params = good.params().to_vec();
        let other = Trainer::new(good.into_objective(), options, params).unwrap();
        let both = vec![member(problem, tables, 0, 1e-3), other];
        autodiff_ae::cuda::train_ensemble(both, device, None).map(|_| ())
    };
    assert!(with(&|_| ()).is_ok());
    let changes: [&dyn Fn(&mut TrainerOptions); 5] = [
        &|o| o.batch = 8,
        &|o| o.clip_norm = 0.0,
        &|o| o.average = 0.0,
        &|o| o.method = Method::ADAM,
        &|o| {
            o.method = Method::Sgd {
                momentum: 0.0,
                nesterov: false,
            }
        },
    ];
    for change in changes {
        assert!(matches!(with(change), Err(Error::Members(_))));
    }
    let none: Vec<Member> = Vec::new();
    assert!(matches!(
        autodiff_ae::cuda::train_ensemble(none, device, None),
        Err(Error::EmptyEnsemble)
    ));
}
