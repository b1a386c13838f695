//! The inner loops: evaluates the sums of a [`Plan`](super::plan::Plan) for W states at once.
//! Everything here is inlined into its caller, so that a caller compiled for AVX gets AVX code.

use super::plan::{BLOCK, Sums};

/// Coefficients of the terms and weights of a [`Sums`], the same in all lanes or one per lane.
pub(crate) trait Coefficients<const W: usize>: Copy {
    /// Coefficients of the terms `start..start + count`.
    fn get(self, list: List, at: usize) -> [f64; W];
}

/// Which list of coefficients.
#[derive(Clone, Copy)]
pub(crate) enum List {
    Terms,
    Weights,
}

/// The same coefficients in every lane.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub terms: &'a [f64],
    pub weights: &'a [f64],
}

impl<const W: usize> Coefficients<W> for Shared<'_> {
    #[inline(always)]
    fn get(self, list: List, at: usize) -> [f64; W] {
        match list {
            List::Terms => [self.terms[at]; W],
            List::Weights => [self.weights[at]; W],
        }
    }
}

/// Coefficients of their own in every lane.
#[derive(Clone, Copy)]
pub(crate) struct PerLane<'a, const W: usize> {
    pub terms: &'a [[f64; W]],
    pub weights: &'a [[f64; W]],
}

impl<const W: usize> Coefficients<W> for PerLane<'_, W> {
    #[inline(always)]
    fn get(self, list: List, at: usize) -> [f64; W] {
        match list {
            List::Terms => self.terms[at],
            List::Weights => self.weights[at],
        }
    }
}

#[inline(always)]
fn times<const W: usize>(a: [f64; W], b: [f64; W]) -> [f64; W] {
    let mut c = a;
    for l in 0..W {
        c[l] *= b[l];
    }
    c
}

#[inline(always)]
fn add<const W: usize>(a: &mut [f64; W], b: &[f64; W]) {
    for l in 0..W {
        a[l] += b[l];
    }
}

#[inline(always)]
fn subtract<const W: usize>(a: &mut [f64; W], b: &[f64; W]) {
    for l in 0..W {
        a[l] -= b[l];
    }
}

/// Writes every output of `sums` at the states `n` (species × lanes) into `out` (outputs × lanes).
#[inline(always)]
pub(crate) fn evaluate<const W: usize>(
    sums: &Sums,
    coefficients: impl Coefficients<W>,
    n: &[[f64; W]],
    out: &mut [[f64; W]],
) {
    for &output in &sums.untouched {
        out[output as usize] = [0.0; W];
    }
    let mut terms = [[0.0; W]; BLOCK];
    let (mut term, mut weight) = (0, 0);
    let (mut one, mut two, mut more) = (sums.one.iter(), sums.two.iter(), sums.more.iter());
    let mut rows = sums.rows.iter();
    let mut entries = &sums.entries[..];
    for block in &sums.blocks {
        let [constant, linear, quadratic, higher] = block.terms;
        let mut slots = terms.iter_mut();
        for slot in slots.by_ref().take(constant) {
            *slot = coefficients.get(List::Terms, term);
            term += 1;
        }
        for (slot, &a) in slots.by_ref().take(linear).zip(&mut one) {
            *slot = times(coefficients.get(List::Terms, term), n[a as usize]);
            term += 1;
        }
        for (slot, &[a, b]) in slots.by_ref().take(quadratic).zip(&mut two) {
            let product = times(n[a as usize], n[b as usize]);
            *slot = times(coefficients.get(List::Terms, term), product);
            term += 1;
        }
        for (slot, factors) in slots.by_ref().take(higher).zip(&mut more) {
            let mut product = coefficients.get(List::Terms, term);
            for &a in factors {
                product = times(product, n[a as usize]);
            }
            *slot = product;
            term += 1;
        }
        for i in 0..block.fresh_rows + block.more_rows {
            let Some(row) = rows.next() else { break };
            let mut sum = [0.0; W];
            let (plus, rest) = entries.split_at(row.plus as usize);
            let (minus, rest) = rest.split_at(row.minus as usize);
            let (weighted, rest) = rest.split_at(row.weighted as usize);
            entries = rest;
            for &at in plus {
                add(&mut sum, &terms[at as usize % BLOCK]);
            }
            for &at in minus {
                subtract(&mut sum, &terms[at as usize % BLOCK]);
            }
            for &at in weighted {
                let ratio = coefficients.get(List::Weights, weight);
                add(&mut sum, &times(ratio, terms[at as usize % BLOCK]));
                weight += 1;
            }
            if i < block.fresh_rows {
                out[row.output as usize] = sum;
            } else {
                add(&mut out[row.output as usize], &sum);
            }
        }
    }
}
