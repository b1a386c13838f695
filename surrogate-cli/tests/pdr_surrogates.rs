//! `pdr train` and `pdr evaluate` on the shared 3D-PDR data: what they write and print, and what they refuse.
#![allow(clippy::unwrap_used)]

mod support;

use pdr_data::hdf5::GridFile;
use std::path::{Path, PathBuf};
use support::{call, names, write};

const TINY: &str = "
[pointwise]
width = 24
depth = 2
members = 2
epochs = 6
reviews = 6
average = 0.98
[cell]
width = 32
depth = 2
members = 1
epochs = 60
average = 0.98
";

/// A shared file; says so where there is none.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/pdr")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

const KEYS: [&str; 10] = [
    "mae_dex",
    "mae_dex_above_1e-12",
    "mae_dex_by_av",
    "mae_dex_autoencoder",
    "mae_dex_per_species",
    "baseline_mae_dex",
    "nearest_mae_dex",
    "family",
    "inputs",
    "non_finite",
];

#[test]
fn a_grid_is_learned_judged_and_reported() {
    let Some(grid) = shared("v1_sample.h5") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tiny.toml", TINY);
    let data = grid.display();
    let train =
        format!("pdr train --data {data} --config tiny.toml --out m --inputs standalone --json");
    let trained = call(at, &train).expect(0).json();
    let files = names(&at.join("m"));
    let expected = [
        "config.toml",
        "figures",
        "metrics.json",
        "model.safetensors",
        "report.html",
    ];
    assert_eq!(files, expected);
    let report = std::fs::read_to_string(at.join("m/report.html")).unwrap();
    // Three series, errors by depth, index and spread, losses.
    assert_eq!(report.matches("<svg role=\"img\"").count(), 7);
    let evaluate = format!("pdr evaluate --model m/model.safetensors --data {data} --json");
    let judged = call(at, &evaluate).expect(0).json();
    for key in KEYS {
        assert!(judged.get(key).is_some(), "{key}");
        assert_eq!(judged[key], trained[key], "{key}");
    }
    assert!(judged["seconds_per_ray"].as_f64().unwrap() > 0.0);
    assert!(judged["mae_dex_autoencoder"].is_null());
    assert_eq!(judged["mae_dex_by_av"].as_array().unwrap().len(), 5);
    assert_eq!(judged["mae_dex_per_species"].as_object().unwrap().len(), 33);
    assert_eq!(judged["judged"], 39);
    assert_eq!(judged["non_finite"], 0);
    // Abundances range over ten decades and more; six passes of so small a network bring the error well below one.
    let (ours, plain) = (
        judged["mae_dex"].as_f64().unwrap(),
        judged["baseline_mae_dex"].as_f64().unwrap(),
    );
    assert!(ours < 0.6 && plain < 0.3, "{ours} {plain}");
    // The nearest model is a poorer guess than a linear mean of many.
    let nearest = judged["nearest_mae_dex"].as_f64().unwrap();
    assert!(nearest > plain && nearest < 2.0, "{nearest}");
    let all = call(at, &format!("{evaluate} --split all"))
        .expect(0)
        .json();
    assert_eq!(all["judged"], 256);
    assert!(all["baseline_mae_dex"].is_null() && all["nearest_mae_dex"].is_null());
    // The score again, from the predictions as they are written.
    let predict =
        format!("pdr predict --model m/model.safetensors --data {data} --out p.h5 --json");
    assert_eq!(call(at, &predict).expect(0).json()["predicted"], 256);
    let (truth, predicted) = (
        GridFile::open(&grid).unwrap(),
        GridFile::open(at.join("p.h5")).unwrap(),
    );
    assert_eq!(truth.model_ids(), predicted.model_ids());
    let (mut sum, mut count, mut temperature) = (0.0, 0, 0.0);
    for i in 217..256 {
        let (x, p) = (
            truth.read_points(i).unwrap(),
            predicted.read_points(i).unwrap(),
        );
        for k in 1..x.len() {
            for (x, p) in x.point(k).iter().zip(p.point(k)) {
                sum += ((p + 1e-20) / (x + 1e-20)).log10().abs();
                count += 1;
            }
            temperature += (p.gas_temperature[k] / x.gas_temperature[k]).log10().abs();
        }
    }
    let again = sum / f64::from(count);
    assert!((again - ours).abs() < 1e-3 * ours, "{again} {ours}");
    let (again, ours) = (
        temperature / f64::from(count / 33),
        judged["mae_dex_gas_temperature"].as_f64().unwrap(),
    );
    assert!((again - ours).abs() < 1e-3 * ours, "{again} {ours}");
    call(at, &train).refused(2, &["m holds a training already"]);
    call(at, &format!("{train} --resume")).refused(2, &["finished"]);
}

