//! `train`: timed steps are those of training, equal seeds leave equal files, an ensemble keeps its best.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use support::{call, names, write};

const TINY: &str = "
[data]
split = [12, 2, 4]
points = 20
t_end = 1e4
rtol = 1e-4
atol = 1e-16
[training]
steps = 40
validate_every = 20
[training.model]
encoder = [12]
decoder = [12]
[training.objective]
trajectories = 8
outputs = 6
";

fn data(at: &Path) {
    write(at, "tiny.toml", TINY);
    call(at, "generate --config tiny.toml --out d.h5").expect(0);
}

/// The numbers of a safetensors file, its header apart.
fn tensors(at: &Path, name: &str) -> Vec<u8> {
    let bytes = std::fs::read(at.join(name)).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

#[test]
fn timed_steps_end_where_training_ends() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    data(at);
    let common = "--recipe paper --data d.h5 --batch 16 --seed 4 --threads 1 --json";
    let timed = call(at, &format!("train {common} --benchmark-steps 70"))
        .expect(0)
        .json();
    assert!(timed["milliseconds_per_step"].as_f64().unwrap() > 0.0);
    let losses = timed["losses"].as_array().unwrap();
    assert!(losses.len() == 4 && losses.iter().all(|l| l.as_f64().unwrap() > 0.0));
    assert_eq!(
        (timed["steps"].as_u64(), timed["batch"].as_u64()),
        (Some(70), Some(16))
    );
    let whole = call(
        at,
        &format!("train {common} --max-steps 70 --out whole.safetensors"),
    );
    assert_eq!(whole.expect(0).json()["losses"], timed["losses"]);
    call(
        at,
        &format!("train {common} --benchmark-steps 70 --out timed.safetensors"),
    )
    .expect(0);
    assert_eq!(
        tensors(at, "timed.safetensors"),
        tensors(at, "whole.safetensors")
    );
    // Another number of steps, another seed: elsewhere.
    let seed = common.replace("--seed 4", "--seed 5");
    for other in [
        format!("{common} --benchmark-steps 69"),
        format!("{seed} --benchmark-steps 70"),
    ] {
        let json = call(at, &format!("train {other}")).expect(0).json();
        assert_ne!(json["losses"], timed["losses"]);
    }
    call(
        at,
        "train --recipe paper --data d.h5 --benchmark-steps 5 --max-steps 5",
    )
    .refused(2, &["--benchmark-steps"]);
    call(at, "train --recipe paper --data d.h5").refused(2, &["--out"]);
}

#[test]
fn the_same_seed_leaves_the_same_file_on_one_thread_and_two() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    data(at);
    let recipes = [
        "--config tiny.toml",
        "--recipe paper --max-steps 60 --batch 200",
    ];
    for recipe in recipes {
        let file = |name: &str, threads: usize| {
            call(
                at,
                &format!("train {recipe} --data d.h5 --seed 2 --threads {threads} --out {name}"),
            )
            .expect(0);
            std::fs::read(at.join(name)).unwrap()
        };
        let one = file("a.safetensors", 1);
        assert!(one == file("b.safetensors", 1), "repeated: {recipe}");
        assert!(one == file("c.safetensors", 2), "two threads: {recipe}");
    }
}

#[test]
fn an_ensemble_keeps_its_best_and_says_how_the_others_did() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    data(at);
    let train = "train --config tiny.toml --data d.h5 --threads 2";
    let json = call(
        at,
        &format!("{train} --seed 5 --ensemble 3 --out e.safetensors --json"),
    )
    .expect(0)
    .json();
    let members = json["members"].as_array().unwrap();
    let scores: Vec<f64> = members
        .iter()
        .map(|m| m["validation"].as_f64().unwrap())
        .collect();
    let best = scores.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(scores.len(), 3);
    assert_eq!(json["best_validation"].as_f64(), Some(best));
    assert_eq!(json["spread"]["best"].as_f64(), Some(best));
    let seed = json["best_seed"].as_u64().unwrap();
    assert_eq!(scores[seed as usize - 5], best);
    // The file is the one that seed alone leaves, and nothing else is left.
    call(at, &format!("{train} --seed {seed} --out s.safetensors")).expect(0);
    assert!(
        std::fs::read(at.join("e.safetensors")).unwrap()
            == std::fs::read(at.join("s.safetensors")).unwrap()
    );
    assert_eq!(
        names(at),
        ["d.h5", "e.safetensors", "s.safetensors", "tiny.toml"]
    );
    call(
        at,
        &format!("{train} --ensemble 3 --resume --out f.safetensors"),
    )
    .refused(2, &["--resume"]);
}
