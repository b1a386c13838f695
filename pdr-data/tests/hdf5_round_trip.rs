//! What is written is what is read, by us and by h5py; what is malformed is refused by name.
#![cfg(feature = "hdf5")]
// Helpers of tests, which clippy takes for something else.
#![allow(clippy::unwrap_used)]

use hdf5_pure::{AttrValue, FileBuilder};
use pdr_data::{Error, cube::*, fin, hdf5::*, sightline::LineOfSight, table::Table};
use proptest::prelude::*;
use std::path::Path;
use std::process::Command;

/// A number that single precision holds.
fn single() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        (1e-30f32..1e6f32).prop_map(f64::from),
        (-30f32..0f32).prop_map(|e| f64::from(10f32.powf(e))),
    ]
}

fn line(points: usize, species: usize) -> impl Strategy<Value = LineOfSight> {
    let physics = prop::collection::vec(prop::collection::vec(single(), 6), points);
    let x = prop::collection::vec(single(), points * species);
    (physics, x).prop_map(move |(physics, x)| {
        let mut out = LineOfSight::default();
        let mut a_v: Vec<f64> = physics.iter().map(|p| p[1]).collect();
        a_v.sort_by(f64::total_cmp);
        for (i, p) in physics.iter().enumerate() {
            let row = [0.0, p[0], a_v[i], p[2], p[3], 1.0, p[4], p[5]];
            out.push(&row, &x[i * species..(i + 1) * species]);
        }
        out
    })
}

fn names(prefix: &str, n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{prefix}{i}")).collect()
}

proptest! {
    // Every case waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn grids((species, lines) in (1usize..6).prop_flat_map(|s| {
        let lines = prop::collection::vec((2usize..40).prop_flat_map(move |n| line(n, s)), 1..6);
        (Just(s), lines)
    })) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grid.h5");
        let list = names("X", species);
        let mut writer = GridWriter::create(&path, &list).unwrap();
        let mut models = Vec::new();
        for (i, points) in lines.into_iter().enumerate() {
            let n = points.len();
            let cool = Table::new(
                ["p", "x", "Av", "CO", "C+", "C", "O", "total"].map(str::to_string).to_vec(),
                vec![f64::from(0.5f32 * i as f32); 8 * n],
            ).unwrap();
            models.push(Model {
                id: format!("model_{i}"),
                parameters: Some(Parameters { field: 10.0, density: f64::from(i as u32), ionisation_rate: f64::from(1e-17f32) }),
                points,
                heat: None,
                cool: (i != 1).then_some(cool),
                line: None,
            });
            writer.write(&models[i]).unwrap();
        }
        writer.finish("test").unwrap();
        let grid = GridFile::open(&path).unwrap();
        prop_assert_eq!(grid.species(), &list[..]);
        let mut seen = 0;
        grid.for_each(OnUnreadable::Fail, |i, model| {
            assert_eq!(model, models[i]);
            seen += 1;
            Ok(())
        }).unwrap();
        prop_assert_eq!(seen, models.len());
        // Nothing else is left beside it.
        prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn packed_rays(
        rays in prop::collection::vec((1usize..30).prop_flat_map(|n| line(n, 3)), 1..20),
        field in 0.1f32..1e5, rate in 1e-17f32..1e-13, dark in prop::option::of(0usize..20),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rays.h5");
        let mut writer = PackedWriter::create(&path, &names("X", 3)).unwrap();
        // What lights a ray, unless one of them does not say.
        let lit = |i: usize| (dark != Some(i)).then_some(Parameters {
            field: f64::from(field), density: 1.0 + i as f64, ionisation_rate: f64::from(rate),
        });
        for (i, ray) in rays.iter().enumerate() {
            writer.write(RayOrigin { cell: 7 * i, direction: i % 12 }, lit(i), ray).unwrap();
        }
        writer.finish("test").unwrap();
        let file = PackedFile::open(&path).unwrap();
        prop_assert_eq!(file.len(), rays.len());
        prop_assert_eq!(&file.read(0, usize::MAX / 2).unwrap(), &rays);
        prop_assert_eq!(&file.read(rays.len() / 2, 1).unwrap()[0], &rays[rays.len() / 2]);
        prop_assert_eq!(file.origins()[rays.len() - 1].cell, 7 * (rays.len() - 1));
        prop_assert!(file.read(rays.len(), 3).unwrap().is_empty());
        let all: Option<Vec<Parameters>> = (0..rays.len()).map(lit).collect();
        prop_assert_eq!(file.parameters(), all.as_deref());
    }

    #[test]
    fn cubes(nx in 1usize..4, ny in 1usize..4, nz in 1usize..4, extent in 0.5f32..9.0, with_rays in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cube.h5");
        let cube = cube([nx, ny, nz], f64::from(extent), with_rays);
        write_cubes(&path, &[("a", &cube), ("b", &cube)]).unwrap();
        prop_assert_eq!(cube_groups(&path).unwrap(), ["a", "b"]);
        prop_assert_eq!(read_cube(&path, "b").unwrap(), cube);
    }
}

