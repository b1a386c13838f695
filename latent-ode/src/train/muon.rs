//! Muon: momentum whose matrices are orthogonalised before they are applied. Reaches a given error in fewer steps than Adam here.
//!
//! References: K. Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks" (Nesterov momentum, quintic
//! Newton–Schulz iteration with coefficients 3.4445, −4.7750, 2.0315). Here with momentum 0.98 and three iterations, which start from
//! the matrix scaled by the square root of its Gram matrix' Frobenius norm instead of its own: nearer to 1, so two iterations fewer.

use std::ops::Range;

use autodiff_ae::{Adam, ParamView};
use nalgebra::{DMatrix, DMatrixView};
use rayon::prelude::*;

use crate::Error;

const MOMENTUM: f32 = 0.98;
const ITERATIONS: usize = 3;
/// Rate of everything that is no matrix, relative to that of matrices.
const OTHERS: f64 = 0.3;
/// Coefficients of the iteration X ← (a + b XXᵀ + c (XXᵀ)²) X.
const A: f32 = 3.4445;
const B: f32 = -4.7750;
const C: f32 = 2.0315;

/// One weight matrix, and room for its iteration.
#[derive(Debug)]
struct Matrix {
    range: Range<usize>,
    /// Rows of the flat, row-major tensor: outputs of the layer.
    outputs: usize,
    inputs: usize,
    /// The iterate, its smaller side first.
    x: DMatrix<f32>,
    next: DMatrix<f32>,
    transpose: DMatrix<f32>,
    gram: DMatrix<f32>,
    polynomial: DMatrix<f32>,
}

impl Matrix {
    fn new(range: Range<usize>, outputs: usize, inputs: usize) -> Self {
        let (small, large) = (outputs.min(inputs), outputs.max(inputs));
        Self {
            range,
            outputs,
            inputs,
            x: DMatrix::zeros(small, large),
            next: DMatrix::zeros(small, large),
            transpose: DMatrix::zeros(large, small),
            gram: DMatrix::zeros(small, small),
            polynomial: DMatrix::zeros(small, small),
        }
    }

    /// The flat tensor read column by column is inputs × outputs.
    fn transposed(&self) -> bool {
        self.inputs > self.outputs
    }

    /// The matrix nearest to orthogonal with the directions of `direction`, left in `self.x`.
    fn orthogonalise(&mut self, direction: &[f32]) {
        let view = DMatrixView::from_slice(direction, self.inputs, self.outputs);
        if self.transposed() {
            view.transpose_to(&mut self.x);
        } else {
            self.x.copy_from(&view);
        }
        // A common factor first, so that squares of tiny gradients do not vanish in single precision.
        let largest = self.x.amax().max(f32::MIN_POSITIVE);
        self.x /= largest;
        for iteration in 0..ITERATIONS {
            self.x.transpose_to(&mut self.transpose);
            self.gram.gemm(1.0, &self.x, &self.transpose, 0.0);
            if iteration == 0 {
                let scale = self.gram.norm().sqrt().max(f32::MIN_POSITIVE);
                self.x /= scale;
                self.gram /= scale * scale;
            }
            self.polynomial.copy_from(&self.gram);
            self.polynomial.gemm(C, &self.gram, &self.gram, B);
            self.next.copy_from(&self.x);
            self.next.gemm(1.0, &self.polynomial, &self.x, A);
            std::mem::swap(&mut self.x, &mut self.next);
        }
    }

    /// Adds `factor` times the iterate to the flat tensor.
    fn apply(&self, factor: f32, params: &mut [f32]) {
        for o in 0..self.outputs {
            for i in 0..self.inputs {
                let x = if self.transposed() { self.x[(o, i)] } else { self.x[(i, o)] };
                params[o * self.inputs + i] += factor * x;
            }
        }
    }
}

/// Muon for weight matrices, Adam (at 0.3 of the rate) for everything else.
#[derive(Debug)]
pub(crate) struct Muon {
    matrices: Vec<Matrix>,
    /// One momentum per parameter; those outside matrices stay 0.
    pub momentum: Vec<f32>,
    pub adam: Adam<f32>,
    others: Vec<usize>,
    direction: Vec<f32>,
    packed: [Vec<f32>; 2],
}

impl Muon {
    /// An optimiser of the tensors `views` of a flat vector of `len` parameters.
    pub fn new(views: &[ParamView], len: usize) -> Result<Self, Error> {
        let matrix = |v: &ParamView| match v.shape[..] {
            [outputs, inputs] => Some(Matrix::new(v.range.clone(), outputs, inputs)),
            _ => None,
        };
        let matrices: Vec<Matrix> = views.iter().filter_map(matrix).collect();
        let others: Vec<usize> = (0..len).filter(|i| !matrices.iter().any(|m| m.range.contains(i))).collect();
        let packed = [vec![0.0; others.len()], vec![0.0; others.len()]];
        let adam = Adam::new(others.len()).with_epsilon(1e-8)?;
        Ok(Self { matrices, momentum: vec![0.0; len], adam, others, direction: vec![0.0; len], packed })
    }

    /// One step with learning rate `rate`.
    pub fn step(&mut self, rate: f64, params: &mut [f32], gradient: &[f32]) -> Result<(), Error> {
        for ((m, u), g) in self.momentum.iter_mut().zip(&mut self.direction).zip(gradient) {
            *m = MOMENTUM * *m + (1.0 - MOMENTUM) * g;
            *u = MOMENTUM * *m + (1.0 - MOMENTUM) * g;
        }
        let direction = &self.direction;
        self.matrices.par_iter_mut().with_max_len(1).for_each(|m| m.orthogonalise(&direction[m.range.clone()]));
        for m in &self.matrices {
            let scale = (m.outputs as f64 / m.inputs as f64).max(1.0).sqrt();
            m.apply((-rate * scale) as f32, &mut params[m.range.clone()]);
        }
        let [p, g] = &mut self.packed;
        for (k, &i) in self.others.iter().enumerate() {
            (p[k], g[k]) = (params[i], gradient[i]);
        }
        self.adam.step(rate * OTHERS, p, g)?;
        for (k, &i) in self.others.iter().enumerate() {
            params[i] = p[k];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_become_nearly_orthogonal() {
        for (outputs, inputs) in [(3, 8), (8, 3), (5, 5)] {
            let mut m = Matrix::new(0..outputs * inputs, outputs, inputs);
            let g: Vec<f32> = (0..outputs * inputs).map(|i| ((i * i + 1) as f32).sin()).collect();
            m.orthogonalise(&g);
            let mut update = vec![0.0; outputs * inputs];
            m.apply(1.0, &mut update);
            let u = DMatrix::from_row_slice(outputs, inputs, &update).cast::<f64>();
            // The quintic iteration brings singular values near 1, between about 0.7 and 1.2.
            for s in u.singular_values().iter() {
                assert!((0.6..1.3).contains(s), "{outputs}×{inputs}: {s}");
            }
            // Singular vectors are kept: update · gᵀ is nearly symmetric positive.
            let g = DMatrix::from_row_slice(outputs, inputs, &g).cast::<f64>();
            let svd = g.clone().svd(true, true);
            let ideal = svd.u.unwrap() * svd.v_t.unwrap();
            assert!(u.dot(&ideal) > 0.6 * ideal.norm_squared());
        }
    }
}
