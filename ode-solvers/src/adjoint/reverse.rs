//! The reverse pass through recorded steps: the discrete adjoint of a method with its dense output.
use super::tape::Tape;
use super::{Reversible, Transposed};
use crate::{LaneVectorJacobian, Scalar};

/// Working memory of the reverse pass.
#[derive(Clone, Debug)]
pub(crate) struct Reverse<T, const W: usize> {
    /// Cotangents of the seven slopes of a step.
    slopes: Vec<[T; W]>,
    /// Cotangent of the state at the end of the step.
    end: Vec<[T; W]>,
    /// Cotangent of the state at its start.
    start: Vec<[T; W]>,
    /// Cotangent of the slope that this step shares with the next.
    shared: Vec<[T; W]>,
    product: Vec<[T; W]>,
}

impl<T: Scalar, const W: usize> Reverse<T, W> {
    pub fn new() -> Self {
        Self {
            slopes: Vec::new(),
            end: Vec::new(),
            start: Vec::new(),
            shared: Vec::new(),
            product: Vec::new(),
        }
    }

    /// Carries cotangents from outputs and end back to the initial state and the parameters (both added to). Lengths are checked by the caller.
    ///
    /// Returns (t, h) of a lane whose stages cannot be run backwards because their matrix is singular.
    pub fn run<S: LaneVectorJacobian<T, W>, P: Reversible<T, S, W>>(
        &mut self,
        tape: &mut Tape<T, W>,
        stepper: &mut P,
        transposed: &mut Transposed<T, W>,
        system: &mut S,
        output_bar: &[[T; W]],
        end_bar: Option<&[[T; W]]>,
        y0_bar: &mut [[T; W]],
        p_bar: &mut [[T; W]],
    ) -> Result<(), (T, T)> {
        let n = tape.dim;
        P::prepare_transposed(transposed, system);
        let zero = [T::zero(); W];
        for (array, length) in [
            (&mut self.slopes, 7 * n),
            (&mut self.end, n),
            (&mut self.start, n),
            (&mut self.shared, n),
            (&mut self.product, n),
        ] {
            array.clear();
            array.resize(length, zero);
        }
        if let Some(end_bar) = end_bar {
            self.end.copy_from_slice(end_bar);
        }
        for row in (0..tape.rows()).rev() {
            tape.ensure(row, system, stepper);
            self.slopes.fill(zero);
            self.start.fill(zero);
            self.outputs::<S, P>(tape, row, output_bar);
            self.step::<S, P>(tape, row, transposed, system, p_bar)?;
        }
        if tape.rows() > 0 {
            self.product.fill(zero);
            system.vjp(
                &tape.t[0],
                tape.stage(0, 0),
                &self.shared,
                &mut self.product,
                p_bar,
            );
            accumulate(&mut self.end, &self.product);
        }
        accumulate(y0_bar, &self.end);
        for l in (0..W).filter(|&l| tape.starts_with_output(l)) {
            for (to, from) in y0_bar.iter_mut().zip(&output_bar[..n]) {
                to[l] += from[l];
            }
        }
        Ok(())
    }

    /// Cotangents of the outputs within a row's steps, onto states and slopes.
    #[inline(always)]
    fn outputs<S, P: Reversible<T, S, W>>(
        &mut self,
        tape: &Tape<T, W>,
        row: usize,
        output_bar: &[[T; W]],
    ) {
        let n = tape.dim;
        let ends: [(T, usize); W] = std::array::from_fn(|l| tape.end_of_step(row, l));
        let mut next = tape.first_output[row];
        loop {
            let mut theta = [T::zero(); W];
            let (mut inside, mut at_end) = ([false; W], [false; W]);
            for l in 0..W {
                if next[l] < ends[l].1 {
                    let time = tape.time(l, next[l]);
                    at_end[l] = time == ends[l].0;
                    inside[l] = !at_end[l];
                    theta[l] = (time - tape.t[row][l]) / tape.h[row][l];
                }
            }
            if !inside.contains(&true) && !at_end.contains(&true) {
                return;
            }
            let mut weights = P::interpolant(&theta);
            for weight in &mut weights {
                for l in 0..W {
                    weight[l] = if inside[l] {
                        weight[l] * tape.h[row][l]
                    } else {
                        T::zero()
                    };
                }
            }
            for i in 0..n {
                let mut g = [T::zero(); W];
                for l in 0..W {
                    if inside[l] || at_end[l] {
                        g[l] = output_bar[next[l] * n + i][l];
                    }
                    let to = if at_end[l] {
                        &mut self.end[i][l]
                    } else {
                        &mut self.start[i][l]
                    };
                    *to += g[l];
                }
                for (j, weight) in weights.iter().enumerate() {
                    let sum = self.slopes[j * n + i];
                    self.slopes[j * n + i] = each_lane!(T::zero(), |l| sum[l] + weight[l] * g[l]);
                }
            }
            for l in 0..W {
                next[l] += usize::from(inside[l] || at_end[l]);
            }
        }
    }

