//! `run` and its stages on a tiny configuration: files, JSON, repeatability, interruption, damaged files.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};
use support::{call, command, names, write};

/// Small enough for seconds; everything else as by default.
const TINY: &str = "
[data]
split = [12, 4, 4]
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

#[test]
fn a_run_writes_everything_and_repeats_from_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tiny.toml", TINY);
    let first = call(at, "run --config tiny.toml --seed 3").expect(0);
    assert!(
        first.stdout.starts_with("folder: runs/default-seed3\n"),
        "the folder comes first: {}",
        first.stdout
    );
    assert!(
        first.stdout.contains("HCO+")
            && first
                .stdout
                .contains("report: runs/default-seed3/report.html")
    );
    let dir = at.join("runs/default-seed3");
    assert_eq!(
        names(&dir),
        [
            "config.toml",
            "data.h5",
            "figures",
            "metrics.json",
            "model.safetensors",
            "report.html"
        ]
    );
    let report = std::fs::read_to_string(dir.join("report.html")).unwrap();
    for word in [
        "<h2 id=\"verdict\">",
        "<h2 id=\"timings\">",
        "Σ m z",
        "AA + BB → AB + AB",
    ] {
        assert!(report.contains(word), "{word}");
    }
    for word in ["src=", "<script", "@import", "url("] {
        assert!(!report.contains(word), "{word}");
    }

    // The same again from the configuration it left: a folder of its own, the same bytes of data and the same scores.
    let second = call(
        at,
        "run --config runs/default-seed3/config.toml --threads 1 --json",
    )
    .expect(0);
    let json = second.json();
    assert_eq!(json["folder"], "runs/default-seed3-2");
    assert!(
        second.stderr.contains("holds a finished run"),
        "{}",
        second.stderr
    );
    let read = |dir: &str, name: &str| std::fs::read(at.join("runs").join(dir).join(name)).unwrap();
    assert_eq!(
        read("default-seed3", "data.h5"),
        read("default-seed3-2", "data.h5")
    );
    assert_eq!(
        read("default-seed3", "config.toml"),
        read("default-seed3-2", "config.toml")
    );
    let metrics: serde_json::Value =
        serde_json::from_slice(&read("default-seed3", "metrics.json")).unwrap();
    assert_eq!(
        metrics["mean_log10_relative_error"],
        json["mean_log10_relative_error"]
    );

    call(at, "run --config tiny.toml --out runs/default-seed3")
        .refused(2, &["holds a run already"]);
    call(at, "run --resume runs/default-seed3").refused(2, &["finished"]);
    evaluate_and_predict(at);
    damaged_files(at);
}

fn evaluate_and_predict(at: &Path) {
    let files = "--model runs/default-seed3/model.safetensors --data runs/default-seed3/data.h5";
    let json = call(at, &format!("evaluate {files} --json"))
        .expect(0)
        .json();
    for key in ["mean_log10_relative_error", "std_log10_relative_error"] {
        assert_eq!(json[key].as_object().unwrap().len(), 29, "{key}");
        assert!(json[key]["HCO+"].is_f64());
    }
    for key in [
        "median_relative_error",
        "mean_relative_error",
        "median_log_relative_error",
        "mean_log_relative_error",
        "mae_dex",
        "lae99_dex",
        "baseline_mae_dex",
        "seconds_per_model",
    ] {
        assert!(
            json[key].as_f64().is_some_and(|v| v > 0.0),
            "{key}: {}",
            json[key]
        );
    }
    write(
        at,
        "initial.csv",
        "H2,C,C+,O,E\n1e4,1,1,2,1\n1e4,0.1,1,1.1,1\n",
    );
    let predict = "predict --model runs/default-seed3/model.safetensors --initial initial.csv";
    let json = call(at, &format!("{predict} --out p.h5 --json"))
        .expect(0)
        .json();
    assert_eq!(
        (json["models"].as_u64(), json["failed"].as_u64()),
        (Some(2), Some(0))
    );
    let predicted = latent_ode::Solutions::read(at.join("p.h5")).unwrap();
    assert_eq!(
        (
            predicted.data.samples(),
            predicted.data.times(),
            predicted.data.quantities()
        ),
        (2, 20, 29)
    );
    let inside = call(at, &format!("{predict} --t-end 1e3 --points 5 --out p.csv")).expect(0);
    assert!(!inside.stderr.contains("extrapolates"), "{}", inside.stderr);
    let outside = call(
        at,
        &format!("{predict} --t-end 1e12 --points 5 --out p.csv"),
    )
    .expect(0);
    assert!(
        outside.stderr.contains("extrapolates"),
        "{}",
        outside.stderr
    );
    write(at, "warm.csv", "H2,temperature\n1e4,20\n");
    call(
        at,
        "predict --model runs/default-seed3/model.safetensors --initial warm.csv",
    )
    .refused(2, &["conditions"]);
}

