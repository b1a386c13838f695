//! Generated data sets: reproducible whatever the threads, conserving, cancellable, with failures reported.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use chem_network::{Environment, Kinetics, embedded, sampling::Distribution};
use latent_ode::{Control, Dataset, Error, GenerateOptions, Generated, OnFailure, Part, generate};

fn kinetics() -> Kinetics {
    Kinetics::new(&embedded("osu224").unwrap(), &Environment::new(50.0, 1e-16)).unwrap()
}

fn options() -> GenerateOptions {
    GenerateOptions {
        split: [5, 3, 2],
        t_end: 1e3,
        points: 12,
        rtol: 1e-4,
        atol: 1e-14,
        ..Default::default()
    }
}

fn run(options: &GenerateOptions) -> Result<Generated, Error> {
    generate(
        &kinetics(),
        &Distribution::grassi(),
        options,
        &Control::default(),
    )
}

#[test]
fn split_seeded_and_independent_of_threads() {
    let data = run(&options()).unwrap();
    assert!(data.failures.is_empty() && data.seconds > 0.0 && data.statistics.steps > 100);
    let d = &data.dataset;
    assert_eq!(
        [d.train(), d.test(), d.val()].map(|p| (p.samples(), p.times(), p.quantities())),
        [(5, 12, 29), (3, 12, 29), (2, 12, 29)]
    );
    assert_eq!((d.timesteps()[0], d.timesteps()[11]), (1e-6, 1e3));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(3)
        .build()
        .unwrap();
    assert_eq!(&pool.install(|| run(&options())).unwrap().dataset, d);
    let other = run(&GenerateOptions {
        seed: 2,
        ..options()
    })
    .unwrap();
    assert_ne!(other.dataset.train(), d.train());
    // Model i does not depend on how many there are, nor on the part it goes to.
    let fewer = run(&GenerateOptions {
        split: [2, 3, 0],
        ..options()
    })
    .unwrap();
    assert_eq!(fewer.dataset.test().sample(0), d.train().sample(2));
}

#[test]
fn initial_states_elements_and_parameters() {
    let d = run(&options()).unwrap().dataset;
    let at = |name: &str| d.labels().iter().position(|l| l == name).unwrap();
    assert_eq!(d.parameter_names(), ["C", "C+"]);
    let network = embedded("osu224").unwrap();
    for part in Part::ALL {
        let t = d.part(part);
        for m in 0..t.samples() {
            let (first, parameters) = (t.state(m, 0), &d.parameters(part)[2 * m..]);
            assert_eq!(
                (first[at("C")], first[at("C+")]),
                (parameters[0], parameters[1])
            );
            assert_eq!((first[at("H2")], first[at("e-")]), (1e4, parameters[1]));
            assert!((first[at("O")] / (parameters[0] + parameters[1]) - 1.0).abs() < 1e-12);
            for (name, weights) in network.conserved_quantities() {
                let total = |n: &[f64]| n.iter().zip(&weights).map(|(n, w)| n * w).sum::<f64>();
                let scale = first
                    .iter()
                    .zip(&weights)
                    .map(|(n, w)| (n * w).abs())
                    .sum::<f64>();
                assert!(
                    (total(t.state(m, 11)) - total(first)).abs() < 1e-9 * scale,
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn random_starts_lie_on_the_trajectory() {
    let options = GenerateOptions {
        random_start: true,
        rtol: 1e-7,
        atol: 1e-18,
        ..options()
    };
    let d = run(&options).unwrap().dataset;
    assert_eq!(d.parameter_names(), ["C", "C+", "start_time"]);
    // The same initial state solved here, by another route: the output at the start time, from the undisturbed trajectory.
    let plain = run(&GenerateOptions {
        random_start: false,
        points: 400,
        ..options.clone()
    })
    .unwrap()
    .dataset;
    let start = d.parameters(Part::Train)[2];
    assert!((1e-6..=1e3).contains(&start));
    let times = plain.timesteps();
    let k = times.iter().position(|&t| t > start).unwrap().max(1);
    for (species, n) in d.train().state(0, 0).iter().enumerate() {
        let (a, b) = (
            plain.train().state(0, k - 1)[species],
            plain.train().state(0, k)[species],
        );
        let (low, high) = (a.min(b) * 0.9 - 1e-12, a.max(b) * 1.1 + 1e-12);
        assert!(
            (low..=high).contains(n),
            "species {species}: {n} outside {low}..{high}"
        );
    }
}

#[test]
fn cancelled_and_refused() {
    let cancel = AtomicBool::new(false);
    let calls = AtomicUsize::new(0);
    let progress = |done: usize, of: usize| {
        assert!(done <= of);
        calls.fetch_add(1, Ordering::Relaxed);
        cancel.store(true, Ordering::Relaxed);
    };
    let control = Control {
        progress: Some(&progress),
        cancel: Some(&cancel),
    };
    let wanted = GenerateOptions {
        split: [200, 0, 0],
        ..options()
    };
    assert!(matches!(
        generate(&kinetics(), &Distribution::grassi(), &wanted, &control),
        Err(Error::Cancelled)
    ));
    assert!((1..200).contains(&calls.load(Ordering::Relaxed)));
    assert!(matches!(
        run(&GenerateOptions {
            rtol: -1.0,
            ..options()
        }),
        Err(Error::Option { name: "rtol", .. })
    ));
    assert!(matches!(
        run(&GenerateOptions {
            split: [0, 0, 0],
            ..options()
        }),
        Err(Error::Option { name: "split", .. })
    ));
    assert!(matches!(
        run(&GenerateOptions {
            t_end: 1e-7,
            ..options()
        }),
        Err(Error::Times(_))
    ));
}

#[test]
fn failures_are_reported_replaced_or_left_out() {
    // A limit of steps that some models meet and others do not.
    let steps = run(&GenerateOptions {
        split: [10, 0, 0],
        ..options()
    })
    .unwrap()
    .statistics
    .steps
        / 10;
    let tight = |on_failure| GenerateOptions {
        max_steps: steps,
        on_failure,
        ..options()
    };
    let replaced = run(&tight(OnFailure::Replace)).unwrap();
    assert!(
        !replaced.failures.is_empty() && replaced.failures[0].reason.contains("steps"),
        "{:?}",
        replaced.failures
    );
    assert_eq!(
        Part::ALL.map(|p| replaced.dataset.part(p).samples()),
        [5, 3, 2]
    );
    let omitted = run(&tight(OnFailure::Omit)).unwrap();
    let left: usize = Part::ALL
        .map(|p| omitted.dataset.part(p).samples())
        .iter()
        .sum();
    assert_eq!(left + omitted.failures.len(), 10);
    assert!(matches!(
        run(&GenerateOptions {
            max_steps: 3,
            ..options()
        }),
        Err(Error::Generate { .. })
    ));
}

#[test]
#[cfg(feature = "hdf5")]
fn generated_sets_survive_the_disk() {
    let d = run(&options()).unwrap().dataset;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.h5");
    d.write(&path).unwrap();
    assert_eq!(Dataset::read(&path).unwrap(), d);
}