#[test]
fn a_cube_is_learned_in_part_and_mapped() {
    let Some(cubes) = shared("3d/diffuse_3d.h5") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tiny.toml", TINY);
    let data = cubes.display();
    let train = format!("pdr train --data {data} --config tiny.toml --json");
    let cell = call(
        at,
        &format!("{train} --out c --group diffuse_16 --fraction 0.2 --seed 3"),
    );
    let trained = cell.expect(0).json();
    assert_eq!(trained["family"], "cell");
    assert_eq!(trained["inputs"], "standalone");
    assert_eq!(trained["judged"], 4096 - 819);
    assert!(trained["seconds_per_ray"].is_null());
    assert_eq!(trained["baseline"], "nearest cell");
    let nearest = trained["baseline_mae_dex"].as_f64().unwrap();
    assert_eq!(trained["nearest_mae_dex"], trained["baseline_mae_dex"]);
    assert!(trained["mae_dex"].as_f64().unwrap() < nearest, "{nearest}");
    for species in ["H", "H2", "CO"] {
        let error = trained["column_density_median_dex"][species]
            .as_f64()
            .unwrap();
        assert!(error > 0.0 && error < 0.5, "{species}: {error}");
    }
    let evaluate = format!("pdr evaluate --model c/model.safetensors --data {data} --json");
    let judged = call(at, &evaluate).expect(0).json();
    assert_eq!(judged["mae_dex"], trained["mae_dex"]);
    // Another cube: nothing of it was seen, and its number of cells says so.
    let other = format!("{evaluate} --group diffuse_32");
    call(at, &other).refused(1, &["32768", "4096", "diffuse_3d.h5:diffuse_16"]);
    let applied = call(at, &format!("{other} --split all")).expect(0).json();
    assert_eq!(applied["judged"], 32768);
    let predict =
        format!("pdr predict --model c/model.safetensors --data {data} --out p.h5 --json");
    assert_eq!(
        call(at, &format!("{predict} --group diffuse_32"))
            .expect(0)
            .json()["predicted"],
        32768
    );
    if let Some(bare) = shared("3d/diffuse_16.dat") {
        // Of a bare cube what lights it must be told.
        let predict = format!(
            "pdr predict --model c/model.safetensors --data {} --out b.h5 --json",
            bare.display()
        );
        call(at, &predict).refused(2, &["--field", "--ionisation-rate"]);
        let lit = format!("{predict} --field 10 --ionisation-rate 1e-16 --level 1");
        assert_eq!(call(at, &lit).expect(0).json()["predicted"], 4096);
        let cube = pdr_data::hdf5::read_cube(at.join("b.h5"), "predicted").unwrap();
        assert_eq!((cube.rays(), cube.species.len()), (48, 33));
        // All hydrogen is there.
        let (h, h2) = (
            cube.species_index("H").unwrap(),
            cube.species_index("H2").unwrap(),
        );
        for i in 0..cube.len() {
            let sum = cube.cell(i)[h] + 2.0 * cube.cell(i)[h2];
            assert!((sum - 1.0).abs() < 0.01, "cell {i}: {sum}");
        }
    }
    call(at, &format!("{train} --out d")).refused(2, &["diffuse_16, diffuse_32", "--group"]);
    call(at, &format!("{train} --out d --group diffuse_64")).refused(2, &["diffuse_64"]);
    let cube = format!("{train} --out d --group diffuse_16");
    call(at, &format!("{cube} --family pointwise")).refused(2, &["surrogate pdr rays"]);
    call(at, &format!("{cube} --inputs local")).refused(2, &["standalone inputs only"]);
    call(at, &format!("{cube} --fraction 1.5")).refused(1, &["fraction = 1.5"]);
    assert!(!at.join("d").join("model.safetensors").exists());
}