fn cube(cells: [usize; 3], extent: f64, with_rays: bool) -> SolvedCube {
    let [nx, ny, nz] = cells;
    let n = nx * ny * nz;
    let value = |i: usize| f64::from(1.5f32 + i as f32);
    let all = |k: usize| (0..n).map(|i| value(i + k)).collect::<Vec<_>>();
    SolvedCube {
        cells,
        box_pc: Some([extent; 3]),
        positions_pc: (0..n)
            .map(|i| [i / (ny * nz), i / nz % ny, i % nz].map(|k| k as f64 + 0.5))
            .collect(),
        gas_temperature: all(1),
        dust_temperature: all(2),
        element_type: vec![1.0; n],
        density: all(3),
        radiation_field: all(4),
        abundances: (0..2 * n).map(|i| f64::from(1e-9f32 * i as f32)).collect(),
        species: names("X", 2),
        ray_extinction: if with_rays {
            (0..12 * n).map(value).collect()
        } else {
            Vec::new()
        },
        ray_directions: if with_rays {
            vec![[0.5, 0.25]; 12]
        } else {
            Vec::new()
        },
        surroundings: Some(Surroundings {
            field: 10.0,
            ionisation_rate: 1e-16,
            metallicity: 1.0,
        }),
        heat: Some(
            Table::new(
                ["p", "x", "y", "z"]
                    .iter()
                    .chain(&fin::HEATING)
                    .map(|s| s.to_string())
                    .collect(),
                vec![2.0; 16 * n],
            )
            .unwrap(),
        ),
        cool: None,
        populations: None,
    }
}

