//! Safe calls of the kernels: every length is checked here, once per call.

use super::{AdamStep, Isa, Start, Table};
use crate::batch::LANES;
use crate::buffer::Buffer;
use crate::{Activation, Scalar};

/// Runs `$body` with the constant `R` equal to the height of a tile: loops of known length are what makes packing cheap.
macro_rules! with_tile {
    ($tile:expr, $body:expr) => {
        with_tile!($tile, $body, 1 2 3 4 5 6 7 8 9 10 11 12)
    };
    ($tile:expr, $body:expr, $($r:literal)*) => {
        match $tile {
            $($r => {
                const R: usize = $r;
                $body
            })*
            _ => unreachable!("no instruction set has tiles of more than 12 rows"),
        }
    };
}

/// A weight matrix repacked into tiles of rows, the order in which the product kernel reads it.
#[derive(Debug)]
pub(crate) struct Panels<T> {
    tile: usize,
    rows: usize,
    depth: usize,
    data: Buffer<T>,
}

impl<T: Scalar> Panels<T> {
    pub fn new(table: &Table<T>, rows: usize, depth: usize) -> Self {
        let tiles = rows.div_ceil(table.tile);
        let tile = rows.div_ceil(tiles);
        Self {
            tile,
            rows,
            depth,
            data: Buffer::zeros(tiles * tile * (1 + depth)),
        }
    }

    /// Packs W (row-major rows × depth) and b.
    pub fn pack(&mut self, weight: &[T], bias: &[T]) {
        with_tile!(self.tile, self.pack_tiles::<R>(weight, bias));
    }

    fn pack_tiles<const R: usize>(&mut self, weight: &[T], bias: &[T]) {
        let depth = self.depth;
        let panels = self.data.chunks_exact_mut(R * (1 + depth));
        let tiles = weight.chunks(R * depth).zip(bias.chunks(R));
        for (panel, (weight, bias)) in panels.zip(tiles) {
            let (first, lines) = panel.split_at_mut(R);
            first[..bias.len()].copy_from_slice(bias);
            let lines = lines.as_chunks_mut::<R>().0;
            if bias.len() == R {
                let rows: [&[T]; R] = std::array::from_fn(|r| &weight[r * depth..(r + 1) * depth]);
                for (d, line) in lines.iter_mut().enumerate() {
                    *line = std::array::from_fn(|r| rows[r][d]);
                }
            } else {
                for (r, row) in weight.chunks_exact(depth).enumerate() {
                    lines.iter_mut().zip(row).for_each(|(line, w)| line[r] = *w);
                }
            }
        }
    }

    /// Packs Wᵀ of a row-major depth × rows matrix W, no bias.
    pub fn pack_transposed(&mut self, weight: &[T]) {
        with_tile!(self.tile, self.pack_transposed_tiles::<R>(weight));
    }

    fn pack_transposed_tiles<const R: usize>(&mut self, weight: &[T]) {
        let panels = self.data.chunks_exact_mut(R * (1 + self.depth));
        for (t, panel) in panels.enumerate() {
            let lines = panel[R..].as_chunks_mut::<R>().0;
            for (line, row) in lines.iter_mut().zip(weight.chunks_exact(self.rows)) {
                // A whole tile is a copy of known length.
                match row[t * R..].first_chunk::<R>() {
                    Some(whole) => *line = *whole,
                    None => line[..row.len() - t * R].copy_from_slice(&row[t * R..]),
                }
            }
        }
    }
}

impl<T: Scalar> Table<T> {
    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// y = W x + (nothing, b or y, by `start`) on every block of x.
    #[inline]
    pub(crate) fn product(&self, panels: &Panels<T>, start: Start, x: &[T], y: &mut [T]) {
        let blocks = x.len() / (panels.depth * LANES);
        assert_eq!(x.len(), blocks * panels.depth * LANES);
        assert_eq!(y.len(), blocks * panels.rows * LANES);
        assert!(panels.tile <= self.tile);
        // SAFETY: the lengths are checked, the panels' own follow from their construction, the set was detected.
        unsafe {
            (self.product)(
                panels.data.as_ptr(),
                panels.tile,
                panels.rows,
                panels.depth,
                start,
                x.as_ptr(),
                y.as_mut_ptr(),
                blocks,
            );
        }
    }

