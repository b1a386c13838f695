//! `--device`: a GPU where one is there, a clear refusal where it was asked for and is not, the CPU otherwise.

#![allow(clippy::unwrap_used)]

mod support;

#[cfg(feature = "cuda")]
#[path = "../../autodiff-ae/tests/cuda/host.rs"]
#[allow(dead_code)]
mod host;

use support::{call, write};

const TINY: &str = "
[data]
split = [6, 2, 2]
points = 12
t_end = 1e3
rtol = 1e-4
atol = 1e-16
";

#[test]
fn a_device_that_is_not_there_is_refused_and_auto_takes_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tiny.toml", TINY);
    call(at, "generate --config tiny.toml --seed 1 --out d.h5").expect(0);
    let train = "train --data d.h5 --recipe paper --max-steps 4 --out m.safetensors";
    let cuda = call(at, &format!("{train} --device cuda"));
    if !cfg!(feature = "cuda") {
        cuda.refused(2, &["--device cuda", "without the feature"]);
    } else if cuda.code != 0 {
        // No GPU on this machine.
        cuda.refused(1, &["no CUDA device"]);
        let auto = call(at, train).expect(0);
        assert!(
            auto.stderr.contains("training on the CPU: no CUDA device"),
            "{}",
            auto.stderr
        );
    }
    let models = ["auto", "cpu"].map(|device| {
        call(at, &format!("{train} --device {device}")).expect(0);
        std::fs::metadata(at.join("m.safetensors")).unwrap().len()
    });
    assert!(models.iter().all(|&len| len > 0));
    call(at, &format!("{train} --device gpu")).refused(2, &["gpu", "auto", "cuda"]);
}

/// Timed steps and an ensemble on a CUDA device, from the command line: a GPU where there is one, else the device on the host.
#[cfg(feature = "cuda")]
#[test]
fn timed_steps_and_ensembles_run_on_the_device() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tiny.toml", TINY);
    call(at, "generate --config tiny.toml --seed 1 --out d.h5").expect(0);
    let libraries = match autodiff_ae::cuda::CudaDevice::open(0) {
        Ok(_) => None,
        Err(e) => {
            eprintln!("no GPU ({e}): on the CUDA device on the host");
            match host::Libraries::build() {
                Some(libraries) => Some(libraries),
                None => {
                    eprintln!("SKIPPED: no C++ compiler to build the CUDA device on the host");
                    return;
                }
            }
        }
    };
    let run = |words: &str| {
        let mut command = support::command(at);
        command.arg("train").args(words.split_whitespace());
        command.envs(libraries.iter().flat_map(|l| l.environment(1)));
        support::Call::from(command.output().unwrap()).expect(0)
    };
    let common = "--data d.h5 --recipe paper --batch 16 --json";
    // Timed steps end where as many steps of training end, and there the CPU's end, too, up to rounding.
    let timed = run(&format!("{common} --device cuda --benchmark-steps 9")).json();
    let whole = run(&format!(
        "{common} --device cuda --max-steps 9 --out m.safetensors"
    ))
    .json();
    let cpu = run(&format!("{common} --device cpu --benchmark-steps 9")).json();
    assert_eq!(
        (&timed["device"], &cpu["device"]),
        (&"cuda".into(), &"cpu".into())
    );
    assert!(timed["milliseconds_per_step"].as_f64().unwrap() > 0.0);
    assert_eq!(timed["losses"], whole["losses"]);
    for k in 0..4 {
        let [a, b] = [&timed, &cpu].map(|run| run["losses"][k].as_f64().unwrap());
        assert!((a / b - 1.0).abs() < 1e-3, "L{k}: {a} against {b}");
    }
    // Every seed of an ensemble is that of a training by itself.
    let out = "--max-steps 9 --out e.safetensors";
    let many = run(&format!(
        "{common} --device cuda --seed 3 --ensemble 2 {out}"
    ))
    .json();
    assert_eq!(many["device"], "cuda");
    for (k, seed) in [3, 4].into_iter().enumerate() {
        let one = run(&format!("{common} --device cuda --seed {seed} {out}")).json();
        assert_eq!(many["members"][k]["seed"], seed);
        assert_eq!(many["members"][k]["validation"], one["best_validation"]);
    }
    let other = "--data d.h5 --device cuda --max-steps 4 --out o.safetensors";
    let mut command = support::command(at);
    command.arg("train").args(other.split_whitespace());
    command.envs(libraries.iter().flat_map(|l| l.environment(1)));
    support::Call::from(command.output().unwrap()).refused(1, &["device", "rollout"]);
}