/// h5py reads what we write: values, shapes, strings, attributes.
#[test]
fn h5py_reads_what_we_write() {
    let there = Command::new("python3").args(["-c", "import h5py"]).output();
    if !there.is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: no python3 with h5py here, so nobody but us has read the files");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut points = LineOfSight::default();
    for i in 0..300 {
        let v = f64::from(i);
        points.push(
            &[0.0, v, 0.5 * v, 100.0 + v, 20.0, 1.0, 1000.0, 10.0],
            &[v, 0.25, 1e-12],
        );
    }
    let species = ["H2O+", "CO", "e-"].map(str::to_string);
    let mut writer = GridWriter::create(at("grid.h5"), &species).unwrap();
    for id in ["model_0", "m1"] {
        writer
            .write(&Model {
                id: id.into(),
                parameters: Some(Parameters {
                    field: 3.0,
                    density: 1000.0,
                    ionisation_rate: 1e-16,
                }),
                points: points.clone(),
                heat: None,
                cool: None,
                line: Some(
                    Table::new(
                        ["p", "x", "Av"]
                            .iter()
                            .map(|s| s.to_string())
                            .chain(fin::line_names())
                            .collect(),
                        vec![1.0; 300 * 55],
                    )
                    .unwrap(),
                ),
            })
            .unwrap();
    }
    writer.finish("a test").unwrap();
    let mut packed = PackedWriter::create(at("rays.h5"), &species).unwrap();
    for n in [3, 1, 300] {
        let keep: Vec<usize> = (0..n).collect();
        packed
            .write(
                RayOrigin {
                    cell: n,
                    direction: 5,
                },
                Some(Parameters {
                    field: 10.0,
                    density: n as f64,
                    ionisation_rate: 1e-16,
                }),
                &points.select(&keep),
            )
            .unwrap();
    }
    packed.finish("a test").unwrap();
    write_cubes(at("cube.h5"), &[("c", &cube([2, 3, 4], 2.0, true))]).unwrap();
    let script = r#"
import sys, h5py, numpy as np
g = h5py.File(sys.argv[1] + "/grid.h5")
assert sorted(g) == ["m1", "model_0", "model_df", "model_ids", "species"], sorted(g)
assert [s.decode() for s in g["species"][:]] == ["H2O+", "CO", "e-"]
assert g["model_ids"].dtype.kind == "S" and list(g["model_ids"][:]) == [b"model_0", b"m1"]
assert np.allclose(g["model_df"][:], [[3, 1000, 1e-16]] * 2, rtol=1e-6)
p = g["m1/pdr"][:]
assert p.shape == (300, 11) and p.dtype == np.float32
assert np.array_equal(p[:, 0], np.arange(1, 301)) and np.array_equal(p[:, 3], 100 + np.arange(300)) and np.array_equal(p[:, 8], np.arange(300))
assert g["m1/line"].shape == (300, 55)
assert g.attrs["pdr_columns"].split()[2] == "visual_extinction" and g.attrs["pdr_columns"].split()[-1] == "e-"
r = h5py.File(sys.argv[1] + "/rays.h5")
rows = r["points"][:]
assert rows.shape == (304, 11), rows.shape
assert list(r["offsets"][:]) == [0, 3, 4, 304] and list(r["cells"][:]) == [3, 1, 300] and list(r["directions"][:]) == [5] * 3
assert np.array_equal(rows[4:, 1], np.arange(300))
assert np.allclose(r["model_df"][:], [[10, n, 1e-16] for n in (3, 1, 300)], rtol=1e-6)
assert r.attrs["model_df_columns"].split() == ["g_uv[Draine]", "n_H[cm-3]", "zeta_CR[s-1]"]
assert r.attrs["columns"].split()[-3:] == ["H2O+", "CO", "e-"]
c = h5py.File(sys.argv[1] + "/cube.h5")["c"]
assert c["pdr"].shape == (24, 11) and c["rayAV"].shape == (24, 12) and c["rayDir"].shape == (12, 2) and c["heat"].shape == (24, 16)
assert np.array_equal(c["pdr"][:, 7], 4.5 + np.arange(24)) and list(c.attrs["box_pc"]) == [2.0] * 3
print("read")
"#;
    let run = Command::new("python3")
        .args(["-c", script])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success() && run.stdout.starts_with(b"read"),
        "{said}"
    );
}

struct Grid {
    species: Option<Vec<&'static str>>,
    shape: Vec<u64>,
    values: Vec<f32>,
    parameters: Vec<u64>,
    ids: Vec<&'static str>,
}

impl Grid {
    fn good() -> Self {
        Self {
            species: Some(vec!["H", "H2"]),
            shape: vec![3, 10],
            values: (0..30).map(|i| i as f32).collect(),
            parameters: vec![1, 3],
            ids: vec!["m"],
        }
    }