    /// One row of steps in reverse: `end` becomes the cotangent of the state before it.
    #[inline(always)]
    fn step<S: LaneVectorJacobian<T, W>, P: Reversible<T, S, W>>(
        &mut self,
        tape: &Tape<T, W>,
        row: usize,
        transposed: &mut Transposed<T, W>,
        system: &mut S,
        p_bar: &mut [[T; W]],
    ) -> Result<(), (T, T)> {
        let n = tape.dim;
        let (t, h) = (&tape.t[row], &tape.h[row]);
        accumulate(&mut self.slopes[6 * n..], &self.shared);
        for s in (1..7).rev() {
            let (before, from) = self.slopes.split_at_mut(s * n);
            let slope = &mut from[..n];
            self.product.fill([T::zero(); W]);
            let at = each_lane!(T::zero(), |l| t[l] + h[l] * T::of(P::C[s]));
            let state = if s == 6 {
                tape.stage(row + 1, 0)
            } else {
                tape.stage(row, s)
            };
            if P::GAMMA != 0.0 {
                // Y = z + hγ k, k = f(Y): with cotangents k̄ and Ȳ of slope and state, u = (I − hγ Jᵀ)⁻¹ (k̄ + hγ Ȳ) is what f's product takes, and
                // z̄ = Ȳ + Jᵀ u.
                let weight: [T; W] = each_lane!(T::zero(), |l| h[l] * T::of(P::GAMMA));
                if s == 6 {
                    for (slope, end) in slope.iter_mut().zip(&self.end) {
                        let (sum, end) = (*slope, *end);
                        *slope = each_lane!(T::zero(), |l| sum[l] + weight[l] * end[l]);
                    }
                }
                let singular = P::solve_transposed(transposed, system, &at, h, state, slope);
                if let Some(l) = singular.iter().position(|&s| s) {
                    return Err((t[l], h[l]));
                }
            }
            // The slope at the very end serves nothing where no output lies inside the last step.
            if s < 6 || slope.iter().flatten().any(|&x| x != T::zero()) {
                system.vjp(&at, state, slope, &mut self.product, p_bar);
            }
            if s == 6 {
                accumulate(&mut self.product, &self.end);
            }
            accumulate(&mut self.start, &self.product);
            for j in 0..s {
                let weight: [T; W] = each_lane!(T::zero(), |l| h[l] * T::of(P::A[s][j]));
                let slopes = &mut before[j * n..(j + 1) * n];
                for (slope, &product) in slopes.iter_mut().zip(&self.product) {
                    let sum = *slope;
                    *slope = each_lane!(T::zero(), |l| sum[l] + weight[l] * product[l]);
                }
            }
        }
        self.shared.copy_from_slice(&self.slopes[..n]);
        std::mem::swap(&mut self.end, &mut self.start);
        Ok(())
    }
}

#[inline(always)]
fn accumulate<T: Scalar, const W: usize>(to: &mut [[T; W]], from: &[[T; W]]) {
    for (to, from) in to.iter_mut().zip(from) {
        let (sum, more) = (*to, *from);
        *to = each_lane!(T::zero(), |l| sum[l] + more[l]);
    }
}
