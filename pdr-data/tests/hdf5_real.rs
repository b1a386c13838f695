//! HDF5 files that h5py wrote: the grid of models and the solved cubes; skipped aloud where they are not at hand.
#![cfg(feature = "hdf5")]

use pdr_data::{Error, fin, hdf5::*, species::REDUCED};
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

/// Elements add up, A_V ends at 20, and what h5py shows of the first model stands where it should.
#[test]
fn the_grid_is_read() {
    let Some(path) = shared("v1_sample.h5") else {
        return;
    };
    let grid = GridFile::open(path).unwrap();
    assert_eq!((grid.len(), grid.species().len()), (256, 33));
    assert_eq!(grid.model_ids()[255], "model_255");
    let parameters = grid.parameters().unwrap()[0];
    assert!((parameters.field / 268.504883 - 1.0).abs() < 1e-7);
    assert!((parameters.density / 2793.06152 - 1.0).abs() < 1e-7);
    assert!((parameters.ionisation_rate / 9.58235668e-16 - 1.0).abs() < 1e-7);
    let carbon: Vec<usize> = [
        "CH4+", "C+", "CH4", "CO+", "CH2", "CH3+", "CH", "CH3", "HCO+", "CH2+", "C", "CH+", "CO",
        "CH5+",
    ]
    .iter()
    .map(|name| grid.species().iter().position(|s| s == name).unwrap())
    .collect();
    let tally = grid
        .for_each(OnUnreadable::Fail, |i, model| {
            let p = &model.points;
            assert_eq!(p.len(), 300);
            assert_eq!(grid.points(i).unwrap(), 300);
            assert_eq!(p.visual_extinction[0], 0.0);
            assert!((p.visual_extinction[299] - 20.0).abs() < 1e-4);
            for k in 0..p.len() {
                let sum: f64 = carbon.iter().map(|&c| p.point(k)[c]).sum();
                assert!(
                    (sum / 1.4e-4 - 1.0).abs() < 1e-4,
                    "{}: point {k}: {sum}",
                    model.id
                );
            }
            let heat = model.heat.unwrap();
            assert_eq!(
                heat.columns[3..],
                fin::HEATING.map(str::to_string).map(|s| match s.as_str() {
                    "photoelectric_TH85" => "photoelectric_TH85(=0)".into(),
                    "photoelectric_WD01" => "photoelectric_WD01(not_in_total)".into(),
                    _ => s,
                })
            );
            assert_eq!(model.line.unwrap().columns[3], "CO(1-0)");
            Ok(())
        })
        .unwrap();
    assert_eq!(tally.read, 256);
}

/// The smaller cube in HDF5 is what 3D-PDR's own text output says.
#[test]
fn the_cube_equals_its_text_output() {
    let (Some(path), Some(text)) = (
        shared("3d/diffuse_3d.h5"),
        shared("3d/diffuse_16.pdr.fin.gz"),
    ) else {
        return;
    };
    assert_eq!(cube_groups(&path).unwrap(), ["diffuse_16", "diffuse_32"]);
    let cube = read_cube(&path, "diffuse_16").unwrap();
    assert_eq!(cube.cells, [16; 3]);
    assert_eq!(cube.rays(), 12);
    let outside = cube.surroundings.unwrap();
    assert_eq!(
        (outside.field, outside.ionisation_rate, outside.metallicity),
        (10.0, 1e-16, 1.0)
    );
    let written = fin::pdr::read_cube(text, &REDUCED.map(str::to_string)).unwrap();
    assert_eq!(cube.species, written.species);
    let near = |a: &[f64], b: &[f64]| {
        assert_eq!(a.len(), b.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!(
                (a - b).abs() <= 1e-6 * b.abs() + 1e-38,
                "{i}: {a} against {b}"
            );
        }
    };
    near(&cube.gas_temperature, &written.gas_temperature);
    near(&cube.dust_temperature, &written.dust_temperature);
    near(&cube.density, &written.density);
    near(&cube.radiation_field, &written.radiation_field);
    near(&cube.abundances, &written.abundances);
    let error = read_cube(&path, "diffuse_64").unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    assert!(error.to_string().contains("diffuse_64"), "{error}");
}

#[test]
fn the_larger_cube_is_read() {
    let Some(path) = shared("3d/diffuse_3d.h5") else {
        return;
    };
    let cube = read_cube(path, "diffuse_32").unwrap();
    assert_eq!((cube.cells, cube.len(), cube.rays()), ([32; 3], 32768, 12));
    assert_eq!(cube.cool.as_ref().unwrap().columns[4..], fin::COOLING);
    assert_eq!(cube.populations.as_ref().unwrap().columns.len(), 56);
    // The hydrogen nuclei of every cell.
    let (h2, h) = (
        cube.species_index("H2").unwrap(),
        cube.species_index("H").unwrap(),
    );
    for i in 0..cube.len() {
        let sum = 2.0 * cube.cell(i)[h2] + cube.cell(i)[h];
        assert!((sum - 1.0).abs() < 0.01, "cell {i}: {sum}");
    }
}