    fn write(&self, path: &Path) {
        let mut b = FileBuilder::new();
        if let Some(species) = &self.species {
            b.create_dataset("species").with_vlen_strings(species);
        }
        b.create_dataset("model_ids")
            .with_ascii_strings(&self.ids)
            .unwrap();
        let n = self.parameters.iter().product::<u64>() as usize;
        b.create_dataset("model_df")
            .with_f32_data(&vec![1.0; n])
            .with_shape(&self.parameters);
        let mut g = b.create_group("m");
        g.create_dataset("pdr")
            .with_f32_data(&self.values)
            .with_shape(&self.shape);
        g.set_attr("note", AttrValue::I64(1));
        b.add_group(g.finish());
        b.write(path).unwrap();
    }
}

fn refusal(change: impl FnOnce(&mut Grid)) -> (Error, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("malformed.h5");
    let mut grid = Grid::good();
    change(&mut grid);
    grid.write(&path);
    let error = GridFile::open(&path)
        .and_then(|g| g.read_model(0))
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("malformed.h5"), "{text}");
    (error, text)
}

#[test]
fn malformed_grids_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good.h5");
    Grid::good().write(&path);
    assert_eq!(
        GridFile::open(&path)
            .unwrap()
            .read_model(0)
            .unwrap()
            .points
            .len(),
        3
    );

    let (e, text) = refusal(|g| g.species = None);
    assert!(
        matches!(e, Error::Missing { .. }) && text.contains("species"),
        "{text}"
    );
    let (e, text) = refusal(|g| g.species = Some(vec!["H", "H"]));
    assert!(
        matches!(e, Error::Hdf5 { .. }) && text.contains("twice"),
        "{text}"
    );
    let (e, text) = refusal(|g| g.shape = vec![30]);
    assert!(
        matches!(e, Error::Shape { .. }) && text.contains("m/pdr"),
        "{text}"
    );
    let (e, text) = refusal(|g| g.shape = vec![10, 3]);
    assert!(
        matches!(e, Error::Shape { .. }) && text.contains("m/pdr"),
        "{text}"
    );
    let (e, text) = refusal(|g| {
        g.shape = vec![1, 10];
        g.values.truncate(10);
    });
    assert!(
        matches!(e, Error::Shape { .. }) && text.contains("two points"),
        "{text}"
    );
    let (e, text) = refusal(|g| {
        g.shape = vec![0, 10];
        g.values.clear();
    });
    assert!(matches!(e, Error::Shape { .. }), "{text}");
    let (e, text) = refusal(|g| g.values[23] = f32::NAN);
    assert!(
        matches!(e, Error::Value { row: 2, .. }) && text.contains("column tgas"),
        "{text}"
    );
    let (e, text) = refusal(|g| g.values[19] = -1e-9);
    assert!(
        matches!(e, Error::Value { row: 1, .. }) && text.contains("column H2"),
        "{text}"
    );
    let (e, text) = refusal(|g| g.values[22] = 11.0);
    assert!(
        matches!(e, Error::Value { row: 2, .. }) && text.contains("visual_extinction"),
        "{text}"
    );
    let (e, text) = refusal(|g| g.parameters = vec![2, 3]);
    assert!(
        matches!(e, Error::Shape { .. }) && text.contains("model_df"),
        "{text}"
    );
    let (e, text) = refusal(|g| g.ids = vec!["nowhere"]);
    assert!(
        matches!(e, Error::Missing { .. }) && text.contains("nowhere"),
        "{text}"
    );
}

/// The strings h5py and the C library write: fixed widths, padded with blanks or zeros.
#[test]
fn strings_of_any_width() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.h5");
    let mut b = FileBuilder::new();
    b.create_dataset("species")
        .with_ascii_strings_sized(&["H  ", "H2"], 24)
        .unwrap();
    b.create_dataset("model_ids")
        .with_strings_sized(&["m"], 7)
        .unwrap();
    let mut g = b.create_group("m");
    g.create_dataset("pdr")
        .with_f64_data(&[1.0; 20])
        .with_shape(&[2, 10]);
    b.add_group(g.finish());
    b.write(&path).unwrap();
    let grid = GridFile::open(&path).unwrap();
    assert_eq!(grid.species(), ["H", "H2"]);
    assert_eq!(grid.read_model(0).unwrap().id, "m");
    assert!(grid.parameters().is_none());
}

