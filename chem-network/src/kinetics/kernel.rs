//! The inner loops: evaluates the sums of a [`Sums`] for W states at once.
//! Everything here is inlined into its caller, so that a caller compiled for AVX gets AVX code.

use super::pack::Pack;
use super::sums::{BLOCK, Operation, QUAD, Run, SCALE, Sums};

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
    let (mut hubs, mut partners) = (&sums.hubs[..], &sums.partners[..]);
    let mut runs = sums.runs.iter();
    let (mut outputs, mut references) = (&sums.outputs[..], &sums.references[..]);
    for block in &sums.blocks {
        let (slots, rest) = terms.split_at_mut(block.constant);
        for (slot, k) in slots
            .iter_mut()
            .zip(take(&mut coefficients, block.constant))
        {
            k.lanes::<P>().store(slot);
        }
        let (slots, rest) = rest.split_at_mut(block.linear);
        let factors = take(&mut one, block.linear);
        let work = slots.iter_mut().zip(take(&mut coefficients, block.linear));
        for ((slot, k), &a) in work.zip(factors) {
            k.lanes::<P>().times(P::load(at(n, a))).store(slot);
        }
        let (slots, rest) = rest.split_at_mut(block.quads * QUAD);
        let factors = take(&mut hubs, block.quads).iter();
        let factors = factors.zip(take(&mut partners, block.quads));
        let k = take(&mut coefficients, block.quads * QUAD);
        let work = slots.as_chunks_mut::<QUAD>().0.iter_mut();
        for ((slots, k), (&hub, partners)) in work.zip(k.as_chunks::<QUAD>().0).zip(factors) {
            let hub = P::load(at(n, hub));
            let partners = indices(*partners);
            for q in 0..QUAD {
                let term = P::load(at(n, partners[q])).times(hub);
                term.times(k[q].lanes()).store(&mut slots[q]);
            }
        }
        let (slots, rest) = rest.split_at_mut(block.quadratic);
        let factors = take(&mut two, block.quadratic);
        let work = slots.iter_mut();
        let work = work.zip(take(&mut coefficients, block.quadratic));
        for ((slot, k), &[a, b]) in work.zip(factors) {
            let term = P::load(at(n, a)).times(P::load(at(n, b)));
            term.times(k.lanes()).store(slot);
        }
        let factors = take(&mut more, block.higher);
        let work = rest.iter_mut().zip(take(&mut coefficients, block.higher));
        for ((slot, k), factors) in work.zip(factors) {
            let mut product: P = k.lanes();
            for &a in factors {
                product = product.times(P::load(at(n, a)));
            }
            product.store(slot);
        }
        for run in runs.by_ref().take(block.runs) {
            let these = take(&mut outputs, run.pieces as usize);
            let used = take(&mut references, these.len() * usize::from(run.length));
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
            sum = sum.plus(P::splat(weight).times(P::load(&out[i as usize])));
        }
        sum.store(&mut out[closure.output as usize]);
    }
}

/// Item `i` / [`SCALE`] of an array that [`evaluate`] has cut to the length that the indices were checked against. Without a check in every access,
/// and with registers by name, the 224-reaction network takes 91 ns a state in 8 lanes instead of 105.
#[inline(always)]
fn at<const W: usize>(array: &[[f64; W]], i: u32) -> &[f64; W] {
    let i = i as usize;
    debug_assert!(i.is_multiple_of(SCALE) && i / SCALE < array.len());
    // SAFETY: `Sums::compile` refuses indices at or above `inputs` and `length`, and multiplies them by `SCALE`, the size of a double: this is
    // item i / SCALE of the array.
    unsafe { &*array.as_ptr().cast::<u8>().add(i * W).cast() }
}

/// As [`at`].
#[inline(always)]
fn at_mut<const W: usize>(array: &mut [[f64; W]], i: u32) -> &mut [f64; W] {
    let i = i as usize;
    debug_assert!(i.is_multiple_of(SCALE) && i / SCALE < array.len());
    // SAFETY: as above.
    unsafe { &mut *array.as_mut_ptr().cast::<u8>().add(i * W).cast() }
}

/// Four indices from one load, taken apart by shifts.
#[inline(always)]
fn indices(packed: u64) -> [u32; 4] {
    [
        (packed & 0xffff) as u32,
        (packed >> 16 & 0xffff) as u32,
        (packed >> 32 & 0xffff) as u32,
        (packed >> 48) as u32,
    ]
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
    references: &[u32],
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
                let sum = sum::<P, W, L>(terms, piece);
                P::load(out).plus(sum).store(out);
            }
        }
        Operation::Subtract => {
            for (&output, piece) in work {
                let out = at_mut(out, output);
                let sum = sum::<P, W, L>(terms, piece);
                P::load(out).minus(sum).store(out);
            }
        }
    }
}

/// A term. (A function, for a closure may be compiled for the baseline.)
#[inline(always)]
fn load<P: Pack<W>, const W: usize>(terms: &[[f64; W]; BLOCK], i: u32) -> P {
    P::load(at(&terms[..], i))
}

/// Item k, in a load of its own: left to the compiler, several are loaded as a vector and taken apart.
#[inline(always)]
fn index<const L: usize>(piece: &[u32; L], k: usize) -> u32 {
    // SAFETY: k is below L, and the reference is to a plain number.
    unsafe { std::ptr::read_volatile(&piece[k]) }
}

/// Sum of L terms; from four on in two chains of additions.
#[inline(always)]
fn sum<P: Pack<W>, const W: usize, const L: usize>(
    terms: &[[f64; W]; BLOCK],
    piece: &[u32; L],
) -> P {
    let (mut even, mut odd) = (load::<P, W>(terms, index(piece, 0)), P::splat(0.0));
    if L > 1 {
        odd = load::<P, W>(terms, index(piece, 1));
    }
    for k in 2..L {
        let term = load::<P, W>(terms, index(piece, k));
        if k.is_multiple_of(2) {
            even = even.plus(term);
        } else {
            odd = odd.plus(term);
        }
    }
    if L > 1 { even.plus(odd) } else { even }
}
