//! Rays: directions against healpy's, lengths and columns against what geometry says, extinctions against 3D-PDR's.

use pdr_data::{
    column::PARSEC_CM,
    density::DensityCube,
    rays::{healpix::*, *},
};
use proptest::prelude::*;
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

/// `fixtures/healpix.py` made the table with healpy.
#[test]
fn directions_are_those_of_healpy() {
    let table = include_str!("fixtures/healpix.csv");
    let mut compared = 0;
    let mut all = std::collections::HashMap::new();
    for line in table.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let level: u32 = fields[0].parse().unwrap();
        let ordering = if fields[1] == "nest" {
            Ordering::Nested
        } else {
            Ordering::Ring
        };
        let pixel: usize = fields[2].parse().unwrap();
        let expected: Vec<f64> = fields[3..].iter().map(|f| f.parse().unwrap()).collect();
        let d = all
            .entry((level, ordering == Ordering::Nested))
            .or_insert_with(|| directions(level, ordering).unwrap())[pixel];
        let found = [d.theta, d.phi, d.vector[0], d.vector[1], d.vector[2]];
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= 1e-12, "{line}: {found:?}");
        }
        compared += 1;
    }
    assert!(compared > 500, "{compared}");
    assert!(directions(13, Ordering::Nested).is_err());
}

#[test]
fn orderings_hold_the_same_pixels() {
    for level in 0..4 {
        let key = |d: &Direction| (d.vector.map(|v| (v * 1e9).round() as i64), ());
        let mut nested: Vec<_> = directions(level, Ordering::Nested)
            .unwrap()
            .iter()
            .map(key)
            .collect();
        let mut ring: Vec<_> = directions(level, Ordering::Ring)
            .unwrap()
            .iter()
            .map(key)
            .collect();
        nested.sort();
        ring.sort();
        nested.dedup();
        assert_eq!(nested.len(), 12 << (2 * level));
        assert_eq!(nested, ring);
    }
}

fn walk(geometry: &Geometry, cell: usize, start: [f64; 3], direction: [f64; 3]) -> Vec<Crossing> {
    let mut all = Vec::new();
    geometry.walk(cell, start, direction, |c| all.push(c));
    all
}

/// Distance from `start` to the surface of the box.
fn to_surface(start: [f64; 3], direction: [f64; 3], extent: [f64; 3]) -> f64 {
    (0..3)
        .filter(|&a| direction[a] != 0.0)
        .map(|a| {
            let face = if direction[a] > 0.0 { extent[a] } else { 0.0 };
            (face - start[a]) / direction[a]
        })
        .fold(f64::INFINITY, f64::min)
}

#[test]
fn along_an_axis() {
    let g = Geometry::new([4, 2, 2], [4.0, 1.0, 1.0], [0.0; 3]).unwrap();
    let path = walk(&g, 4, g.centre(4), [1.0, 0.0, 0.0]);
    let cells: Vec<_> = path.iter().map(|c| c.cell).collect();
    assert_eq!(cells, [4, 8, 12]);
    assert_eq!(
        path.iter().map(|c| c.length_pc).collect::<Vec<_>>(),
        [0.5, 1.0, 1.0]
    );
    assert!(walk(&g, 0, [0.0, 0.25, 0.25], [-1.0, 0.0, 0.0]).is_empty());
    assert!(walk(&g, 0, g.centre(0), [0.0; 3]).is_empty());
}

#[test]
fn through_corners_and_edges() {
    let g = Geometry::new([5; 3], [5.0; 3], [0.0; 3]).unwrap();
    let s = 1.0 / 3f64.sqrt();
    let path = walk(&g, 0, g.centre(0), [s; 3]);
    assert_eq!(
        path.iter().map(|c| c.cell).collect::<Vec<_>>(),
        [0, 31, 62, 93, 124]
    );
    let total: f64 = path.iter().map(|c| c.length_pc).sum();
    assert!((total - 4.5 * 3f64.sqrt()).abs() < 1e-13);
    // Through edges: y = z, x still.
    let h = 0.5f64.sqrt();
    let path = walk(&g, 124, g.centre(124), [0.0, -h, -h]);
    assert_eq!(
        path.iter().map(|c| c.cell).collect::<Vec<_>>(),
        [124, 118, 112, 106, 100]
    );
}

