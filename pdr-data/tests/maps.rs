//! Column densities against direct sums, means of cells, series along rays, and FITS files as astropy reads them.
// Helpers of tests, which clippy takes for something else.
#![allow(clippy::unwrap_used)]

use pdr_data::{
    column::{AV_FACTOR, PARSEC_CM},
    cube::SolvedCube,
    density::DensityCube,
    fits,
    maps::*,
    rays::{healpix::*, *},
};
use std::path::{Path, PathBuf};
use std::process::Command;

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

#[test]
fn columns_are_direct_sums() {
    let n = [2, 3, 4];
    let g = Geometry::new(n, [1.0, 6.0, 2.0], [0.0; 3]).unwrap();
    let density: Vec<f64> = (0..24).map(|i| 10.0 + i as f64).collect();
    let x: Vec<f64> = (0..24).map(|i| 1e-5 * (1.0 + (i % 5) as f64)).collect();
    let cell = |i: usize, j: usize, k: usize| (i * 3 + j) * 4 + k;
    for (axis, step) in [(Axis::X, 0.5), (Axis::Y, 2.0), (Axis::Z, 0.5)] {
        let map = column_density(&g, &density, &x, axis, "CO").unwrap();
        let [a, b] = axis.others().map(|a| a as usize);
        assert_eq!(map.shape, [n[a], n[b]]);
        for r in 0..n[a] {
            for c in 0..n[b] {
                let mut sum = 0.0;
                for d in 0..n[axis as usize] {
                    let (i, j, k) = match axis {
                        Axis::X => (d, r, c),
                        Axis::Y => (r, d, c),
                        Axis::Z => (r, c, d),
                    };
                    sum += density[cell(i, j, k)] * x[cell(i, j, k)] * step * PARSEC_CM;
                }
                assert!((map.values[r * n[b] + c] / sum - 1.0).abs() < 1e-14);
            }
        }
    }
    assert!(column_density(&g, &density[1..], &x, Axis::X, "CO").is_err());
    let one = column_density(&g, &density, &x, Axis::X, "CO").unwrap();
    let mut other = one.clone();
    other.values.iter_mut().for_each(|v| *v *= 10.0);
    other.values[0] = 0.0;
    let difference = other.difference(&one).unwrap();
    assert!((difference.median - 1.0).abs() < 1e-12 && difference.without == 1);
}

#[test]
fn means_of_cells() {
    let mut means = CellMeans::new(3, 2);
    means.add(0, &[1.0, 2.0]).unwrap();
    means.add(0, &[3.0, 4.0]).unwrap();
    means.add(2, &[5.0, 6.0]).unwrap();
    assert!(means.add(3, &[0.0; 2]).is_err() && means.add(0, &[0.0]).is_err());
    assert_eq!(means.counts(), [2, 0, 1]);
    let all = means.finish();
    assert_eq!(all[..2], [2.0, 3.0]);
    assert!(all[2].is_nan());
    assert_eq!(all[4..], [5.0, 6.0]);
}

#[cfg(feature = "hdf5")]
fn solved() -> Option<SolvedCube> {
    Some(pdr_data::hdf5::read_cube(shared("3d/diffuse_3d.h5")?, "diffuse_16").unwrap())
}

/// The cube alone gives the box it was solved in; its rays rebuild its maps, and their A_V is the stored one.
#[cfg(feature = "hdf5")]
#[test]
fn series_along_the_rays_of_a_solved_cube() {
    let Some(cube) = solved() else { return };
    let g = cube.geometry(None).unwrap();
    assert!((g.width_pc()[0] - 3.94 / 16.0).abs() < 1e-6);
    let all = cube.directions().unwrap();
    let mut series = RaySeries::new(&cube, g).unwrap();
    let mut means = CellMeans::new(cube.len(), cube.species.len());
    let (mut points, mut longest, mut zero) = (0, 0, 0);
    for cell in 0..cube.len() {
        for (k, direction) in all.iter().enumerate() {
            let line = series.series(cell, direction);
            let stored = cube.ray_extinction[cell * 12 + k];
            if line.is_empty() {
                assert_eq!(stored, 0.0);
                zero += 1;
                continue;
            }
            line.check_lengths().unwrap();
            let n = line.len();
            assert_eq!(n, series.count(cell, direction));
            assert!((line.visual_extinction[n - 1] - stored).abs() <= 1e-4 * stored + 1e-6);
            assert!(line.visual_extinction.windows(2).all(|w| w[1] > w[0]));
            assert!(line.position_pc.windows(2).all(|w| w[1] > w[0]));
            assert_eq!(line.density[n - 1], cube.density[cell]);
            assert_eq!(line.point(n - 1), cube.cell(cell));
            for (i, crossing) in series.cells(cell, direction).enumerate() {
                means.add(crossing.cell, line.point(i)).unwrap();
            }
            points += n;
            longest = longest.max(n);
        }
    }
    eprintln!("{points} points, longest {longest}, {zero} of zero length");
    let rebuilt = means.finish();
    for (a, b) in rebuilt.iter().zip(&cube.abundances) {
        assert!((a - b).abs() <= 1e-12 * b, "{a} {b}");
    }
}

