//! Real files of 3D-PDR, read and held against each other; skipped aloud where they are not at hand.

use pdr_data::{Error, column, density::*, fin::*, species::REDUCED};
use std::path::{Path, PathBuf};

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/pdr")
        .join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not at hand", path.display());
        return None;
    }
    Some(path)
}

/// A_V that 3D-PDR wrote equals the trapezoid rule over the density profile it read.
#[test]
fn visual_extinction_is_that_of_3dpdr() {
    let (Some(input), Some(result)) = (shared("3dpdr_1Dn30.dat"), shared("3dpdr_test.pdr.fin"))
    else {
        return;
    };
    let profile = DensityProfile::read(input).unwrap();
    let points = pdr::read_line(result, 33).unwrap();
    assert_eq!(profile.density.len(), points.len());
    let a_v = column::visual_extinction(&profile.position_pc(), &profile.density, 1.0).unwrap();
    for (written, a_v) in points.visual_extinction.iter().zip(a_v) {
        assert!(
            (a_v - written).abs() <= 2e-7 * written + 1e-12,
            "{a_v} against {written}"
        );
    }
}

/// Hydrogen nuclei of the converged line of sight: x_H + x_H+ + 2 x_H2 is 1 at every point (33 species, reduced network).
#[test]
fn hydrogen_adds_up() {
    let Some(result) = shared("3dpdr_test.pdr.fin") else {
        return;
    };
    let (h2_plus, h_plus, h2, h) = (3, 19, 30, 31);
    let points = pdr::read_line(result, 33).unwrap();
    for i in 0..points.len() {
        let x = points.point(i);
        let total = x[h] + x[h_plus] + 2.0 * (x[h2] + x[h2_plus]);
        assert!((total - 1.0).abs() < 2e-3, "point {i}: {total}");
    }
}

#[test]
fn a_cube_and_its_output_share_cells() {
    let (Some(input), Some(result)) = (
        shared("3d/diffuse_16.dat"),
        shared("3d/diffuse_16.pdr.fin.gz"),
    ) else {
        return;
    };
    let cube = DensityCube::read(input).unwrap();
    let solved = pdr::read_cube(result, &REDUCED.map(str::to_string)).unwrap();
    assert_eq!(cube.cells, [16; 3]);
    assert_eq!(solved.cells, [16; 3]);
    for (i, (centre, n)) in cube.centres_pc.iter().zip(&cube.density).enumerate() {
        assert!((solved.density[i] - n).abs() < 1e-6 * n);
        (0..3).for_each(|a| assert!((solved.positions_pc[i][a] - centre[a]).abs() < 1e-6));
    }
    let mass: Vec<f64> = (0..3)
        .map(|axis| cube.column_density(axis).iter().sum())
        .collect();
    assert!(
        (mass[0] - mass[1]).abs() < 1e-9 * mass[0] && (mass[0] - mass[2]).abs() < 1e-9 * mass[0]
    );
}

/// A file cut in the middle of a line, anywhere, is an error or the exact head of the whole: never a panic, never a wrong number.
#[test]
fn a_truncated_cube_is_refused() {
    let whole = "1 1 2\n1.0 1.0 2.0\n0.5 0.5 0.5 10.25\n0.5 0.5 1.5 20.5\n";
    let cube = DensityCube::parse(whole, "cube.dat").unwrap();
    assert_eq!(cube.density, [10.25, 20.5]);
    for cut in 0..whole.len() {
        assert!(
            DensityCube::parse(&whole[..cut], "cube.dat").is_err(),
            "cut at {cut}"
        );
    }
}

#[test]
fn refusals_name_the_place() {
    let text = "1 1 2\n1.0 1.0 2.0\n0.5 0.5 0.5 10.0\n0.5 0.5 1.5 -20.0\n";
    let error = DensityCube::parse(text, "cube.dat").unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Field {
                line: 4,
                column: 13,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        "cube.dat:4:13: found `-20.0`, expected n_H [cm^-3], not negative"
    );
    let error = DensityProfile::parse("0 0 0 NaN\n", "a.dat").unwrap_err();
    assert!(
        matches!(
            &error,
            Error::Field {
                line: 1,
                column: 7,
                ..
            }
        ),
        "{error}"
    );
    assert!(matches!(
        DensityProfile::parse("\n", "a.dat"),
        Err(Error::RowCount { .. })
    ));
    let error = column::column_density(&[0.0, 1.0, 1.0], &[1.0; 3]).unwrap_err();
    assert!(matches!(error, Error::NotIncreasing { index: 2, .. }));
    assert!(matches!(
        DensityProfile::read("no/such/file.dat"),
        Err(Error::Io { .. })
    ));
}