#[test]
fn from_a_cell_at_the_surface() {
    let g = Geometry::new([3; 3], [3.0; 3], [0.0; 3]).unwrap();
    for d in directions(2, Ordering::Nested).unwrap() {
        let path = walk(&g, 0, g.centre(0), d.vector);
        let total: f64 = path.iter().map(|c| c.length_pc).sum();
        assert!((total - to_surface([0.5; 3], d.vector, [3.0; 3])).abs() < 1e-13);
    }
    // On the very face: nothing outwards, the whole box inwards.
    assert!(walk(&g, 26, [3.0, 2.5, 2.5], [1.0, 0.0, 0.0]).is_empty());
    let path = walk(&g, 26, [3.0, 2.5, 2.5], [-1.0, 0.0, 0.0]);
    assert_eq!(path.iter().map(|c| c.cell).collect::<Vec<_>>(), [26, 17, 8]);
}

proptest! {
    /// Lengths add up to the distance to the surface, every cell is entered once and is a neighbour of the one before, and the
    /// middle of every piece lies in its cell.
    #[test]
    fn a_walk_is_a_straight_line(
        nx in 1usize..9, ny in 1usize..9, nz in 1usize..9,
        extent in prop::array::uniform3(0.1f64..10.0),
        start in prop::array::uniform3(0.0f64..1.0),
        towards in prop::array::uniform3(-1.0f64..1.0),
    ) {
        let norm = towards.iter().map(|v| v * v).sum::<f64>().sqrt();
        prop_assume!(norm > 1e-3);
        let d = towards.map(|v| v / norm);
        let n = [nx, ny, nz];
        let g = Geometry::new(n, extent, [0.0; 3]).unwrap();
        let p = [0, 1, 2].map(|a| start[a] * extent[a]);
        let at = [0, 1, 2].map(|a| ((start[a] * n[a] as f64) as usize).min(n[a] - 1));
        let path = walk(&g, (at[0] * ny + at[1]) * nz + at[2], p, d);
        let total: f64 = path.iter().map(|c| c.length_pc).sum();
        prop_assert!((total - to_surface(p, d, extent)).abs() < 1e-10 * extent.iter().sum::<f64>());
        let mut travelled = 0.0;
        for (i, c) in path.iter().enumerate() {
            prop_assert!(c.length_pc > 0.0);
            let middle = travelled + 0.5 * c.length_pc;
            travelled += c.length_pc;
            let place = g.place(c.cell);
            for a in 0..3 {
                let x = (p[a] + middle * d[a]) / g.width_pc()[a];
                prop_assert!(x > place[a] as f64 - 1e-9 && x < place[a] as f64 + 1.0 + 1e-9);
                if i > 0 {
                    let before = g.place(path[i - 1].cell)[a];
                    prop_assert!(place[a].abs_diff(before) <= 1);
                }
            }
        }
    }

    /// N_H is the analytic integral, along every direction, for a uniform density and for one linear in one coordinate as
    /// cells hold it: steps, whose primitive is a parabola with the remainder of the last step.
    #[test]
    fn columns_are_the_integrals(n in 1usize..12, extent in 0.5f64..5.0, density in 1.0f64..1e6, slope in 0.0f64..1e4, axis in 0usize..3) {
        let g = Geometry::new([n; 3], [extent; 3], [0.0; 3]).unwrap();
        let starts: Vec<_> = (0..g.len()).map(|c| g.centre(c)).collect();
        let all = directions(1, Ordering::Nested).unwrap();
        let uniform = extinctions(&g, &starts, &vec![density; g.len()], &all).unwrap();
        let linear: Vec<f64> = starts.iter().map(|p| density + slope * p[axis]).collect();
        let stepped = extinctions(&g, &starts, &linear, &all).unwrap();
        let w = extent / n as f64;
        let primitive = |x: f64| {
            let whole = (x / w).floor().min((n - 1) as f64) * w;
            density * x + slope * (0.5 * whole * whole + (whole + 0.5 * w) * (x - whole))
        };
        for i in 0..uniform.column_density.len() {
            let (start, v) = (starts[i / 48], all[i % 48].vector);
            let length = to_surface(start, v, [extent; 3]);
            let exact = density * PARSEC_CM * length;
            prop_assert!((uniform.column_density[i] / exact - 1.0).abs() < 1e-10);
            let (x, end) = (start[axis], start[axis] + length * v[axis]);
            let exact = if v[axis] == 0.0 {
                (density + slope * x) * length
            } else {
                (primitive(end) - primitive(x)) / v[axis]
            } * PARSEC_CM;
            prop_assert!((stepped.column_density[i] / exact - 1.0).abs() < 1e-10, "{} {exact}", stepped.column_density[i]);
        }
    }
}