/// Packed rays of a cube: learned in part, judged beside the nearest ray, and taken back to the cube's cells and maps.
#[test]
fn packed_rays_are_learned_and_predict_the_cells_of_the_cube() {
    let Some(cubes) = shared("3d/diffuse_3d.h5") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tiny.toml", &TINY.replace("epochs = 6", "epochs = 2"));
    let group = format!("{} --group diffuse_16", cubes.display());
    let rays = format!("pdr rays {group} --json --fraction 0.1 --seed 2");
    let made = call(at, &format!("{rays} --layout packed --out p.h5"))
        .expect(0)
        .json();
    call(at, &format!("{rays} --out n.h5")).expect(0);
    let train = "pdr train --config tiny.toml --seed 3 --fraction 0.3 --json";
    for inputs in ["local", "standalone"] {
        let out = format!("--inputs {inputs} --out {inputs}");
        let trained = call(at, &format!("{train} --data p.h5 {out}"))
            .expect(0)
            .json();
        let rays = made["written"].as_u64().unwrap();
        assert_eq!(trained["judged"], rays - (rays as f64 * 0.3) as u64);
        let (ours, nearest) = (
            trained["mae_dex"].as_f64().unwrap(),
            trained["nearest_mae_dex"].as_f64().unwrap(),
        );
        assert!(
            ours < 0.5 && nearest < 0.5 && nearest > 0.01,
            "{ours} {nearest}"
        );
        assert!(trained["baseline_mae_dex"].is_null());
        // The same rays in the other layout are the same data to learn from.
        let other = format!("{train} --data n.h5 --inputs {inputs} --out n_{inputs}");
        let other = call(at, &other).expect(0).json();
        let again = other["mae_dex"].as_f64().unwrap();
        assert!((again - ours).abs() < 1e-3 * ours, "{again} {ours}");
        // All cells of the cube, as means over the rays through them.
        let model = format!("--model {inputs}/model.safetensors --data {group} --json");
        call(at, &format!("pdr evaluate {model}")).refused(2, &["--split all"]);
        let judged = call(at, &format!("pdr evaluate {model} --split all"))
            .expect(0)
            .json();
        assert_eq!(judged["judged"], 4096);
        assert!(judged["seconds_all_cells"].as_f64().unwrap() > 0.0);
        let predicted = call(at, &format!("pdr predict {model} --out {inputs}.h5"))
            .expect(0)
            .json();
        assert_eq!(predicted["rays"], judged["rays"]);
        assert_eq!(
            predicted["column_density_median_dex"],
            judged["column_density_median_dex"]
        );
        for species in ["H", "H2", "CO"] {
            let error = judged["column_density_median_dex"][species]
                .as_f64()
                .unwrap();
            // So small a network saw two passes over the rays; without temperatures that says little of CO.
            let most = if inputs == "local" { 1.0 } else { 3.0 };
            assert!(error > 0.0 && error < most, "{species}: {error}");
        }
        // The score again, from the predicted cube as it was written.
        let (truth, written) = (
            pdr_data::hdf5::read_cube(&cubes, "diffuse_16").unwrap(),
            pdr_data::hdf5::read_cube(at.join(format!("{inputs}.h5")), "diffuse_16").unwrap(),
        );
        let pairs = truth.abundances.iter().zip(&written.abundances);
        let sum: f64 = pairs
            .map(|(x, p)| ((p + 1e-20) / (x + 1e-20)).log10().abs())
            .sum();
        let again = sum / truth.abundances.len() as f64;
        let ours = judged["mae_dex"].as_f64().unwrap();
        assert!((again - ours).abs() < 1e-3 * ours, "{again} {ours}");
        let same = truth.gas_temperature == written.gas_temperature;
        assert_eq!(same, inputs == "local");
    }
    // Packed in, packed out.
    let along = "pdr predict --model local/model.safetensors --data p.h5 --out q.h5 --json";
    assert_eq!(
        call(at, along).expect(0).json()["predicted"],
        made["written"]
    );
    let (given, found) = (
        pdr_data::hdf5::PackedFile::open(at.join("p.h5")).unwrap(),
        pdr_data::hdf5::PackedFile::open(at.join("q.h5")).unwrap(),
    );
    assert_eq!(given.origins(), found.origins());
    assert_eq!(given.parameters(), found.parameters());
    // Rays that do not say what lights them, as they once were written.
    let mut dark = pdr_data::hdf5::PackedWriter::create(at.join("d.h5"), given.species()).unwrap();
    for (ray, origin) in given.read(0, 40).unwrap().iter().zip(given.origins()) {
        dark.write(*origin, None, ray).unwrap();
    }
    dark.finish("a test").unwrap();
    call(at, &format!("{train} --data d.h5 --out d"))
        .refused(2, &["d.h5", "model_df", "surrogate pdr rays"]);
    // A profile of density alone, by the model that can; the other asks for what is missing.
    let profile = "pdr predict --profile v2 --models 5 --out v.h5 --report v.html --json";
    call(at, &format!("{profile} --model local/model.safetensors"))
        .refused(2, &["standalone", "pointwise"]);
    let made = format!("{profile} --model standalone/model.safetensors");
    call(at, &format!("{made} --max-av 0.1")).refused(2, &["--max-av 0.1"]);
    call(at, &format!("{made} --field-range 10,1")).refused(2, &["--field-range"]);
    assert_eq!(call(at, &made).expect(0).json()["predicted"], 5);
    let lines = GridFile::open(at.join("v.h5")).unwrap();
    let one = lines.read_points(4).unwrap();
    assert!(one.len() > 400 && one.len() < 490);
    assert!(one.gas_temperature.iter().all(|t| *t > 0.0));
    let light = lines.parameters().unwrap()[4];
    assert!((0.1..1e3).contains(&light.field), "{light:?}");
    assert!((1e-17..1e-13).contains(&light.ionisation_rate), "{light:?}");
    let page = std::fs::read_to_string(at.join("v.html")).unwrap();
    assert_eq!(page.matches("<svg role=\"img\"").count(), 3);
    assert!(page.contains("nothing to compare with"));
}

