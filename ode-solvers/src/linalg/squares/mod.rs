//! Dense LU of one matrix in squares of eight by eight: a column of a square is one register of eight doubles, and no substitution within a square is left
//! to wait for, for the squares on the diagonal are inverted.
//!
//! One matrix has no lanes to fill a register with, and its substitutions are chains: each unknown waits for the one before. Of a chain of 29 unknowns four
//! links are left, eight products each.
mod register;
#[cfg(test)]
mod tests;

use crate::Scalar;
use crate::aligned::Aligned;
pub(crate) use register::Register;
use register::invert;

/// Rows and columns of a square.
pub(super) const SIDE: usize = 8;

/// Column by column.
type Square<T> = [[T; SIDE]; SIDE];

/// Accumulators of a row of a solve: independent sums, so that products do not wait for each other.
const SUMS: usize = 4;

/// Factors M = L·D·U of a matrix, L and U with unit squares on the diagonal. D is kept as its negative inverse, square by square, so that every use
/// is a subtraction.
///
/// Pivots stay on the diagonal. What is watched is what a factorisation by single rows would show: multipliers below the pivots, in the squares of the
/// diagonal as they are inverted (Gauß and Jordan) and in L.
#[derive(Clone, Debug)]
pub(super) struct Block<T> {
    /// Rows of the matrix, without those that only fill the last square.
    dim: usize,
    /// Rows and columns of squares.
    side: usize,
    /// Row by row.
    squares: Aligned<T, SIDE>,
    pub inverse_pivots: Vec<T>,
}

fn squares_mut<T>(array: &mut [[T; SIDE]]) -> &mut [Square<T>] {
    array.as_chunks_mut().0
}

impl<T: Scalar> Block<T> {
    pub fn new(dim: usize) -> Self {
        let side = dim.div_ceil(SIDE);
        Self {
            dim,
            side,
            squares: Aligned::zeros(side * side * SIDE + 1),
            inverse_pivots: vec![T::one(); side * SIDE],
        }
    }

    /// Rows, with those that fill the last square.
    pub fn rows(&self) -> usize {
        self.side * SIDE
    }

    /// Where row i of a column is in [`Block::entries_mut`], from where that column begins.
    pub fn row(&self, i: usize) -> usize {
        i / SIDE * self.side * SIDE * SIDE + i % SIDE
    }

    /// Where column j begins.
    pub fn column(&self, j: usize) -> usize {
        j / SIDE * SIDE * SIDE + j % SIDE * SIDE
    }

    /// A place in [`Block::entries_mut`] that belongs to no entry.
    pub fn nowhere(&self) -> usize {
        self.squares.len() * SIDE - 1
    }

    /// A matrix of zeros, to be filled.
    #[inline(always)]
    pub fn begin(&mut self) {
        self.squares.fill([T::zero(); SIDE]);
    }

    /// Adds `shift` on the diagonal, and where rows only fill the last square a pivot no larger than those of the matrix.
    #[inline(always)]
    pub fn shift(&mut self, shift: T) {
        let side = self.side;
        let rows = squares_mut(&mut self.squares).chunks_exact_mut(side.max(1));
        for (i, row) in rows.enumerate() {
            for k in 0..SIDE {
                let own = i * SIDE + k < self.dim || shift != T::zero();
                row[i][k][k] += if own { shift } else { T::one() };
            }
        }
    }

    #[inline(always)]
    pub fn entries_mut(&mut self) -> &mut [T] {
        self.squares.as_flattened_mut()
    }

    /// Factorises, `C` columns of a square at a time (a divisor of [`SIDE`]); `growth` rises to the largest multiplier.
    #[inline(always)]
    pub fn factorize<P: Register<T>, const C: usize>(&mut self, growth: &mut P) {
        let m = self.side;
        let squares = squares_mut(&mut self.squares);
        for i in 0..m {
            let (above, own) = squares.split_at_mut(i * m);
            let own = &mut own[..m];
            for j in 0..m {
                let (left, rest) = own.split_at_mut(i.min(j));
                let square = &mut rest[j - i.min(j)];
                let taken = left.iter().zip(above.chunks_exact(m).map(|row| &row[j]));
                subtract::<T, P, C>(square, taken);
                if j < i {
                    multipliers::<T, P, C>(square, &above[j * m + j], growth);
                } else if j == i {
                    let inverses = &mut self.inverse_pivots.as_chunks_mut::<SIDE>().0[i];
                    invert::<T, P>(square, inverses, growth);
                }
            }
        }
        for i in 0..m {
            let (diagonal, right) = squares[i * m + i..(i + 1) * m].split_at_mut(1);
            for square in right {
                scale::<T, P, C>(square, &diagonal[0]);
            }
        }
    }

