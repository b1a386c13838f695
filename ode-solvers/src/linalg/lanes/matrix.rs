//! Where the block of a factorisation over lanes begins.
use super::super::ragged::Ragged;
use super::super::tiles::{Begin, TILE};
use crate::Scalar;
use crate::pack::Pack;

/// Where the block begins: what the matrix has there, less what the sparse pivots take from it.
pub(super) struct Matrix<'a, T, P, const W: usize> {
    pub slots: &'a [[u32; TILE * TILE]],
    pub couplings: &'a Ragged<(u32, u32)>,
    pub lower: &'a [[T; W]],
    pub upper: &'a [[T; W]],
    pub jacobian: &'a [[T; W]],
    pub shift: P,
    pub tiles: usize,
}

impl<T: Scalar, P: Pack<T, W>, const W: usize> Begin<P> for Matrix<'_, T, P, W> {
    #[inline(always)]
    fn tile<const R: usize, const C: usize>(
        &self,
        row: usize,
        column: usize,
        r: usize,
        c: usize,
    ) -> [[P; C]; R] {
        let zero = [T::zero(); W];
        let mut tile = [[P::zero(); C]; R];
        let slots = &self.slots[row * self.tiles + column];
        for p in 0..R {
            for q in 0..C {
                let slot = slots[(r + p) * TILE + c + q] as usize;
                let value = self.jacobian.get(slot).unwrap_or(&zero);
                tile[p][q] = P::load(value).negated();
            }
        }
        // One branch for the tile: one for each entry is as dear as the entries.
        if row == column {
            for p in 0..R {
                for q in 0..C {
                    if r + p == c + q {
                        tile[p][q] = tile[p][q].plus(self.shift);
                    }
                }
            }
        }
        for &(l, u) in self.couplings.list(row * self.tiles + column) {
            let l = &self.lower[l as usize + r..][..R];
            let u = &self.upper[u as usize + c..][..C];
            for p in 0..R {
                let l = P::load(&l[p]);
                for q in 0..C {
                    tile[p][q] = tile[p][q].less(l, P::load(&u[q]));
                }
            }
        }
        tile
    }
}