#[test]
fn an_automatic_choice_keeps_to_its_budget() {
    let Some(cubes) = shared("3d/diffuse_3d.h5") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "tiny.toml", TINY);
    let clock = std::time::Instant::now();
    let train = format!(
        "pdr train --data {} --group diffuse_16 --config tiny.toml --family auto --budget 0.02 --out a --json",
        cubes.display()
    );
    let trained = call(at, &train).expect(0).json();
    assert!(!trained["candidates"].as_array().unwrap().is_empty());
    let spent: f64 = trained["training_seconds"].as_f64().unwrap();
    assert!(
        spent < 2.4,
        "{spent} s of 1.2 s, {:?} in all",
        clock.elapsed()
    );
    assert_eq!(
        names(&at.join("a")),
        [
            "config.toml",
            "figures",
            "metrics.json",
            "model.safetensors",
            "report.html"
        ]
    );
}

#[test]
fn what_cannot_be_learned_is_refused() {
    let Some(grid) = shared("v1_sample.h5") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "bad.toml", "[pointwise]\nwdith = 3\n");
    let data = grid.display();
    let train = format!("pdr train --data {data} --out m");
    call(at, &format!("{train} --config bad.toml")).refused(2, &["bad.toml", "wdith"]);
    call(at, &format!("{train} --family cell")).refused(2, &["cell", "lines of sight"]);
    call(at, &format!("{train} --group x")).refused(2, &["--group x"]);
    call(at, &format!("{train} --budget 0")).refused(2, &["--budget 0"]);
    call(at, "pdr train --data absent.h5 --out m").refused(1, &["absent.h5"]);
    call(at, &format!("pdr evaluate --model bad.toml --data {data}")).refused(1, &["bad.toml"]);
    assert!(!at.join("m").exists());
}