    /// Replaces x, whose rows fill whole squares, by the solution.
    #[inline(always)]
    pub fn solve<P: Register<T>>(&self, x: &mut [[T; SIDE]]) {
        // Loops over so few rows are laid out.
        match self.side {
            2 => self.solve_rows::<P>(2, x),
            3 => self.solve_rows::<P>(3, x),
            4 => self.solve_rows::<P>(4, x),
            m => self.solve_rows::<P>(m, x),
        }
    }

    #[inline(always)]
    fn solve_rows<P: Register<T>>(&self, m: usize, x: &mut [[T; SIDE]]) {
        let x = &mut x[..m];
        let squares: &[Square<T>] = self.squares.as_chunks().0;
        let squares = &squares[..m * m];
        for i in 1..m {
            let (known, own) = x.split_at_mut(i);
            let mut sums = [P::zero(); SUMS];
            sums[0] = P::load(&own[0]);
            for (square, x) in squares[i * m..].iter().zip(&*known) {
                apply::<T, P>(&mut sums, square, x);
            }
            total(sums).store(&mut own[0]);
        }
        for i in (0..m).rev() {
            let (head, known) = x.split_at_mut(i + 1);
            let own = &mut head[i];
            let row = &squares[i * m + i..(i + 1) * m];
            let mut sums = [P::zero(); SUMS];
            apply::<T, P>(&mut sums, &row[0], own);
            // What was found last is waited for last.
            for (square, x) in row[1..].iter().zip(known).rev() {
                apply::<T, P>(&mut sums, square, x);
            }
            total(sums).store(own);
        }
    }
}

/// sums -= `square`·x, over several sums.
#[inline(always)]
fn apply<T: Scalar, P: Register<T>>(sums: &mut [P; SUMS], square: &Square<T>, x: &[T; SIDE]) {
    for k in 0..SIDE {
        sums[k % SUMS] = sums[k % SUMS].less(P::load(&square[k]), P::splat(x[k]));
    }
}

#[inline(always)]
fn total<T: Scalar, P: Register<T>>([a, b, c, d]: [P; SUMS]) -> P {
    a.plus(b).plus(c.plus(d))
}

/// sums -= `left`·(columns of a square).
#[inline(always)]
fn product<T: Scalar, P: Register<T>, const C: usize>(
    sums: &mut [P; C],
    left: &Square<T>,
    right: &[[T; SIDE]],
) {
    let right = &right[..C];
    for p in 0..SIDE {
        let l = P::load(&left[p]);
        for q in 0..C {
            sums[q] = sums[q].less(l, P::splat(right[q][p]));
        }
    }
}

/// square -= the products of these pairs, one after the other.
#[inline(always)]
fn subtract<'a, T: Scalar, P: Register<T>, const C: usize>(
    square: &mut Square<T>,
    pairs: impl Iterator<Item = (&'a Square<T>, &'a Square<T>)> + Clone,
) {
    for c in (0..SIDE).step_by(C) {
        let mut sums = [P::zero(); C];
        for q in 0..C {
            sums[q] = P::load(&square[c + q]);
        }
        for (left, right) in pairs.clone() {
            product(&mut sums, left, &right[c..]);
        }
        for q in 0..C {
            sums[q].store(&mut square[c + q]);
        }
    }
}

/// Times the inverse of the square on the diagonal, of which `negative` is the negative: a square of L.
#[inline(always)]
fn multipliers<T: Scalar, P: Register<T>, const C: usize>(
    square: &mut Square<T>,
    negative: &Square<T>,
    growth: &mut P,
) {
    let left = *square;
    for c in (0..SIDE).step_by(C) {
        let mut sums = [P::zero(); C];
        product(&mut sums, &left, &negative[c..]);
        for q in 0..C {
            *growth = sums[q].size_or(*growth);
            sums[q].store(&mut square[c + q]);
        }
    }
}

/// The inverse of the square on the diagonal times one right of it: a square of U.
#[inline(always)]
fn scale<T: Scalar, P: Register<T>, const C: usize>(square: &mut Square<T>, negative: &Square<T>) {
    for c in (0..SIDE).step_by(C) {
        let mut sums = [P::zero(); C];
        product(&mut sums, negative, &square[c..]);
        for q in 0..C {
            sums[q].store(&mut square[c + q]);
        }
    }
}
