//! Directions of HEALPix (Górski et al. 2005, ApJ 622, 759): centres of the 12 · 4^level pixels of equal area.
//!
//! A formula of one screen; the crates that have it bring an image decoder, a calendar and a map projection with them.

use crate::Error;
use std::f64::consts::{FRAC_PI_2, PI};

/// Deepest level whose directions are given: 201 million of them.
pub const MAX_LEVEL: u32 = 12;

/// Order of the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ordering {
    /// Nested, as 3D-PDR has them.
    #[default]
    Nested,
    /// In rings from the north pole.
    Ring,
}

/// Ring of the southernmost corner of each base pixel, in units of its side (Fig. 4 of the paper).
const CORNER_RING: [usize; 12] = [2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4];
/// Longitude of that corner, in units of π / 4.
const CORNER_LONGITUDE: [usize; 12] = [1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7];

/// One direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Direction {
    /// Angle from the z axis (rad).
    pub theta: f64,
    /// Longitude from the x axis (rad), in [0, 2π).
    pub phi: f64,
    /// Unit vector (x, y, z).
    pub vector: [f64; 3],
}

impl Direction {
    /// From z = cos θ, the distance sin θ from the axis and the longitude; components that are 0 are exactly 0.
    fn new(z: f64, sin_theta: f64, phi: f64) -> Self {
        let quarter = phi / FRAC_PI_2;
        let (sin, cos) = if quarter.fract() == 0.0 {
            [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)][quarter as usize % 4]
        } else {
            phi.sin_cos()
        };
        Self {
            theta: sin_theta.atan2(z),
            phi,
            vector: [sin_theta * cos, sin_theta * sin, z],
        }
    }

    /// From the angles (θ, φ) (rad). Components that differ from 0 by rounding alone are made 0.
    ///
    /// # Errors
    /// An angle is not finite, or θ is outside [0, π].
    pub fn from_angles(theta: f64, phi: f64) -> Result<Self, Error> {
        if !(0.0..=PI).contains(&theta) {
            return Err(Error::Argument {
                what: "theta",
                value: theta,
                expected: "an angle from 0 to pi",
            });
        }
        if !phi.is_finite() {
            return Err(Error::Argument {
                what: "phi",
                value: phi,
                expected: "a finite angle",
            });
        }
        let clean = |v: f64| if v.abs() < 1e-15 { 0.0 } else { v };
        let (sin, cos) = theta.sin_cos();
        Ok(Self {
            theta,
            phi,
            vector: [clean(sin * phi.cos()), clean(sin * phi.sin()), clean(cos)],
        })
    }
}

/// The 12 · 4^level directions.
///
/// # Errors
/// `level` is above [`MAX_LEVEL`].
pub fn directions(level: u32, ordering: Ordering) -> Result<Vec<Direction>, Error> {
    if level > MAX_LEVEL {
        return Err(Error::Argument {
            what: "HEALPix level",
            value: f64::from(level),
            expected: "at most 12",
        });
    }
    let side = 1usize << level;
    let pixels = 0..12 * side * side;
    Ok(match ordering {
        Ordering::Nested => pixels.map(|p| nested(p, side)).collect(),
        Ordering::Ring => pixels.map(|p| ring(p, side)).collect(),
    })
}

/// Every second bit of `v`, closed up.
fn even_bits(v: usize) -> usize {
    (0..usize::BITS / 2).fold(0, |out, bit| out | ((v >> (2 * bit)) & 1) << bit)
}

fn nested(pixel: usize, side: usize) -> Direction {
    let (face, inside) = (pixel / (side * side), pixel % (side * side));
    let (x, y) = (even_bits(inside), even_bits(inside >> 1));
    // From 1 at the north pole to 4 side - 1 at the south.
    let ring = CORNER_RING[face] * side - x - y - 1;
    // Pixels in a quarter of the ring, and whether their centres are shifted by half a pixel.
    let (per_quarter, shift) = if ring < side {
        (ring, 0)
    } else if ring > 3 * side {
        (4 * side - ring, 0)
    } else {
        (side, (ring - side) & 1)
    };
    // Twice the index from 1, always even; it wraps around the ring at its start.
    let (x, y) = (x as isize, y as isize);
    let twice = (CORNER_LONGITUDE[face] * per_quarter + 1 + shift) as isize + x - y;
    let count = 4 * per_quarter as isize;
    let index = ((twice / 2 - 1).rem_euclid(count) + 1) as usize;
    centre(ring, index, side)
}

fn ring(pixel: usize, side: usize) -> Direction {
    let cap = 2 * side * (side - 1);
    let total = 12 * side * side;
    if pixel < cap {
        let ring = (1 + 2 * pixel).isqrt().div_ceil(2);
        centre(ring, pixel + 1 - 2 * ring * (ring - 1), side)
    } else if pixel < total - cap {
        let (row, index) = ((pixel - cap) / (4 * side), (pixel - cap) % (4 * side));
        centre(row + side, index + 1, side)
    } else {
        let from_south = total - pixel;
        let ring = (2 * from_south - 1).isqrt().div_ceil(2);
        let index = 4 * ring + 1 - (from_south - 2 * ring * (ring - 1));
        centre(4 * side - ring, index, side)
    }
}

/// Centre of pixel `index` (from 1) of `ring` (from 1) (Eqs. 2 to 9 of the paper).
fn centre(ring: usize, index: usize, side: usize) -> Direction {
    let n = side as f64;
    let cap = |i: usize| {
        let height = (i * i) as f64 / (3.0 * n * n);
        let sin_theta = (height * (2.0 - height)).sqrt();
        (
            1.0 - height,
            sin_theta,
            (index as f64 - 0.5) * FRAC_PI_2 / i as f64,
        )
    };
    let (z, sin_theta, phi) = if ring < side {
        cap(ring)
    } else if ring > 3 * side {
        let (z, s, phi) = cap(4 * side - ring);
        (-z, s, phi)
    } else {
        let z = (2.0 * n - ring as f64) * 2.0 / (3.0 * n);
        // Every second ring has a pixel that starts, not ends, at longitude 0.
        let offset = if (ring - side).is_multiple_of(2) {
            0.5
        } else {
            1.0
        };
        let phi = (index as f64 - offset) * FRAC_PI_2 / n;
        (z, ((1.0 - z) * (1.0 + z)).sqrt(), phi)
    };
    Direction::new(z, sin_theta, phi)
}
