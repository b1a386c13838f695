//! The inner loops: evaluates the sums of a [`Plan`](super::plan::Plan) for W states at once.
//! Everything here is inlined into its caller, so that a caller compiled for AVX gets AVX code.

use super::plan::{BLOCK, Operation, Run, Sums};

/// Coefficients of the terms of a [`Sums`], the same in all lanes or one per lane.
pub(crate) trait Coefficients<const W: usize> {
    /// Coefficient of a term in every lane.
    fn lanes(&self) -> [f64; W];
}

impl<const W: usize> Coefficients<W> for f64 {
    #[inline(always)]
    fn lanes(&self) -> [f64; W] {
        [*self; W]
    }
}

impl<const W: usize> Coefficients<W> for [f64; W] {
    #[inline(always)]
    fn lanes(&self) -> [f64; W] {
        *self
    }
}

/// Values of the terms of one block, on a cache line's boundary: 8 lanes are one line, and a read
/// across two costs twice.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct Scratch<const W: usize>(pub [[f64; W]; BLOCK]);

impl<const W: usize> Scratch<W> {
    #[inline(always)]
    pub fn new() -> Self {
        Self([[0.0; W]; BLOCK])
    }
}

#[inline(always)]
fn times<const W: usize>(mut a: [f64; W], b: &[f64; W]) -> [f64; W] {
    for l in 0..W {
        a[l] *= b[l];
    }
    a
}

#[inline(always)]
fn plus<const W: usize>(mut a: [f64; W], b: &[f64; W]) -> [f64; W] {
    for l in 0..W {
        a[l] += b[l];
    }
    a
}

/// Writes every output of `sums` at the states `n` (species × lanes) into `out` (outputs × lanes).
#[inline(always)]
pub(crate) fn evaluate<const W: usize, C: Coefficients<W>>(
    sums: &Sums,
    coefficients: &[C],
    n: &[[f64; W]],
    out: &mut [[f64; W]],
    scratch: &mut Scratch<W>,
) {
    let terms = &mut scratch.0;
    for &output in &sums.untouched {
        out[output as usize] = [0.0; W];
    }
    // Slices are cut to equal lengths and zipped: one counter and no checks in the loops.
    let mut coefficients = coefficients;
    let (mut one, mut two, mut more) = (&sums.one[..], &sums.two[..], &sums.more[..]);
    let mut runs = sums.runs.iter();
    let (mut outputs, mut references) = (&sums.outputs[..], &sums.references[..]);
    for block in &sums.blocks {
        let [constant, linear, quadratic, higher] = block.terms;
        let (slots, rest) = terms.split_at_mut(constant);
        for (slot, k) in slots.iter_mut().zip(take(&mut coefficients, constant)) {
            *slot = k.lanes();
        }
        let (slots, rest) = rest.split_at_mut(linear);
        let factors = take(&mut one, linear);
        for ((slot, k), &a) in slots
            .iter_mut()
            .zip(take(&mut coefficients, linear))
            .zip(factors)
        {
            *slot = times(k.lanes(), &n[a as usize]);
        }
        let (slots, rest) = rest.split_at_mut(quadratic);
        let factors = take(&mut two, quadratic);
        let work = slots.iter_mut().zip(take(&mut coefficients, quadratic));
        for ((slot, k), &[a, b]) in work.zip(factors) {
            *slot = times(times(k.lanes(), &n[a as usize]), &n[b as usize]);
        }
        let factors = take(&mut more, higher);
        let work = rest.iter_mut().zip(take(&mut coefficients, higher));
        for ((slot, k), factors) in work.zip(factors) {
            *slot = factors
                .iter()
                .fold(k.lanes(), |product, &a| times(product, &n[a as usize]));
        }
        for run in runs.by_ref().take(block.runs) {
            let these = take(&mut outputs, run.pieces as usize);
            let used = take(&mut references, run.pieces as usize * run.length as usize);
            match run.length {
                1 => add_up::<W, 1>(run, these, used, terms, out),
                2 => add_up::<W, 2>(run, these, used, terms, out),
                3 => add_up::<W, 3>(run, these, used, terms, out),
                4 => add_up::<W, 4>(run, these, used, terms, out),
                5 => add_up::<W, 5>(run, these, used, terms, out),
                6 => add_up::<W, 6>(run, these, used, terms, out),
                7 => add_up::<W, 7>(run, these, used, terms, out),
                _ => add_up::<W, 8>(run, these, used, terms, out),
            }
        }
    }
    if let Some(closure) = &sums.closure {
        let mut sum = [0.0; W];
        for &(i, weight) in &closure.weights {
            sum = plus(sum, &times([weight; W], &out[i as usize]));
        }
        out[closure.output as usize] = sum;
    }
}

/// Cuts the first `count` items off a slice.
#[inline(always)]
fn take<'a, T>(slice: &mut &'a [T], count: usize) -> &'a [T] {
    let (first, rest) = slice.split_at(count);
    *slice = rest;
    first
}

/// The pieces of one run, L references each.
#[inline(always)]
fn add_up<const W: usize, const L: usize>(
    run: &Run,
    outputs: &[u32],
    references: &[u8],
    terms: &[[f64; W]; BLOCK],
    out: &mut [[f64; W]],
) {
    let (pieces, _) = references.as_chunks::<L>();
    let sum = |piece: &[u8; L]| {
        let mut sum = terms[piece[0] as usize];
        for at in &piece[1..] {
            sum = plus(sum, &terms[*at as usize]);
        }
        sum
    };
    let work = outputs.iter().zip(pieces);
    match run.operation {
        Operation::Set => {
            for (&output, piece) in work {
                out[output as usize] = sum(piece);
            }
        }
        Operation::SetNegative => {
            for (&output, piece) in work {
                out[output as usize] = sum(piece).map(|x| -x);
            }
        }
        Operation::Add => {
            for (&output, piece) in work {
                let out = &mut out[output as usize];
                *out = plus(*out, &sum(piece));
            }
        }
        Operation::Subtract => {
            for (&output, piece) in work {
                let sum = sum(piece);
                let out = &mut out[output as usize];
                for l in 0..W {
                    out[l] -= sum[l];
                }
            }
        }
    }
}