#[test]
fn unreadable_models_are_skipped_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grid.h5");
    let mut b = FileBuilder::new();
    b.create_dataset("species").with_vlen_strings(&["H"]);
    b.create_dataset("model_ids")
        .with_ascii_strings(&["a", "b", "c"])
        .unwrap();
    for (id, first) in [("a", 1.0), ("b", f32::NAN), ("c", 2.0)] {
        let mut g = b.create_group(id);
        let mut values = vec![1.0; 18];
        values[8] = first;
        g.create_dataset("pdr")
            .with_f32_data(&values)
            .with_shape(&[2, 9]);
        b.add_group(g.finish());
    }
    b.write(&path).unwrap();
    let grid = GridFile::open(&path).unwrap();
    let error = grid
        .for_each(OnUnreadable::Fail, |_, _| Ok(()))
        .unwrap_err();
    assert!(error.to_string().contains("b/pdr"), "{error}");
    let mut read = Vec::new();
    let tally = grid
        .for_each(OnUnreadable::Skip, |i, m| {
            read.push((i, m.id));
            Ok(())
        })
        .unwrap();
    assert_eq!(read, [(0, "a".to_string()), (2, "c".to_string())]);
    assert_eq!((tally.read, tally.skipped.len()), (2, 1));
    assert_eq!(tally.skipped[0].0, "b");
}

/// Cut anywhere, a file is an error, never a panic and never other numbers.
#[test]
fn truncated_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.h5");
    Grid::good().write(&path);
    let whole = std::fs::read(&path).unwrap();
    let cut = folder.path().join("cut.h5");
    for n in (0..whole.len()).step_by(97) {
        std::fs::write(&cut, &whole[..n]).unwrap();
        let result = GridFile::open(&cut).and_then(|g| g.read_model(0));
        assert!(result.is_err(), "cut at {n}");
        assert!(read_cube(&cut, "m").is_err());
    }
    std::fs::write(&cut, b"no HDF5 at all").unwrap();
    assert!(GridFile::open(&cut).is_err());
    assert!(matches!(
        GridFile::open(folder.path()),
        Err(Error::Io { .. })
    ));
    assert!(matches!(
        GridFile::open("no/such.h5"),
        Err(Error::Io { .. })
    ));
}

/// Bytes changed at random: an error or some numbers, never a panic.
#[test]
fn damaged_files_do_not_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.h5");
    Grid::good().write(&path);
    let whole = std::fs::read(&path).unwrap();
    let broken = folder.path().join("broken.h5");
    let mut state = 1u64;
    for _ in 0..150 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 20) as u8;
        }
        std::fs::write(&broken, bytes).unwrap();
        let _ = GridFile::open(&broken).and_then(|g| g.read_model(0));
    }
}

#[test]
fn malformed_cubes_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cube.h5");
    let try_with = |change: &dyn Fn(&mut SolvedCube)| {
        let mut c = cube([2, 2, 2], 2.0, true);
        change(&mut c);
        write_cubes(&path, &[("g", &c)]).unwrap();
        let error = read_cube(&path, "g").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cube.h5") && text.contains("g/"), "{text}");
        text
    };
    assert!(try_with(&|c| c.density[3] = -1.0).contains("n_H"));
    assert!(try_with(&|c| c.abundances[5] = f64::NAN).contains("X1"));
    assert!(try_with(&|c| c.positions_pc[5] = [9.0; 3]).contains("grid"));
    assert!(try_with(&|c| c.ray_extinction[13] = -0.1).contains("ray 1"));
    let mut c = cube([2, 2, 2], 2.0, true);
    c.density.pop();
    assert!(matches!(
        write_cubes(&path, &[("g", &c)]),
        Err(Error::Length { .. })
    ));
}