/// The header of the larger cube's input is the position of its last cell; the stored extinctions say so.
#[cfg(feature = "hdf5")]
#[test]
fn the_box_is_found() {
    let (Some(path), Some(input)) = (shared("3d/diffuse_3d.h5"), shared("3d/diffuse_32.dat"))
    else {
        return;
    };
    let cube = pdr_data::hdf5::read_cube(path, "diffuse_32").unwrap();
    let input = DensityCube::read(input).unwrap();
    let g = cube.geometry(None).unwrap();
    for a in 0..3 {
        assert!((g.width_pc()[a] * 32.0 / input.box_pc[a] - 1.0).abs() < 1e-6);
    }
    let mut spoilt = cube.clone();
    spoilt.ray_extinction.iter_mut().for_each(|a| *a *= 1.5);
    assert!(spoilt.geometry(None).is_err());
    assert!(spoilt.geometry(Some(input.box_pc)).is_ok());
    // N_H of the whole cube along an axis, and A_V of it.
    let map = column_density(
        &g,
        &cube.density,
        &vec![1.0; cube.len()],
        Axis::Z,
        "H nuclei",
    )
    .unwrap();
    let direct = input.column_density(2);
    for (a, b) in map.values.iter().zip(&direct) {
        assert!((a / b - 1.0).abs() < 1e-5 && a * AV_FACTOR > 0.0);
    }
    // Directions stored in single precision are those of HEALPix.
    assert_eq!(
        cube.directions().unwrap(),
        directions(0, Ordering::Nested).unwrap()
    );
}

#[test]
fn astropy_reads_what_we_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("maps.fits");
    let map = |name: &str, axis| Map {
        name: name.into(),
        axis,
        shape: [2, 3],
        pixel_pc: [0.5, 0.25],
        values: vec![1e20, 2e20, 3e20, 4e20, 5.5e20, 6e-3],
    };
    fits::write_maps(&path, &[map("CO", Axis::X), map("H3O+", Axis::Z)]).unwrap();
    assert!(fits::write_maps(&path, &[]).is_err());
    assert!(fits::write_maps(&path, &[map("H₂", Axis::X)]).is_err());
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len() % 2880, 0);
    let there = Command::new("python3")
        .args(["-c", "import astropy"])
        .output();
    if !there.is_ok_and(|o| o.status.success()) {
        eprintln!("skipped: no python3 with astropy here, so nobody has read the FITS file");
        return;
    }
    let script = r#"
import sys, warnings, numpy as np
warnings.simplefilter("error")
from astropy.io import fits
from astropy.wcs import WCS
import astropy.units as u
with fits.open(sys.argv[1]) as f:
    f.verify("exception")
    assert [h.name for h in f] == ["PRIMARY", "CO", "H3O+"], [h.name for h in f]
    h = f["CO"]
    assert h.data.shape == (2, 3) and h.header["BUNIT"] == "cm-2" and h.header["SIGHT"] == "x"
    assert np.array_equal(h.data, [[1e20, 2e20, 3e20], [4e20, 5.5e20, 6e-3]])
    assert h.header["CTYPE1"] == "z" and h.header["CTYPE2"] == "y" and h.header["CDELT2"] == 0.5
    # The centre of the first pixel; astropy turns parsecs into metres.
    metres = WCS(h.header).wcs_pix2world([[0, 0]], 0) * [u.Unit(x) for x in WCS(h.header).wcs.cunit][0]
    assert np.allclose(metres.to("pc").value, [[0.125, 0.25]]), metres
    assert f["H3O+"].header["CTYPE1"] == "y"
print("read")
"#;
    let run = Command::new("python3")
        .args(["-c", script])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success() && run.stdout.starts_with(b"read"),
        "{said}"
    );
}