/// Truncated files are refused by name, and what was there stays.
fn damaged_files(at: &Path) {
    let dir = at.join("runs/default-seed3");
    for (name, words) in [
        (
            "data.h5",
            "evaluate --model runs/default-seed3/model.safetensors --data cut",
        ),
        (
            "model.safetensors",
            "evaluate --data runs/default-seed3/data.h5 --model cut",
        ),
    ] {
        let bytes = std::fs::read(dir.join(name)).unwrap();
        for length in [0, 7, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(at.join("cut"), &bytes[..length]).unwrap();
            call(at, words).refused(1, &["cut"]);
        }
    }
    call(at, "train --data cut --out never.safetensors").refused(1, &["cut"]);
    assert!(!at.join("never.safetensors").exists());
    call(
        at,
        "evaluate --model missing.safetensors --data runs/default-seed3/data.h5",
    )
    .refused(1, &["missing.safetensors"]);
}

#[test]
fn stages_one_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tiny.toml", TINY);
    let json = call(
        at,
        "generate --config tiny.toml --models 22 --split 12,5,5 --distribution codes --out d.h5 --json",
    );
    let json = json.expect(0).json();
    assert_eq!(
        (
            json["train"].as_u64(),
            json["test"].as_u64(),
            json["val"].as_u64()
        ),
        (Some(12), Some(5), Some(5))
    );
    // Refused before a folder is made.
    for (text, word) in [
        ("[data]\nsplit = [5, 0, 5]\n", "test"),
        ("[data]\npoints = 1\n", "1 times"),
        ("[training.model]\natoms = 0\n", "0 atoms"),
    ] {
        write(at, "bad.toml", text);
        let call = call(at, "run --config bad.toml --out bad");
        assert!(
            call.code > 0 && call.stderr.contains(word),
            "{}",
            call.stderr
        );
        assert!(!at.join("bad").exists());
    }
    write(
        at,
        "mine.toml",
        "units = \"relative\"\n[species]\nC = { log_uniform = [1e-6, 1e-4] }\nH2 = 1.0\n",
    );
    call(at, "generate --config tiny.toml --models 3 --split 1,1,1 --distribution mine.toml --random-start --out m.h5").expect(0);
    call(
        at,
        "generate --config tiny.toml --models 3 --split 1,1,2 --out m.h5",
    )
    .refused(2, &["--split", "--models"]);
    write(at, "bad.toml", "[species]\nXx = 1.0\n");
    call(
        at,
        "generate --config tiny.toml --distribution bad.toml --out b.h5",
    )
    .refused(1, &["Xx"]);
    assert!(!at.join("b.h5").exists());
    let json = call(
        at,
        "train --data d.h5 --config tiny.toml --out m.safetensors --json",
    )
    .expect(0)
    .json();
    assert_eq!(json["steps"].as_u64(), Some(40));
    call(at, "evaluate --model m.safetensors --data d.h5").expect(0);
    call(
        at,
        "train --data d.h5 --config tiny.toml --out n.safetensors --resume",
    )
    .refused(2, &["no checkpoint"]);
    write(at, "wrong.toml", "[training]\nstep = 3\n");
    call(
        at,
        "train --data d.h5 --config wrong.toml --out n.safetensors",
    )
    .refused(1, &["wrong.toml", "step"]);
    assert_eq!(
        names(at).iter().filter(|n| n.starts_with('.')).count(),
        0,
        "no temporary file is left"
    );
}

/// Ctrl-C during training leaves a checkpoint; resuming gives what an uninterrupted run gives.
#[cfg(unix)]
#[test]
fn an_interrupted_run_resumes_to_the_same_result() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let long = TINY
        .replace("steps = 40", "steps = 1500")
        .replace("validate_every = 20", "validate_every = 250");
    write(at, "long.toml", &long);
    let mut child = command(at)
        .args(["run", "--config", "long.toml", "--out", "a"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !at.join("a/data.h5").exists() {
        assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(100));
    let pid = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let interrupted: support::Call = child.wait_with_output().unwrap().into();
    interrupted.refused(1, &["interrupted", "--resume a"]);
    let left = names(&at.join("a"));
    assert!(
        left.starts_with(&["config.toml".into(), "data.h5".into()]),
        "{left:?}"
    );
    assert!(
        !at.join("a/report.html").exists() && left.iter().all(|n| !n.starts_with('.')),
        "{left:?}"
    );
    call(at, "run --resume a --steps 7").refused(2, &["drop the other options"]);
    let resumed = call(at, "run --resume a --json").expect(0).json();
    let whole = call(at, "run --config long.toml --out b --json")
        .expect(0)
        .json();
    assert_eq!(
        resumed["mean_log10_relative_error"],
        whole["mean_log10_relative_error"]
    );
    assert!(!at.join("a/model.checkpoint").exists() && at.join("a/report.html").exists());
}
