//! The steps a recorded solve took, and the reverse pass through them (discrete adjoint of [`crate::Tsit5`] with its dense output).
use crate::methods::{TSIT5_A as A, TSIT5_C as C, Tsit5Stepper, interpolant_weights};
use crate::{LaneVectorJacobian, Scalar};

/// Stages whose arguments are kept; that of the seventh is the first of the next step.
const STAGES: usize = 6;

/// The accepted steps of every lane, row by row: row r holds step r of each lane.
#[derive(Clone, Debug)]
pub(crate) struct Tape<T, const W: usize> {
    dim: usize,
    steps: [usize; W],
    /// Outputs delivered so far, per lane.
    outputs: [usize; W],
    times: Vec<T>,
    t0: T,
    t: Vec<[T; W]>,
    h: Vec<[T; W]>,
    /// First output of the step.
    first_output: Vec<[usize; W]>,
    /// Arguments of stages 1 to 6 of each row; after the last row, the final states.
    states: Vec<[T; W]>,
    end_time: [T; W],
    end: Vec<[T; W]>,
}

impl<T: Scalar, const W: usize> Tape<T, W> {
    pub fn new() -> Self {
        Self {
            dim: 0,
            steps: [0; W],
            outputs: [0; W],
            times: Vec::new(),
            t0: T::zero(),
            t: Vec::new(),
            h: Vec::new(),
            first_output: Vec::new(),
            states: Vec::new(),
            end_time: [T::zero(); W],
            end: Vec::new(),
        }
    }

    /// Forgets the steps, keeps the memory.
    pub fn start(&mut self, dim: usize, t0: T, times: &[T]) {
        self.dim = dim;
        self.steps = [0; W];
        self.outputs = [0; W];
        self.t0 = t0;
        self.times.clear();
        self.times.extend_from_slice(times);
        self.t.clear();
        self.h.clear();
        self.first_output.clear();
        self.states.clear();
        self.end.clear();
        self.end.resize(dim, [T::zero(); W]);
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    pub fn output_times(&self) -> &[T] {
        &self.times
    }

    pub fn output_count(&self) -> usize {
        self.times.len()
    }

    pub fn end(&self) -> &[[T; W]] {
        &self.end
    }

    pub fn steps(&self) -> [usize; W] {
        self.steps
    }

    /// Time and length of step r of a lane.
    pub fn step(&self, lane: usize, r: usize) -> Option<(T, T)> {
        (lane < W && r < self.steps[lane]).then(|| (self.t[r][lane], self.h[r][lane]))
    }

    fn rows(&self) -> usize {
        self.h.len()
    }

    #[inline(always)]
    fn stage(&self, row: usize, s: usize) -> &[[T; W]] {
        &self.states[(row * STAGES + s) * self.dim..][..self.dim]
    }

    #[inline(always)]
    pub fn note_output(&mut self, lane: usize) {
        self.outputs[lane] += 1;
    }

    /// Adds the steps just accepted.
    #[inline(always)]
    pub fn record(
        &mut self,
        accepted: &[bool; W],
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
        stepper: &Tsit5Stepper<T, W>,
    ) {
        let n = self.dim;
        for l in 0..W {
            if !accepted[l] {
                continue;
            }
            let row = self.steps[l];
            self.steps[l] += 1;
            let new = row == self.rows();
            if new {
                self.t.push([t[l]; W]);
                self.h.push([T::zero(); W]);
                self.first_output.push(self.outputs);
                // All lanes at once; those at another step are overwritten when they come here, or by `pad`.
                self.states.extend_from_slice(y);
                for s in 1..STAGES {
                    self.states.extend_from_slice(stepper.stage_state(s));
                }
            }
            self.t[row][l] = t[l];
            self.h[row][l] = h[l];
            self.first_output[row][l] = self.outputs[l];
            if new {
                continue;
            }
            let states = &mut self.states[row * STAGES * n..(row + 1) * STAGES * n];
            for i in 0..n {
                states[i][l] = y[i][l];
            }
            for s in 1..STAGES {
                let from = stepper.stage_state(s);
                for i in 0..n {
                    states[s * n + i][l] = from[i][l];
                }
            }
        }
    }

    /// Keeps the final state of a lane; returns the number of outputs it delivered.
    pub fn finish_lane(&mut self, lane: usize, t: T, y: &[[T; W]]) -> usize {
        self.end_time[lane] = t;
        for (end, y) in self.end.iter_mut().zip(y) {
            end[lane] = y[lane];
        }
        self.outputs[lane]
    }

    /// Closes the tape: rows beyond a lane's last step become steps of length 0 at its final state, through which cotangents pass unchanged.
    pub fn pad(&mut self) {
        let (n, rows) = (self.dim, self.rows());
        for l in 0..W {
            for row in self.steps[l]..rows {
                self.t[row][l] = self.end_time[l];
                self.h[row][l] = T::zero();
                self.first_output[row][l] = self.outputs[l];
                for s in 0..STAGES {
                    for i in 0..n {
                        self.states[(row * STAGES + s) * n + i][l] = self.end[i][l];
                    }
                }
            }
        }
        self.states.extend_from_slice(&self.end);
    }

    /// End of a lane's step in this row, and one past its last output.
    #[inline(always)]
    fn end_of_step(&self, row: usize, lane: usize) -> (T, usize) {
        if row + 1 < self.steps[lane] {
            (self.t[row + 1][lane], self.first_output[row + 1][lane])
        } else {
            (self.end_time[lane], self.outputs[lane])
        }
    }
}

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
    pub fn run<S: LaneVectorJacobian<T, W>>(
        &mut self,
        tape: &Tape<T, W>,
        system: &mut S,
        output_bar: &[[T; W]],
        end_bar: Option<&[[T; W]]>,
        y0_bar: &mut [[T; W]],
        p_bar: &mut [[T; W]],
    ) {
        let n = tape.dim;
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
            self.slopes.fill(zero);
            self.start.fill(zero);
            self.outputs(tape, row, output_bar);
            self.step(tape, row, system, p_bar);
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
        if tape.times.first() == Some(&tape.t0) {
            accumulate(y0_bar, &output_bar[..n]);
        }
    }

