//! Which cells a straight ray crosses, and the length of its path in each (Amanatides & Woo 1987).
//!
//! The path length to the faces of an axis is computed from the face's number each time, not summed up, so that nothing
//! drifts; a ray through an edge or a corner meets two or three faces at once and steps across all of them, so that no cell
//! is crossed with zero length in between.

use crate::Error;

/// A uniform grid of cells: faces at multiples of the cell's width from an origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    cells: [usize; 3],
    width_pc: [f64; 3],
    origin_pc: [f64; 3],
}

/// One cell a ray crosses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crossing {
    /// Index of the cell, z fastest.
    pub cell: usize,
    /// Length of the path in it (pc), above zero.
    pub length_pc: f64,
}

/// Two faces closer than this along the ray, relative to its length so far, are met at once.
const TOGETHER: f64 = 1e-12;

impl Geometry {
    /// A grid over a box from `origin_pc` (pc).
    ///
    /// # Errors
    /// A count of cells is 0, an extent is not above zero, or the origin is not finite.
    pub fn new(cells: [usize; 3], box_pc: [f64; 3], origin_pc: [f64; 3]) -> Result<Self, Error> {
        for axis in 0..3 {
            if cells[axis] == 0 {
                return Err(Error::Argument {
                    what: "number of cells along an axis",
                    value: 0.0,
                    expected: "at least 1",
                });
            }
            if !(box_pc[axis] > 0.0 && box_pc[axis].is_finite() && origin_pc[axis].is_finite()) {
                return Err(Error::Argument {
                    what: "extent along an axis (pc)",
                    value: box_pc[axis],
                    expected: "a finite length above zero",
                });
            }
        }
        Ok(Self {
            cells,
            width_pc: [0, 1, 2].map(|a| box_pc[a] / cells[a] as f64),
            origin_pc,
        })
    }

    /// Number of cells along x, y, z.
    pub fn cells(&self) -> [usize; 3] {
        self.cells
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.iter().product()
    }

    /// Whether there is no cell; never so.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Width of a cell along x, y, z (pc).
    pub fn width_pc(&self) -> [f64; 3] {
        self.width_pc
    }

    /// Centre of a cell (pc).
    pub fn centre(&self, cell: usize) -> [f64; 3] {
        let at = self.place(cell);
        [0, 1, 2].map(|a| self.origin_pc[a] + (at[a] as f64 + 0.5) * self.width_pc[a])
    }

    /// Number of a cell along x, y, z.
    pub fn place(&self, cell: usize) -> [usize; 3] {
        let [_, ny, nz] = self.cells;
        [cell / (ny * nz), cell / nz % ny, cell % nz]
    }

    /// Walks from `start_pc` (pc) along the unit vector `direction` to the surface and tells `each` cell crossed, in order,
    /// with the length in it; cells touched only at a face, an edge or a corner are not told. The ray starts in `cell` even
    /// where rounding puts `start_pc` on its face.
    pub fn walk(
        &self,
        cell: usize,
        start_pc: [f64; 3],
        direction: [f64; 3],
        mut each: impl FnMut(Crossing),
    ) {
        let strides = [self.cells[1] * self.cells[2], self.cells[2], 1];
        let at = self.place(cell);
        // Per axis: cells left before the surface, next face, its distance; infinite where the ray runs along the faces.
        let mut face = [0.0; 3];
        let mut left = [0usize; 3];
        let mut next = [f64::INFINITY; 3];
        let mut inverse = [0.0; 3];
        let mut offset = [0.0; 3];
        for a in 0..3 {
            if direction[a] == 0.0 {
                continue;
            }
            inverse[a] = 1.0 / direction[a];
            offset[a] = start_pc[a] - self.origin_pc[a];
            if direction[a] > 0.0 {
                face[a] = (at[a] + 1) as f64;
                left[a] = self.cells[a] - 1 - at[a];
            } else {
                face[a] = at[a] as f64;
                left[a] = at[a];
            }
            next[a] = (face[a] * self.width_pc[a] - offset[a]) * inverse[a];
        }
        let mut cell = cell;
        let mut travelled = 0.0f64;
        loop {
            let nearest = next[0].min(next[1]).min(next[2]);
            if nearest.is_infinite() {
                // No direction at all.
                return;
            }
            let length_pc = nearest - travelled;
            if length_pc > TOGETHER * nearest.abs() {
                each(Crossing { cell, length_pc });
                travelled = nearest;
            }
            let limit = nearest + TOGETHER * nearest.abs();
            for a in 0..3 {
                if next[a] <= limit {
                    if left[a] == 0 {
                        return;
                    }
                    left[a] -= 1;
                    if direction[a] > 0.0 {
                        face[a] += 1.0;
                        cell += strides[a];
                    } else {
                        face[a] -= 1.0;
                        cell -= strides[a];
                    }
                    next[a] = (face[a] * self.width_pc[a] - offset[a]) * inverse[a];
                }
            }
        }
    }
}
