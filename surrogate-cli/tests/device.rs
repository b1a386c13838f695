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

/// A small grid of lines of sight whose abundances follow from depth and density.
fn grid(path: &std::path::Path) {
    use pdr_data::hdf5::{GridWriter, Model, Parameters};
    use pdr_data::sightline::LineOfSight;
    let mut writer = GridWriter::create(path, &["H", "H2", "CO"].map(String::from)).unwrap();
    for m in 0..16 {
        let density = 10f64.powf(2.0 + (0.7 * f64::from(m)).sin());
        let mut points = LineOfSight::default();
        for k in 0..20 {
            let av = 10f64.powf(-2.0 + 0.15 * f64::from(k));
            let atom = 1.0 / (1.0 + 1e-3 * density * av * av);
            let (gas, field) = (10.0 + 90.0 * atom, 10.0 * (-3.02 * av).exp());
            points.push(
                &[f64::from(k), av, av, gas, 10.0, 1.0, density, field],
                &[atom, 0.5 * (1.0 - atom), 1e-5 * atom],
            );
        }
        let parameters = Parameters {
            field: 10.0,
            density,
            ionisation_rate: 1e-17 * f64::from(1 + m),
        };
        let model = Model {
            id: format!("model_{m}"),
            parameters: Some(parameters),
            points,
            heat: None,
            cool: None,
            line: None,
        };
        writer.write(&model).unwrap();
    }
    writer.finish("a test").unwrap();
}

const POINTS: &str = "
[pointwise]
width = 8
depth = 2
members = 2
epochs = 4
batch = 40
reviews = 2
average = 0.8
[node]
latent = 3
width = 8
depth = 1
latent_width = 8
min_points = 4
stages = [{ epochs = 4, warmup = 1, window = 0 }]
";

#[test]
fn a_ray_surrogate_is_refused_a_device_that_is_not_there_or_not_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "points.toml", POINTS.split("[node]").next().unwrap());
    grid(&at.join("g.h5"));
    let train = "pdr train --data g.h5 --config points.toml --inputs standalone";
    let cuda = call(at, &format!("{train} --out m --device cuda"));
    if !cfg!(feature = "cuda") {
        cuda.refused(2, &["--device cuda", "without the feature"]);
    } else if cuda.code != 0 {
        cuda.refused(1, &["no CUDA device"]);
        let auto = call(at, &format!("{train} --out a")).expect(0);
        assert!(
            auto.stderr.contains("training on the CPU: no CUDA device"),
            "{}",
            auto.stderr
        );
    }
    // What is refused writes nothing.
    assert_eq!(
        at.join("m").exists(),
        at.join("m/model.safetensors").exists()
    );
    // What no GPU is for is refused by name.
    write(at, "stiff.toml", "[node.solver]\nmethod = \"kvaerno5\"");
    let stiff = "pdr train --data g.h5 --config stiff.toml --out n --family node --device cuda";
    call(at, stiff).refused(2, &["--device cuda", "node.solver.method", "kvaerno5"]);
    assert!(!at.join("n").exists());
    let cpu = call(at, &format!("{train} --out c --device cpu --json")).expect(0);
    assert_eq!(cpu.json()["candidates"][0]["device"], "cpu");
}

/// The libraries of the device on the host where there is no GPU (`None` inside where there is one); without a C++ compiler `None`.
#[cfg(feature = "cuda")]
fn libraries() -> Option<Option<host::Libraries>> {
    match autodiff_ae::cuda::CudaDevice::open(0) {
        Ok(_) => Some(None),
        Err(e) => {
            eprintln!("no GPU ({e}): on the CUDA device on the host");
            let libraries = host::Libraries::build();
            if libraries.is_none() {
                eprintln!("SKIPPED: no C++ compiler to build the CUDA device on the host");
            }
            libraries.map(Some)
        }
    }
}

/// Timed steps and an ensemble on a CUDA device, from the command line: a GPU where there is one, else the device on the host.
#[cfg(feature = "cuda")]
#[test]
fn timed_steps_and_ensembles_run_on_the_device() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tiny.toml", TINY);
    call(at, "generate --config tiny.toml --seed 1 --out d.h5").expect(0);
    let Some(libraries) = libraries() else {
        return;
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

/// Ray surrogates trained on a CUDA device are the CPU's, also where several families are tried.
#[cfg(feature = "cuda")]
#[test]
fn ray_surrogates_are_trained_on_the_device() {
    let Some(libraries) = libraries() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "points.toml", POINTS);
    grid(&at.join("g.h5"));
    let run = |words: &str| {
        let mut command = support::command(at);
        let train = "pdr train --data g.h5 --config points.toml --inputs standalone --json";
        command.args(train.split_whitespace());
        command.args(words.split_whitespace());
        command.envs(libraries.iter().flat_map(|l| l.environment(1)));
        support::Call::from(command.output().unwrap()).expect(0)
    };
    for (family, tolerance) in [("pointwise", 1e-3), ("node", 1e-2)] {
        let [cuda, cpu] = ["cuda", "cpu"].map(|device| {
            let words = format!("--family {family} --device {device} --out {family}_{device}");
            let trained = run(&words).json();
            assert_eq!(trained["candidates"][0]["device"], device);
            ["mae_dex", "mae_dex_gas_temperature"].map(|key| trained[key].as_f64().unwrap())
        });
        for (a, b) in cuda.iter().zip(cpu) {
            assert!((a / b - 1.0).abs() < tolerance, "{family}: {a} against {b}");
        }
    }
    let auto = run("--device cuda --family auto --budget 0.02 --out auto");
    let candidates = &auto.json()["candidates"];
    for (k, family) in ["pointwise", "node"].into_iter().enumerate() {
        assert_eq!(candidates[k]["family"], family);
        assert_eq!(candidates[k]["device"], "cuda");
    }
}