    /// Cotangents of the outputs within a row's steps, onto states and slopes.
    #[inline(always)]
    fn outputs(&mut self, tape: &Tape<T, W>, row: usize, output_bar: &[[T; W]]) {
        let n = tape.dim;
        let ends: [(T, usize); W] = std::array::from_fn(|l| tape.end_of_step(row, l));
        let mut next = tape.first_output[row];
        loop {
            let mut theta = [T::zero(); W];
            let (mut inside, mut at_end) = ([false; W], [false; W]);
            for l in 0..W {
                if next[l] < ends[l].1 {
                    let time = tape.times[next[l]];
                    at_end[l] = time == ends[l].0;
                    inside[l] = !at_end[l];
                    theta[l] = (time - tape.t[row][l]) / tape.h[row][l];
                }
            }
            if !inside.contains(&true) && !at_end.contains(&true) {
                return;
            }
            let mut weights = interpolant_weights(&theta);
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
                    self.slopes[j * n + i] = std::array::from_fn(|l| sum[l] + weight[l] * g[l]);
                }
            }
            for l in 0..W {
                next[l] += usize::from(inside[l] || at_end[l]);
            }
        }
    }

    /// One row of steps in reverse: `end` becomes the cotangent of the state before it.
    #[inline(always)]
    fn step<S: LaneVectorJacobian<T, W>>(
        &mut self,
        tape: &Tape<T, W>,
        row: usize,
        system: &mut S,
        p_bar: &mut [[T; W]],
    ) {
        let n = tape.dim;
        let (t, h) = (&tape.t[row], &tape.h[row]);
        accumulate(&mut self.slopes[6 * n..], &self.shared);
        for s in (1..7).rev() {
            let (before, from) = self.slopes.split_at_mut(s * n);
            let slope = &from[..n];
            self.product.fill([T::zero(); W]);
            // The slope at the very end serves nothing where no output lies inside the last step.
            if s < 6 || slope.iter().flatten().any(|&x| x != T::zero()) {
                let at = std::array::from_fn(|l| t[l] + h[l] * T::of(C[s]));
                let state = if s == 6 {
                    tape.stage(row + 1, 0)
                } else {
                    tape.stage(row, s)
                };
                system.vjp(&at, state, slope, &mut self.product, p_bar);
            }
            if s == 6 {
                accumulate(&mut self.product, &self.end);
            }
            accumulate(&mut self.start, &self.product);
            for j in 0..s {
                let weight: [T; W] = std::array::from_fn(|l| h[l] * T::of(A[s][j]));
                let slopes = &mut before[j * n..(j + 1) * n];
                for (slope, &product) in slopes.iter_mut().zip(&self.product) {
                    let sum = *slope;
                    *slope = std::array::from_fn(|l| sum[l] + weight[l] * product[l]);
                }
            }
        }
        self.shared.copy_from_slice(&self.slopes[..n]);
        std::mem::swap(&mut self.end, &mut self.start);
    }
}

#[inline(always)]
fn accumulate<T: Scalar, const W: usize>(to: &mut [[T; W]], from: &[[T; W]]) {
    for (to, from) in to.iter_mut().zip(from) {
        let (sum, more) = (*to, *from);
        *to = std::array::from_fn(|l| sum[l] + more[l]);
    }
}
