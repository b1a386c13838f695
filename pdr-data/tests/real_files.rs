//! Real files of 3D-PDR, read and held against each other; skipped aloud where they are not at hand.

use pdr_data::{Error, column, density::*, output::*};
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
    let points = read_pdr(result, Geometry::LineOfSight, 33).unwrap();
    assert_eq!(profile.density.len(), points.len());
    let a_v = column::visual_extinction(&profile.position_pc(), &profile.density, 1.0).unwrap();
    for (point, a_v) in points.iter().zip(a_v) {
        let written = point.visual_extinction.unwrap();
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
    for (i, p) in read_pdr(result, Geometry::LineOfSight, 33)
        .unwrap()
        .iter()
        .enumerate()
    {
        let x = &p.abundances;
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
    let cells = read_pdr(result, Geometry::Cube, 33).unwrap();
    assert_eq!(cube.cells, [16; 3]);
    assert_eq!(cells.len(), cube.density.len());
    for (cell, (centre, n)) in cells.iter().zip(cube.centres_pc.iter().zip(&cube.density)) {
        assert!((cell.density - n).abs() < 1e-6 * n);
        (0..3).for_each(|a| assert!((cell.position_pc[a] - centre[a]).abs() < 1e-6));
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
    for cut in 0..whole.len() - 6 {
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
