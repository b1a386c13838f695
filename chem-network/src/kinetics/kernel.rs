//! The inner loops: evaluates the sums of a [`Plan`](super::plan::Plan) for W states at once.
//! Everything here is inlined into its caller, so that a caller compiled for AVX gets AVX code.

use super::pack::Pack;
use super::plan::{BLOCK, Operation, Run, Sums};

/// Coefficients of the terms of a [`Sums`], the same in all lanes or one per lane.
pub(crate) trait Coefficients<const W: usize> {
    /// Coefficient of a term in every lane.
    fn lanes<P: Pack<W>>(&self) -> P;
}

impl<const W: usize> Coefficients<W> for f64 {
    #[inline(always)]
    fn lanes<P: Pack<W>>(&self) -> P {
        P::splat(*self)
    }
}

impl<const W: usize> Coefficients<W> for [f64; W] {
    #[inline(always)]
    fn lanes<P: Pack<W>>(&self) -> P {
        P::load(self)
    }
}

/// Values of the terms of one block, on a cache line's boundary: 8 lanes are one line, and a read
/// across two costs twice.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(crate) struct Scratch<const W: usize>(pub [[f64; W]; BLOCK]);

impl<const W: usize> Scratch<W> {
    #[inline(always)]
    pub const fn new() -> Self {
        Self([[0.0; W]; BLOCK])
    }
}

/// Writes every output of `sums` at the states `n` (species × lanes) into `out` (outputs × lanes).
#[inline(always)]
pub(crate) fn evaluate<P: Pack<W>, const W: usize, C: Coefficients<W>>(
    sums: &Sums,
    coefficients: &[C],
    n: &[[f64; W]],
    out: &mut [[f64; W]],
    scratch: &mut Scratch<W>,
) {
    // The indices of `sums` were checked against these lengths when it was compiled.
    let (n, out) = (&n[..sums.inputs], &mut out[..sums.length]);
    let terms = &mut scratch.0;
    for &output in &sums.untouched {
        P::splat(0.0).store(at_mut(out, output));
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
            k.lanes::<P>().store(slot);
        }
        let (slots, rest) = rest.split_at_mut(linear);
        let factors = take(&mut one, linear);
        for ((slot, k), &a) in slots
            .iter_mut()
            .zip(take(&mut coefficients, linear))
            .zip(factors)
        {
            k.lanes::<P>().times(P::load(at(n, a))).store(slot);
        }
        let (slots, rest) = rest.split_at_mut(quadratic);
        let factors = take(&mut two, quadratic);
        let work = slots.iter_mut().zip(take(&mut coefficients, quadratic));
        for ((slot, k), &[a, b]) in work.zip(factors) {
            let term = k.lanes::<P>().times(P::load(at(n, a)));
            term.times(P::load(at(n, b))).store(slot);
        }
        let factors = take(&mut more, higher);
        let work = rest.iter_mut().zip(take(&mut coefficients, higher));
        for ((slot, k), factors) in work.zip(factors) {
            let product = |product: P, &a: &u32| product.times(P::load(at(n, a)));
            factors.iter().fold(k.lanes(), product).store(slot);
        }
        for run in runs.by_ref().take(block.runs) {
            let these = take(&mut outputs, run.pieces as usize);
            let used = take(&mut references, run.pieces as usize * run.length as usize);
            match run.length {
                1 => add_up::<P, W, 1>(run, these, used, terms, out),
                2 => add_up::<P, W, 2>(run, these, used, terms, out),
                3 => add_up::<P, W, 3>(run, these, used, terms, out),
                4 => add_up::<P, W, 4>(run, these, used, terms, out),
                5 => add_up::<P, W, 5>(run, these, used, terms, out),
                6 => add_up::<P, W, 6>(run, these, used, terms, out),
                7 => add_up::<P, W, 7>(run, these, used, terms, out),
                _ => add_up::<P, W, 8>(run, these, used, terms, out),
            }
        }
    }
    if let Some(closure) = &sums.closure {
        let mut sum = P::splat(0.0);
        for &(i, weight) in &closure.weights {
            sum = sum.plus(P::splat(weight).times(P::load(at(out, i))));
        }
        sum.store(at_mut(out, closure.output));
    }
}

/// Item `i` of an array that [`evaluate`] has cut to the length that the indices were checked against. Without a check in every access, and with
/// registers by name, the 224-reaction network takes 91 ns a state in 8 lanes instead of 105.
#[inline(always)]
fn at<V>(array: &[V], i: u32) -> &V {
    debug_assert!((i as usize) < array.len());
    // SAFETY: `Sums::compile` refuses indices at or above `inputs` and `length`.
    unsafe { array.get_unchecked(i as usize) }
}

/// As [`at`].
#[inline(always)]
fn at_mut<V>(array: &mut [V], i: u32) -> &mut V {
    debug_assert!((i as usize) < array.len());
    // SAFETY: as above.
    unsafe { array.get_unchecked_mut(i as usize) }
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
fn add_up<P: Pack<W>, const W: usize, const L: usize>(
    run: &Run,
    outputs: &[u32],
    references: &[u8],
    terms: &[[f64; W]; BLOCK],
    out: &mut [[f64; W]],
) {
    let (pieces, _) = references.as_chunks::<L>();
    let work = outputs.iter().zip(pieces);
    match run.operation {
        Operation::Set => {
            for (&output, piece) in work {
                sum::<P, W, L>(terms, piece).store(at_mut(out, output));
            }
        }
        Operation::SetNegative => {
            for (&output, piece) in work {
                sum::<P, W, L>(terms, piece)
                    .negated()
                    .store(at_mut(out, output));
            }
        }
        Operation::Add => {
            for (&output, piece) in work {
                let out = at_mut(out, output);
                P::load(out).plus(sum::<P, W, L>(terms, piece)).store(out);
            }
        }
        Operation::Subtract => {
            for (&output, piece) in work {
                let out = at_mut(out, output);
                P::load(out).minus(sum::<P, W, L>(terms, piece)).store(out);
            }
        }
    }
}

#[inline(always)]
fn sum<P: Pack<W>, const W: usize, const L: usize>(
    terms: &[[f64; W]; BLOCK],
    piece: &[u8; L],
) -> P {
    let mut sum = P::load(&terms[piece[0] as usize]);
    for at in &piece[1..] {
        sum = sum.plus(P::load(&terms[*at as usize]));
    }
    sum
}
