//! The kernel for one state in AVX-512 registers: evaluates a [`WidePlan`](super::wide_plan::WidePlan).
//!
//! A state that is not finite makes every output not finite that depends on what is not, and may make others so: a coefficient 0 times infinity is
//! not a number.

use std::arch::x86_64::*;

use super::wide_jacobian::{EXTRAS, Place, WideRun};
use super::wide_plan::{GROUPS, Line, Picks, WIDTH, WidePlan};

/// Intermediate values.
#[derive(Debug)]
pub(crate) struct Room {
    products: [Line; GROUPS],
    extras: Extras,
}

/// On a cache line's boundary.
#[derive(Debug)]
#[repr(align(64))]
struct Extras([[f64; WIDTH]; EXTRAS]);

impl Room {
    pub const fn new() -> Self {
        Self {
            products: [Line([0.0; WIDTH]); GROUPS],
            extras: Extras([[0.0; WIDTH]; EXTRAS]),
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(line: &Line) -> __m512d {
    // SAFETY: a line is 64 bytes on a boundary of 64.
    unsafe { _mm512_load_pd(line.0.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store(value: __m512d, line: &mut Line) {
    // SAFETY: as above.
    unsafe { _mm512_store_pd(line.0.as_mut_ptr(), value) }
}

/// Eight numbers out of a table.
#[inline]
#[target_feature(enable = "avx512f")]
fn take(table: [__m512d; 2], picks: &Picks) -> __m512d {
    _mm512_permutex2var_pd(table[0], indices(picks), table[1])
}

#[inline]
#[target_feature(enable = "avx512f")]
fn indices(picks: &Picks) -> __m512i {
    // SAFETY: as above.
    unsafe { _mm512_load_si512(picks.0.as_ptr().cast()) }
}

/// The lanes of vector `v` that hold the first `count` numbers.
#[inline]
fn lanes(count: usize, v: usize) -> __mmask8 {
    let count = count.saturating_sub(v * WIDTH).min(WIDTH);
    ((1u32 << count) - 1) as __mmask8
}

/// The state, 1 after the last species and 0 behind.
#[inline]
#[target_feature(enable = "avx512f")]
fn state(n: &[f64]) -> [__m512d; 4] {
    let mut state = [_mm512_setzero_pd(); 4];
    for (v, register) in state.iter_mut().enumerate() {
        let species = lanes(n.len(), v);
        // SAFETY: lanes outside `n` are not read.
        let value = unsafe { _mm512_maskz_loadu_pd(species, n.as_ptr().wrapping_add(v * WIDTH)) };
        let one = lanes(n.len() + 1, v) & !species;
        *register = _mm512_mask_mov_pd(value, one, _mm512_set1_pd(1.0));
    }
    state
}

/// M n, from the columns of M, that of constants last.
#[inline]
#[target_feature(enable = "avx512f")]
fn losses<const V: usize>(columns: &[Line], n: &[f64]) -> [__m512d; V] {
    let mut even = [_mm512_setzero_pd(); V];
    let mut odd = even;
    let Some((constant, columns)) = columns.as_chunks::<V>().0.split_last() else {
        return even;
    };
    for v in 0..V {
        even[v] = load(&constant[v]);
    }
    // Two chains of additions for each vector: one takes longer than the instructions.
    let ((pairs, rest), (columns, last)) = (n.as_chunks::<2>(), columns.as_chunks::<2>());
    for ([a, b], x) in columns.iter().zip(pairs) {
        for v in 0..V {
            even[v] = _mm512_fmadd_pd(load(&a[v]), _mm512_set1_pd(x[0]), even[v]);
            odd[v] = _mm512_fmadd_pd(load(&b[v]), _mm512_set1_pd(x[1]), odd[v]);
        }
    }
    for (a, &x) in last.iter().zip(rest) {
        for v in 0..V {
            odd[v] = _mm512_fmadd_pd(load(&a[v]), _mm512_set1_pd(x), odd[v]);
        }
    }
    for v in 0..V {
        even[v] = _mm512_add_pd(even[v], odd[v]);
    }
    even
}

/// Right-hand side at `n`, to `out`.
#[target_feature(enable = "avx512f")]
pub(crate) fn rhs(plan: &WidePlan, k: &[Line], n: &[f64], out: &mut [f64], room: &mut Room) {
    match plan.vectors {
        1 => rhs_in::<1>(plan, k, n, out, room),
        2 => rhs_in::<2>(plan, k, n, out, room),
        3 => rhs_in::<3>(plan, k, n, out, room),
        _ => rhs_in::<4>(plan, k, n, out, room),
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rhs_in<const V: usize>(
    plan: &WidePlan,
    k: &[Line],
    n: &[f64],
    out: &mut [f64],
    room: &mut Room,
) {
    let (n, out) = (&n[..plan.species], &mut out[..plan.species]);
    let state = state(n);
    let (low, high) = ([state[0], state[1]], [state[2], state[3]]);
    let (loss, gain) = k.split_at((plan.species + 1) * V);
    let (both_low, rest) = plan.factors.split_at(plan.classes[0]);
    let (mixed, both_high) = rest.split_at(plan.classes[1]);
    let mut slots = room.products[..plan.factors.len()].iter_mut();
    for (list, first, second) in [
        (both_low, low, low),
        (mixed, low, high),
        (both_high, high, high),
    ] {
        for ([a, b], slot) in list.iter().zip(&mut slots) {
            store(_mm512_mul_pd(take(first, a), take(second, b)), slot);
        }
    }
    let lost = losses::<V>(loss, n);
    let mut sums = [_mm512_setzero_pd(); V];
    let mut steps = plan
        .picks
        .as_chunks::<V>()
        .0
        .iter()
        .zip(gain.as_chunks::<V>().0);
    let tables = room.products.as_chunks::<2>().0;
    for (&rounds, table) in plan.rounds.iter().zip(tables) {
        let table = [load(&table[0]), load(&table[1])];
        for (picks, k) in steps.by_ref().take(usize::from(rounds)) {
            for v in 0..V {
                sums[v] = _mm512_fmadd_pd(load(&k[v]), take(table, &picks[v]), sums[v]);
            }
        }
    }
    let shared = [sums[V - 1], _mm512_setzero_pd()];
    for folds in plan.folds.as_chunks::<V>().0 {
        for v in 0..V {
            sums[v] = _mm512_add_pd(sums[v], take(shared, &folds[v]));
        }
    }
    for v in 0..V {
        sums[v] = _mm512_fnmadd_pd(state[v], lost[v], sums[v]);
    }
    if let Some((output, weights)) = &plan.closure {
        let mut weighted = _mm512_mul_pd(load(&weights[0]), sums[0]);
        for v in 1..V {
            weighted = _mm512_fmadd_pd(load(&weights[v]), sums[v], weighted);
        }
        let sum = _mm512_set1_pd(_mm512_reduce_add_pd(weighted));
        for (v, register) in sums.iter_mut().enumerate() {
            let lane = lanes(output + 1, v) & !lanes(*output, v);
            *register = _mm512_mask_mov_pd(*register, lane, sum);
        }
    }
    for (v, &register) in sums.iter().enumerate() {
        let lanes = lanes(out.len(), v);
        let to = out.as_mut_ptr().wrapping_add(v * WIDTH);
        // SAFETY: lanes outside `out` are not written.
        unsafe { _mm512_mask_storeu_pd(to, lanes, register) }
    }
}

/// Values of the Jacobian's entries at `n`.
#[target_feature(enable = "avx512f")]
pub(crate) fn jacobian(
    plan: &WidePlan,
    k: &[Line],
    n: &[f64],
    values: &mut [f64],
    room: &mut Room,
) {
    let n = &n[..plan.species];
    let jacobian = &plan.jacobian;
    let values = &mut values[..jacobian.length];
    let (whole, rest) = values.as_chunks_mut::<WIDTH>();
    // SAFETY: lanes outside `rest` are not written.
    unsafe {
        let zero = _mm512_setzero_pd();
        _mm512_mask_storeu_pd(rest.as_mut_ptr(), lanes(rest.len(), 0), zero);
    }
    let extras = &mut room.extras.0;
    match plan.vectors {
        1 => diagonal::<1>(k, n, extras),
        2 => diagonal::<2>(k, n, extras),
        3 => diagonal::<3>(k, n, extras),
        _ => diagonal::<4>(k, n, extras),
    }
    let [a, b, c, d] = state(n);
    let mut work = Work {
        tables: [[a, b], [c, d]],
        picks: &jacobian.picks,
        k: &k[jacobian.first_line..],
        places: &jacobian.places,
    };
    for run in &jacobian.rest_runs {
        work.rests(run, extras);
    }
    for run in &jacobian.runs {
        work.entries(run, extras, whole);
    }
    for &[lane, entry] in &jacobian.adds {
        values[usize::from(entry)] += extras.as_flattened()[usize::from(lane)];
    }
}

/// −M n.
#[inline]
#[target_feature(enable = "avx512f")]
fn diagonal<const V: usize>(k: &[Line], n: &[f64], extras: &mut [[f64; WIDTH]]) {
    let lost = losses::<V>(&k[..(n.len() + 1) * V], n);
    for (lost, to) in lost.iter().zip(extras) {
        put(_mm512_sub_pd(_mm512_setzero_pd(), *lost), to);
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn put(value: __m512d, to: &mut [f64; WIDTH]) {
    // SAFETY: eight numbers are 64 bytes.
    unsafe { _mm512_storeu_pd(to.as_mut_ptr(), value) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn get(from: &[f64; WIDTH]) -> __m512d {
    // SAFETY: as above.
    unsafe { _mm512_loadu_pd(from.as_ptr()) }
}

/// What is left to be done of the vectors of a Jacobian.
struct Work<'a> {
    tables: [[__m512d; 2]; 2],
    picks: &'a [Picks],
    k: &'a [Line],
    places: &'a [Place],
}

/// Calls the method for the rounds of a run: straight code for each number.
macro_rules! by_rounds {
    ($self:ident, $of:ident, $run:ident, $($rest:ident),*) => {
        match $run.rounds {
            [1, 1] => $self.$of::<1, 1>($run, $($rest),*),
            [1, 2] => $self.$of::<1, 2>($run, $($rest),*),
            [1, 3] => $self.$of::<1, 3>($run, $($rest),*),
            [1, 4] => $self.$of::<1, 4>($run, $($rest),*),
            [2, 1] => $self.$of::<2, 1>($run, $($rest),*),
            [2, 2] => $self.$of::<2, 2>($run, $($rest),*),
            [2, 3] => $self.$of::<2, 3>($run, $($rest),*),
            [2, 4] => $self.$of::<2, 4>($run, $($rest),*),
            [3, 1] => $self.$of::<3, 1>($run, $($rest),*),
            [3, 2] => $self.$of::<3, 2>($run, $($rest),*),
            [3, 3] => $self.$of::<3, 3>($run, $($rest),*),
            [3, 4] => $self.$of::<3, 4>($run, $($rest),*),
            [4, 1] => $self.$of::<4, 1>($run, $($rest),*),
            [4, 2] => $self.$of::<4, 2>($run, $($rest),*),
            [4, 3] => $self.$of::<4, 3>($run, $($rest),*),
            _ => $self.$of::<4, 4>($run, $($rest),*),
        }
    };
}

impl<'a> Work<'a> {
    #[target_feature(enable = "avx512f")]
    fn rests(&mut self, run: &WideRun, extras: &mut [[f64; WIDTH]; EXTRAS]) {
        by_rounds!(self, rests_of, run, extras);
    }

    #[target_feature(enable = "avx512f")]
    fn entries(
        &mut self,
        run: &WideRun,
        extras: &[[f64; WIDTH]; EXTRAS],
        out: &mut [[f64; WIDTH]],
    ) {
        by_rounds!(self, entries_of, run, extras, out);
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn rests_of<const LOW: usize, const HIGH: usize>(
        &mut self,
        run: &WideRun,
        extras: &mut [[f64; WIDTH]; EXTRAS],
    ) {
        let (places, picks, k) = self.cut(run, LOW + HIGH);
        for (place, (picks, k)) in places
            .iter()
            .zip(picks.iter().zip(k.chunks_exact(LOW + HIGH)))
        {
            let (sum, _) = self.sum::<LOW, HIGH>(picks, k);
            put(sum, &mut extras[usize::from(place.vector)]);
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    fn entries_of<const LOW: usize, const HIGH: usize>(
        &mut self,
        run: &WideRun,
        extras: &[[f64; WIDTH]; EXTRAS],
        out: &mut [[f64; WIDTH]],
    ) {
        let (places, picks, k) = self.cut(run, LOW + HIGH);
        for (place, (picks, k)) in places
            .iter()
            .zip(picks.iter().zip(k.chunks_exact(LOW + HIGH)))
        {
            let (sum, picks) = self.sum::<LOW, HIGH>(picks, k);
            let from = |vector: u8| get(&extras[usize::from(vector) % EXTRAS]);
            let added = _mm512_permutex2var_pd(from(place.diagonal), picks, from(place.rest));
            put(
                _mm512_add_pd(sum, added),
                &mut out[usize::from(place.vector)],
            );
        }
    }

    /// The parts of `places`, `picks` and `k` that belong to a run, off the rest.
    #[inline]
    fn cut(&mut self, run: &WideRun, rounds: usize) -> (&'a [Place], &'a [Picks], &'a [Line]) {
        let count = usize::from(run.vectors);
        (
            cut(&mut self.places, count),
            cut(&mut self.picks, count),
            cut(&mut self.k, count * rounds),
        )
    }

    /// The sums of a vector, and what its entries take thereafter.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn sum<const LOW: usize, const HIGH: usize>(
        &self,
        picks: &Picks,
        k: &[Line],
    ) -> (__m512d, __m512i) {
        let mut picks = indices(picks);
        let mut sum = _mm512_setzero_pd();
        for (round, k) in k.iter().take(LOW + HIGH).enumerate() {
            let [a, b] = self.tables[usize::from(round >= LOW)];
            let taken = _mm512_permutex2var_pd(a, picks, b);
            sum = if round == 0 {
                _mm512_mul_pd(load(k), taken)
            } else {
                _mm512_fmadd_pd(load(k), taken, sum)
            };
            picks = _mm512_srli_epi64::<4>(picks);
        }
        (sum, picks)
    }
}

/// Cuts the first `count` items off a slice.
#[inline]
fn cut<'a, T>(slice: &mut &'a [T], count: usize) -> &'a [T] {
    let (first, rest) = slice.split_at(count);
    *slice = rest;
    first
}