/// The whole run that comes with 3D-PDR: read, written, read again, and the written text is 3D-PDR's own.
#[test]
fn a_run_is_written_as_3dpdr_writes_it() {
    let Some(params) = shared("3dpdr_test.params") else {
        return;
    };
    let run = Run {
        prefix: params.with_extension(""),
    };
    assert_eq!(run.geometry(33).unwrap(), pdr::Geometry::LineOfSight);
    let read = run.read_line(33).unwrap();
    assert_eq!(read.points.len(), 122);
    assert_eq!(read.line.as_ref().unwrap().columns.len(), 55);
    assert_eq!(read.surroundings.unwrap().field, 10.0);
    // Total cooling is the sum of the coolants.
    let cool = read.cool.as_ref().unwrap();
    for i in 0..cool.rows() {
        let row = cool.row(i);
        let sum: f64 = row[3..7].iter().sum();
        assert!((sum / row[7] - 1.0).abs() < 1e-6);
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = Run {
        prefix: folder.path().join("copy"),
    };
    copy.write_line(&read).unwrap();
    assert_eq!(copy.read_line(33).unwrap(), read);
    for ending in [
        ".pdr.fin",
        ".cool.fin",
        ".heat.fin",
        ".CO.line.fin",
        ".O.line.fin",
        ".params",
    ] {
        let theirs = std::fs::read_to_string(run.file(ending).unwrap()).unwrap();
        let ours = std::fs::read_to_string(copy.file(ending).unwrap()).unwrap();
        for (i, (a, b)) in ours.lines().zip(theirs.lines()).enumerate() {
            assert_eq!(a, b.trim_end(), "{ending} line {}", i + 1);
        }
        assert_eq!(ours.lines().count(), theirs.lines().count());
    }
    assert_eq!(Run::in_folder(folder.path()).unwrap(), [copy]);
}

/// The smaller cube as text: read with all that stands beside it, written, read again.
#[test]
fn a_cube_run_survives() {
    let Some(input) = shared("3d/diffuse_16.dat") else {
        return;
    };
    let run = Run {
        prefix: input.with_extension(""),
    };
    let names = REDUCED.map(str::to_string);
    assert_eq!(run.geometry(33).unwrap(), pdr::Geometry::Cube);
    let cube = run.read_cube(&names).unwrap();
    assert_eq!(
        (cube.cells, cube.rays(), cube.box_pc),
        ([16; 3], 12, Some([3.94; 3]))
    );
    let field = terms::read_field(run.file(".UV.fin").unwrap(), cube.len()).unwrap();
    for (a, b) in field.column("radfield").unwrap().zip(&cube.radiation_field) {
        assert!((a / b - 1.0).abs() < 1e-6);
    }
    let folder = tempfile::tempdir().unwrap();
    let copy = Run {
        prefix: folder.path().join("copy"),
    };
    copy.write_cube(&cube).unwrap();
    assert_eq!(copy.read_cube(&names).unwrap(), cube);
}

/// A file of 3D-PDR cut anywhere is refused with its name and a line.
#[test]
fn truncated_output_is_refused() {
    let mut points = pdr_data::sightline::LineOfSight::default();
    for i in 0..4 {
        let a_v = f64::from(i);
        points.push(
            &[0.0, a_v, a_v, 50.0, 20.0, 1.0, 1e3, 1e-105],
            &[1e-4, 0.25],
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pdr.fin");
    pdr::write_line(&path, &points).unwrap();
    let whole = std::fs::read_to_string(&path).unwrap();
    assert!(whole.contains("1.0000000-105"));
    assert_eq!(pdr::parse_line(&whole, "a.pdr.fin", 2).unwrap(), points);
    let line = whole.len() / 4;
    for cut in 0..whole.len() {
        let result = pdr::parse_line(&whole[..cut], "a.pdr.fin", 2);
        if cut > 0 && cut % line == 0 {
            // Whole lines: a shorter line of sight.
            assert_eq!(result.unwrap().len(), cut / line);
        } else {
            assert!(result.unwrap_err().to_string().contains("a.pdr.fin"));
        }
    }
}

proptest::proptest! {
    // Every case waits for the disk.
    #![proptest_config(proptest::test_runner::Config::with_cases(12))]
    #[test]
    fn density_files_survive(nx in 1usize..4, ny in 1usize..4, nz in 1usize..4, seed in 1u32..1000) {
        let n = nx * ny * nz;
        // Nine digits are written: numbers that have no more.
        let value = |i: usize| f64::from(seed) + i as f64 * 0.125;
        let cube = DensityCube {
            cells: [nx, ny, nz],
            box_pc: [value(1), value(2), value(3)],
            centres_pc: (0..n).map(|i| [value(i), value(i + 1), value(i + 2)]).collect(),
            density: (0..n).map(value).collect(),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cube.dat");
        cube.write(&path).unwrap();
        proptest::prop_assert_eq!(DensityCube::read(&path).unwrap(), cube.clone());
        let profile = DensityProfile { points_pc: cube.centres_pc, density: cube.density };
        profile.write(&path).unwrap();
        proptest::prop_assert_eq!(DensityProfile::read(&path).unwrap(), profile);
    }
}
