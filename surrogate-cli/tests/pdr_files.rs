//! `surrogate pdr inspect`, `convert`, `prepare`, `rays` and `column-density` on the real cubes; skipped aloud where they are not
//! at hand.
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use support::{call, names, write};

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/pdr")
        .join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not at hand", path.display());
        return None;
    }
    Some(path.canonicalize().unwrap())
}

#[test]
fn rays_of_a_solved_cube_go_round() {
    let Some(cubes) = shared("3d/diffuse_3d.h5") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let rays = format!("pdr rays {} --json", cubes.display());
    call(at, &format!("{rays} --out a.h5")).refused(2, &["diffuse_16, diffuse_32", "--group"]);
    let rays = format!("{rays} --group diffuse_16");
    call(at, &format!("{rays} --out a.h5 --fraction 0")).refused(2, &["--fraction 0"]);
    let part = format!("{rays} --fraction 0.01 --seed 4");
    let some = call(at, &format!("{part} --out a.h5")).expect(0).json();
    assert_eq!(some["layout"], "neuralpdr");
    assert_eq!(some["drawn"], 492);
    let sum = |key: &str| some[key].as_u64().unwrap();
    assert_eq!(sum("written") + sum("zero_length") + sum("too_short"), 492);
    // The same seed draws the same rays, packed or not.
    let packed = call(at, &format!("{part} --layout packed --out p.h5"))
        .expect(0)
        .json();
    assert_eq!(packed["points"], some["points"]);
    let seen = call(at, "pdr inspect a.h5 --json").expect(0).json();
    let both = call(at, "pdr inspect p.h5 --json").expect(0).json();
    assert_eq!(seen["kind"], "grid");
    assert_eq!(both["kind"], "packed rays");
    for key in ["points", "conditions", "species", "elements"] {
        assert_eq!(seen[key], both[key], "{key}");
    }
    // Text and back: seven digits.
    call(at, "pdr convert a.h5 --out text").expect(0);
    let back = call(at, "pdr convert text --out b.h5 --json")
        .expect(0)
        .json();
    assert_eq!(back["lines"], some["written"]);
    let again = call(at, "pdr inspect b.h5 --json").expect(0).json();
    assert_eq!(again["species"], seen["species"]);
    // A file cut in mid-line is named, or left out and counted.
    let first = std::fs::read_dir(at.join("text")).unwrap();
    let cut = first
        .map(|e| e.unwrap().path())
        .find(|p| p.to_string_lossy().ends_with(".pdr.fin"))
        .unwrap();
    let whole = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &whole[..whole.len() - 9]).unwrap();
    let name = cut.file_name().unwrap().to_string_lossy().into_owned();
    call(at, "pdr convert text --out c.h5").refused(1, &[&name]);
    assert!(!at.join("c.h5").exists());
    let most = call(at, "pdr convert text --out c.h5 --skip-unreadable --json")
        .expect(3)
        .json();
    assert_eq!(
        most["lines"].as_u64().unwrap() + 1,
        some["written"].as_u64().unwrap()
    );
    // Prepared: fewer, of one length.
    for extra in [
        "--min-points 10 --resample 24",
        "--min-points 12 --gcv --bounds -28,0",
    ] {
        for (input, out) in [("a.h5", "pa.h5"), ("p.h5", "pp.h5")] {
            let made = call(
                at,
                &format!("pdr prepare {input} --out {out} {extra} --json"),
            )
            .expect(0)
            .json();
            let counts = |key: &str| made[key].as_u64().unwrap();
            assert_eq!(
                counts("written") + counts("too_short"),
                some["written"].as_u64().unwrap()
            );
        }
    }
    call(at, "pdr prepare a.h5 --out x.h5 --bounds 0,-30").refused(2, &["bound"]);
    call(at, &format!("pdr prepare {} --out x.h5", cubes.display())).refused(2, &["pdr rays"]);
}

#[test]
fn maps_of_a_cube_solved_or_predicted() {
    let (Some(cubes), Some(bare)) = (shared("3d/diffuse_3d.h5"), shared("3d/diffuse_16.dat"))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (solved, bare) = (
        format!("{} --group diffuse_16", cubes.display()),
        bare.display().to_string(),
    );
    let rays = call(
        at,
        &format!("pdr rays {bare} --out rays.h5 --field 10 --json"),
    )
    .expect(0);
    assert!(rays.stderr.contains("standalone"), "{}", rays.stderr);
    assert_eq!(rays.json()["rays"], 49152);
    let own = call(
        at,
        &format!("pdr column-density {solved} --out own --axis z --json"),
    )
    .expect(0)
    .json();
    assert_eq!(own["maps"][2]["species"], "CO");
    assert!(own["maps"][0]["median_dex"].is_null());
    assert_eq!(
        names(&at.join("own")),
        ["CO_z.png", "H2_z.png", "H_z.png", "maps.fits", "maps.h5"]
    );
    call(at, &format!("pdr column-density {bare} --out no"))
        .refused(2, &["bare density cube", "standalone"]);
    call(
        at,
        &format!("pdr column-density {solved} --out no --species XY"),
    )
    .refused(2, &["XY", "CO"]);
    // A surrogate of cells, learned from a fifth of them, for the solved cube and for its bare densities.
    write(
        at,
        "tiny.toml",
        "[cell]\nwidth = 32\ndepth = 2\nmembers = 1\nepochs = 60\naverage = 0.98\n",
    );
    let train = format!(
        "pdr train --data {} --group diffuse_16 --fraction 0.2 --seed 3 --config tiny.toml --out m --json",
        cubes.display()
    );
    call(at, &train).expect(0);
    let maps = |input: &str, out: &str| {
        let words =
            format!("pdr column-density {input} --model m/model.safetensors --out {out} --json");
        call(at, &words).expect(0).json()
    };
    let with_truth = maps(&solved, "predicted");
    // What lights a bare cube must be told, here as in `pdr predict`.
    call(
        at,
        &format!("pdr column-density {bare} --model m/model.safetensors --out no --field 10"),
    )
    .refused(2, &["--field", "--ionisation-rate"]);
    let lit = format!("{bare} --field 10 --zeta 1e-16");
    let truth = format!("{lit} --truth {} --truth-group diffuse_16", cubes.display());
    let from_bare = maps(&truth, "bare");
    for k in 0..3 {
        let [a, b] =
            [&with_truth, &from_bare].map(|m| m["maps"][k]["median_dex"].as_f64().unwrap());
        assert!(a > 0.0 && a < 0.5, "{a}");
        // The extinctions traced here and those 3D-PDR stored are the same to its digits.
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
    assert!(maps(&lit, "alone")["maps"][0]["median_dex"].is_null());
}
