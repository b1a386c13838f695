//! One layer on one chunk: the arrays it keeps, its activation on value and tangents, and the reverse of that.

use crate::buffer::Buffer;
use crate::simd::vectorised;
use crate::{Activation, Scalar};
use std::ops::Range;

/// What a forward pass keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The output only.
    Output,
    /// What the reverse pass needs.
    Reverse,
}

/// Arrays of one layer, each `[block][output][lane]`.
#[derive(Debug)]
pub(super) struct LayerTape<T> {
    /// a = σ(u).
    pub value: Buffer<T>,
    /// σ'(u).
    pub slope: Buffer<T>,
    /// σ''(u), where there is more than one tangent.
    pub bend: Buffer<T>,
    /// ȧ = σ'(u) u̇ of each tangent.
    pub tangents: Vec<Buffer<T>>,
    /// σ''(u) u̇ of each tangent.
    pub curves: Vec<Buffer<T>>,
}

impl<T> LayerTape<T> {
    pub fn new() -> Self {
        Self {
            value: Buffer::new(),
            slope: Buffer::new(),
            bend: Buffer::new(),
            tangents: Vec::new(),
            curves: Vec::new(),
        }
    }
}

/// Makes room for `count` arrays of `len`; none is given back.
pub(super) fn reserve<T: Scalar>(arrays: &mut Vec<Buffer<T>>, count: usize, len: usize) {
    while arrays.len() < count {
        arrays.push(Buffer::new());
    }
    arrays[..count].iter_mut().for_each(|a| a.resize(len));
}

/// σ'(u) u̇ in place and σ''(u) u̇ of a further tangent, from the derivatives.
fn bend_tangent<T: Scalar>(slope: &[T], bend: &[T], tangent: &mut [T], curve: &mut [T]) {
    vectorised(|| {
        let derivatives = slope.iter().zip(bend);
        for ((t, c), (d, dd)) in tangent.iter_mut().zip(curve).zip(derivatives) {
            *c = *t * *dd;
            *t *= *d;
        }
    });
}

/// The reverse of [`bend_tangent`]: adds to the cotangent of u, turns the tangent's cotangent into that of u̇.
fn bend_reverse<T: Scalar>(slope: &[T], curve: &[T], bar: &mut [T], tangent_bar: &mut [T]) {
    vectorised(|| {
        let derivatives = slope.iter().zip(curve);
        for ((b, t), (d, c)) in bar.iter_mut().zip(tangent_bar).zip(derivatives) {
            *b += *t * *c;
            *t *= *d;
        }
    });
}

impl<T: Scalar> LayerTape<T> {
    /// σ on value and tangents of the outputs `o`, keeping what the reverse pass needs. `scratch` holds as many numbers as the
    /// outputs where there is more than one tangent.
    pub fn activate(
        &mut self,
        kind: Activation,
        o: &Range<usize>,
        tangents: usize,
        keep: Keep,
        scratch: &mut [T],
    ) {
        let table = T::table();
        let value = &mut self.value[o.clone()];
        match tangents {
            0 => {
                let slope = (keep == Keep::Reverse).then(|| &mut self.slope[o.clone()]);
                table.activate(kind, value, slope);
            }
            1 => table.activate_tangent(
                kind,
                value,
                &mut self.slope[o.clone()],
                &mut self.tangents[0][o.clone()],
                &mut self.curves[0][o.clone()],
            ),
            _ => {
                // The tangent one turns into σ', its curve is σ''.
                let (slope, bend) = (&mut self.slope[o.clone()], &mut self.bend[o.clone()]);
                let unit = &mut scratch[..o.len()];
                unit.fill(T::one());
                table.activate_tangent(kind, value, slope, unit, bend);
                let pairs = self.tangents.iter_mut().zip(&mut self.curves);
                for (t, c) in pairs.take(tangents) {
                    bend_tangent(slope, bend, &mut t[o.clone()], &mut c[o.clone()]);
                }
            }
        }
    }

    /// The reverse of [`LayerTape::activate`], in place on the cotangents.
    pub fn activate_reverse(
        &self,
        o: &Range<usize>,
        bar: &mut [T],
        tangent_bars: &mut [Buffer<T>],
    ) {
        let table = T::table();
        let (bar, slope) = (&mut bar[o.clone()], &self.slope[o.clone()]);
        let curve = |k: usize| &self.curves[k][o.clone()];
        let mut each = tangent_bars.iter_mut().enumerate();
        let first = each.next().map(|(k, t)| (&mut t[o.clone()], curve(k)));
        table.activate_reverse(bar, slope, first);
        for (k, t) in each {
            bend_reverse(slope, curve(k), bar, &mut t[o.clone()]);
        }
    }
}