/// From face to face along an axis, a linear density's steps have its very integral.
#[test]
fn a_linear_cube_from_face_to_face() {
    let (n, extent) = (7, 3.5);
    let g = Geometry::new([n; 3], [extent; 3], [0.0; 3]).unwrap();
    let density: Vec<f64> = (0..g.len())
        .map(|c| 100.0 + 30.0 * g.centre(c)[2])
        .collect();
    let mut starts: Vec<_> = (0..g.len()).map(|c| g.centre(c)).collect();
    starts.iter_mut().for_each(|p| p[2] = 0.0);
    let up = [Direction::from_angles(0.0, 0.0).unwrap()];
    let found = extinctions(&g, &starts, &density, &up).unwrap();
    let exact = (100.0 * extent + 15.0 * extent * extent) * PARSEC_CM;
    for row in 0..n * n {
        assert!((found.column_density[row * n] / exact - 1.0).abs() < 1e-10);
    }
}

#[test]
fn the_field_is_the_sum_over_rays() {
    let field = attenuated_field(&[0.0, 0.0, 1.0, 2.0], 2, 10.0);
    assert_eq!(field[0], 10.0);
    let exact = 5.0 * ((-3.02f64).exp() + (-6.04f64).exp());
    assert!((field[1] / exact - 1.0).abs() < 1e-14);
}

/// A_V of the 12 rays of every cell, as 3D-PDR wrote it (`rayAV`).
#[cfg(feature = "hdf5")]
#[test]
fn extinctions_are_those_of_3dpdr() {
    for group in ["diffuse_16", "diffuse_32"] {
        let (Some(solved), Some(input)) = (
            shared("3d/diffuse_3d.h5"),
            shared(&format!("3d/{group}.dat")),
        ) else {
            return;
        };
        let solved = pdr_data::hdf5::read_cube(solved, group).unwrap();
        let input = DensityCube::read(input).unwrap();
        let g = Geometry::new(input.cells, input.box_pc, [0.0; 3]).unwrap();
        let all = directions(0, Ordering::Nested).unwrap();
        for (d, stored) in all.iter().zip(&solved.ray_directions) {
            assert!((d.theta - stored[0]).abs() < 1e-6 && (d.phi - stored[1]).abs() < 1e-6);
        }
        let found = extinctions(&g, &input.centres_pc, &input.density, &all)
            .unwrap()
            .visual(1.0);
        let mut wrong = 0;
        let mut worst = 0.0f64;
        for (i, (a, b)) in found.iter().zip(&solved.ray_extinction).enumerate() {
            let error = (a - b).abs() / (1e-5 * b + 1e-6);
            worst = worst.max(error);
            if error > 1.0 {
                wrong += 1;
                if wrong < 10 {
                    eprintln!(
                        "{group} cell {:?} ray {}: {a} against {b}",
                        g.place(i / 12),
                        i % 12
                    );
                }
            }
        }
        eprintln!(
            "{group}: worst {worst} of the tolerance, {wrong} of {} beyond",
            found.len()
        );
        assert_eq!(wrong, 0, "{group}");
    }
}