    /// `weight` += Σ y xᵀ + ẏ ẋᵀ, `bias` += Σ y; slices of blocks.
    #[inline]
    pub(crate) fn weight_gradient(
        &self,
        y: &[T],
        x: &[T],
        tangents: Option<(&[T], &[T])>,
        weight: &mut [T],
        bias: &mut [T],
    ) {
        let rows = bias.len();
        let depth = weight.len() / rows;
        let blocks = y.len() / (rows * LANES);
        assert_eq!(weight.len(), rows * depth);
        assert_eq!(y.len(), blocks * rows * LANES);
        assert_eq!(x.len(), blocks * depth * LANES);
        let (ty, tx) = match tangents {
            Some((ty, tx)) => {
                assert_eq!((ty.len(), tx.len()), (y.len(), x.len()));
                (ty.as_ptr(), tx.as_ptr())
            }
            None => (std::ptr::null(), std::ptr::null()),
        };
        // SAFETY: the lengths are checked, the set was detected.
        unsafe {
            (self.weight_gradient)(
                [y.as_ptr(), ty],
                [x.as_ptr(), tx],
                rows,
                depth,
                blocks,
                weight.as_mut_ptr(),
                bias.as_mut_ptr(),
            );
        }
    }

    /// σ in place; `slope` receives σ'.
    #[inline]
    pub(crate) fn activate(&self, kind: Activation, value: &mut [T], slope: Option<&mut [T]>) {
        assert_eq!(value.len() % LANES, 0);
        let slope = slope.map_or(std::ptr::null_mut(), |s| {
            assert_eq!(s.len(), value.len());
            s.as_mut_ptr()
        });
        let null = std::ptr::null_mut();
        // SAFETY: the lengths are checked, the set was detected.
        unsafe { (self.activate)(kind, value.len(), value.as_mut_ptr(), slope, null, null) }
    }

    /// σ in place on value and tangent; `slope` receives σ', `curve` σ'' times the tangent.
    #[inline]
    pub(crate) fn activate_tangent(
        &self,
        kind: Activation,
        value: &mut [T],
        slope: &mut [T],
        tangent: &mut [T],
        curve: &mut [T],
    ) {
        let n = value.len();
        assert_eq!(n % LANES, 0);
        assert_eq!((slope.len(), tangent.len(), curve.len()), (n, n, n));
        // SAFETY: the lengths are checked, the set was detected.
        unsafe {
            (self.activate)(
                kind,
                n,
                value.as_mut_ptr(),
                slope.as_mut_ptr(),
                tangent.as_mut_ptr(),
                curve.as_mut_ptr(),
            );
        }
    }

    /// The reverse of the two above, in place on the cotangents.
    #[inline]
    pub(crate) fn activate_reverse(
        &self,
        value_bar: &mut [T],
        slope: &[T],
        tangents: Option<(&mut [T], &[T])>,
    ) {
        let n = value_bar.len();
        assert_eq!(n % LANES, 0);
        assert_eq!(slope.len(), n);
        let (bar, curve) = match tangents {
            Some((bar, curve)) => {
                assert_eq!((bar.len(), curve.len()), (n, n));
                (bar.as_mut_ptr(), curve.as_ptr())
            }
            None => (std::ptr::null_mut(), std::ptr::null()),
        };
        // SAFETY: the lengths are checked, the set was detected.
        unsafe { (self.activate_reverse)(n, value_bar.as_mut_ptr(), slope.as_ptr(), bar, curve) }
    }

    /// `out` = scale · weight · (a − b), returns Σ weight (a − b)².
    #[inline]
    pub(crate) fn residual(
        &self,
        a: &[T],
        b: &[T],
        weight: &[T; LANES],
        scale: T,
        out: Option<&mut [T]>,
    ) -> T {
        let rows = a.len() / LANES;
        assert_eq!((a.len(), b.len()), (rows * LANES, rows * LANES));
        let out = out.map_or(std::ptr::null_mut(), |o| {
            assert_eq!(o.len(), a.len());
            o.as_mut_ptr()
        });
        // SAFETY: the lengths are checked, the set was detected.
        unsafe { (self.residual)(rows, a.as_ptr(), b.as_ptr(), weight.as_ptr(), scale, out) }
    }

    /// One step of Adam.
    pub(crate) fn adam(&self, step: &AdamStep<T>, p: &mut [T], g: &[T], m: &mut [T], v: &mut [T]) {
        let n = p.len();
        assert_eq!((g.len(), m.len(), v.len()), (n, n, n));
        // SAFETY: the lengths are checked, the set was detected.
        unsafe {
            (self.adam)(
                step,
                n,
                p.as_mut_ptr(),
                g.as_ptr(),
                m.as_mut_ptr(),
                v.as_mut_ptr(),
            )
        }
    }

    /// Runs `rounds` of the peak loop; returns floating point operations done and a value to keep.
    pub(crate) fn peak(&self, rounds: usize, seed: T) -> (f64, T) {
        // SAFETY: the set was detected.
        let value = unsafe { (self.peak)(rounds, seed) };
        (2.0 * 24.0 * self.registers as f64 * rounds as f64, value)
    }
}
