//! `--device`: a GPU where one is there, a clear refusal where it was asked for and is not, the CPU otherwise.

#![allow(clippy::unwrap_used)]

mod support;

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
