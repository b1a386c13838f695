//! The latent right-hand side dz/ds = f([z, what is given at s]) of a block of rays, with its products and its Jacobian.

use super::config::DrivenBy;
use crate::Number;
use autodiff_ae::{BlockPass, LANES};
use stiff_ode_solvers::{LaneJacobian, LaneSystem, LaneVectorJacobian, SparsityPattern};

/// What drives one lane: rising standardised A_V, and the numbers given there, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Drive<'a, T> {
    pub s: &'a [T],
    pub aux: &'a [T],
}

/// Room of a field, kept from solve to solve.
#[derive(Debug)]
pub struct FieldMemory<T> {
    pub pass: BlockPass<T>,
    input: Vec<[T; LANES]>,
    bar: Vec<[T; LANES]>,
    scratch: Vec<[T; LANES]>,
}

impl<T: Number> FieldMemory<T> {
    pub fn new(mlp: &autodiff_ae::Mlp) -> Self {
        let rows = |n: usize| vec![[T::zero(); LANES]; n];
        Self {
            pass: BlockPass::new(mlp),
            input: rows(mlp.inputs()),
            bar: rows(mlp.inputs()),
            scratch: rows(mlp.inputs() + mlp.outputs()),
        }
    }
}

/// The field over [`LANES`] rays. Gradients of its parameters are gathered in the memory, summed over the lanes: a gradient per lane would
/// be 32 times as much to write at every stage.
pub struct Field<'a, T> {
    memory: &'a mut FieldMemory<T>,
    drives: [Drive<'a, T>; LANES],
    driven_by: DrivenBy,
    latent: usize,
    /// The interval of the grid that each lane was last in.
    at: [usize; LANES],
}

impl<'a, T: Number> Field<'a, T> {
    pub fn new(
        memory: &'a mut FieldMemory<T>,
        drives: [Drive<'a, T>; LANES],
        driven_by: DrivenBy,
    ) -> Self {
        Self {
            latent: memory.pass.mlp().outputs(),
            memory,
            drives,
            driven_by,
            at: [0; LANES],
        }
    }

    /// Latent state and what is given at t, one above the other.
    fn assemble(&mut self, t: &[T; LANES], y: &[[T; LANES]]) {
        let (state, given) = self.memory.input.split_at_mut(self.latent);
        state.copy_from_slice(y);
        let width = given.len();
        for l in 0..LANES {
            let Drive { s, aux } = self.drives[l];
            let (mut k, last, t) = (self.at[l], s.len() - 1, t[l]);
            // Times move little from stage to stage.
            while k > 0 && t < s[k] {
                k -= 1;
            }
            while k < last && t >= s[k + 1] {
                k += 1;
            }
            self.at[l] = k;
            let here = &aux[k * width..(k + 1) * width];
            if self.driven_by == DrivenBy::Constant || k == last || t <= s[k] {
                for (row, &a) in given.iter_mut().zip(here) {
                    row[l] = a;
                }
                continue;
            }
            let f = (t - s[k]) / (s[k + 1] - s[k]);
            let there = &aux[(k + 1) * width..(k + 2) * width];
            for ((row, &a), &b) in given.iter_mut().zip(here).zip(there) {
                row[l] = a + f * (b - a);
            }
        }
    }
}

impl<T: Number> LaneSystem<T, LANES> for Field<'_, T> {
    fn dim(&self) -> usize {
        self.latent
    }

    fn load(&mut self, lane: usize, _model: usize) {
        self.at[lane] = 0;
    }

    fn rhs(&mut self, t: &[T; LANES], y: &[[T; LANES]], dydt: &mut [[T; LANES]]) {
        self.assemble(t, y);
        let memory = &mut *self.memory;
        memory.pass.evaluate(&memory.input, dydt);
    }
}

impl<T: Number> LaneVectorJacobian<T, LANES> for Field<'_, T> {
    /// None: they are gathered over all lanes instead.
    fn parameter_len(&self) -> usize {
        0
    }

    fn vjp(
        &mut self,
        t: &[T; LANES],
        y: &[[T; LANES]],
        v: &[[T; LANES]],
        y_bar: &mut [[T; LANES]],
        _p_bar: &mut [[T; LANES]],
    ) {
        self.assemble(t, y);
        let memory = &mut *self.memory;
        memory.pass.product(&memory.input, v, &mut memory.bar);
        for (to, from) in y_bar.iter_mut().zip(&memory.bar) {
            for l in 0..LANES {
                to[l] += from[l];
            }
        }
    }
}

impl<T: Number> LaneJacobian<T, LANES> for Field<'_, T> {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(self.latent)
    }

    fn jacobian(&mut self, t: &[T; LANES], y: &[[T; LANES]], values: &mut [[T; LANES]]) {
        self.assemble(t, y);
        let memory = &mut *self.memory;
        memory
            .pass
            .jacobian(&memory.input, self.latent, values, &mut memory.scratch);
    }
}
