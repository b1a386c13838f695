//! The steps a recorded solve took: with the states of all their stages, or with checkpoints from which these are computed again.
use super::{Note, RENEWAL, Recorded};
use crate::Scalar;
use crate::methods::Stepper;

/// Stages whose arguments are kept; that of the seventh is the first of the next step.
const STAGES: usize = 6;
/// Checkpoints are thinned out when there are so many times more of them than steps between two.
const MOST_CHECKPOINTS: usize = 6;

/// The accepted steps of every lane, row by row: row r holds step r of each lane.
#[derive(Clone, Debug)]
pub(crate) struct Tape<T, const W: usize> {
    pub dim: usize,
    steps: [usize; W],
    /// Outputs delivered so far, per lane.
    outputs: [usize; W],
    /// Output times: one list for all lanes, or each lane's own behind one another.
    times: Vec<T>,
    /// Where a lane's own begin, and how many they are.
    lists: [(usize, usize); W],
    t0: [T; W],
    pub t: Vec<[T; W]>,
    pub h: Vec<[T; W]>,
    /// First output of the step.
    pub first_output: Vec<[usize; W]>,
    /// Arguments of stages 1 to 6 of each row from `first` on; after the last row, the states that follow it.
    states: Vec<[T; W]>,
    first: usize,
    /// Rows between two checkpoints; 0 where all stages are kept.
    spacing: usize,
    /// State and slope at the start of every row that is a multiple of `spacing`.
    checkpoints: Vec<[T; W]>,
    notes: Vec<[Note<T>; W]>,
    scratch: [Vec<[T; W]>; 3],
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
            lists: [(0, 0); W],
            t0: [T::zero(); W],
            t: Vec::new(),
            h: Vec::new(),
            first_output: Vec::new(),
            states: Vec::new(),
            first: 0,
            spacing: 0,
            checkpoints: Vec::new(),
            notes: Vec::new(),
            scratch: [const { Vec::new() }; 3],
            end_time: [T::zero(); W],
            end: Vec::new(),
        }
    }

    /// Forgets the steps, keeps the memory.
    pub fn start<'a>(
        &mut self,
        dim: usize,
        t0: [T; W],
        shared: &[T],
        own: impl Iterator<Item = &'a [T]>,
        checkpointed: bool,
    ) where
        T: 'a,
    {
        self.dim = dim;
        self.steps = [0; W];
        self.outputs = [0; W];
        self.t0 = t0;
        self.times.clear();
        self.times.extend_from_slice(shared);
        self.lists = [(0, shared.len()); W];
        for (list, times) in self.lists.iter_mut().zip(own) {
            *list = (self.times.len(), times.len());
            self.times.extend_from_slice(times);
        }
        self.t.clear();
        self.h.clear();
        self.first_output.clear();
        self.states.clear();
        self.first = 0;
        self.spacing = if checkpointed { RENEWAL } else { 0 };
        self.checkpoints.clear();
        self.notes.clear();
        self.end.clear();
        self.end.resize(dim, [T::zero(); W]);
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Output times of a lane.
    pub fn output_times(&self, lane: usize) -> &[T] {
        let (first, count) = self.lists[lane];
        &self.times[first..first + count]
    }

    /// Time of an output of a lane.
    #[inline(always)]
    pub fn time(&self, lane: usize, index: usize) -> T {
        self.times[self.lists[lane].0 + index]
    }

    /// Whether the first output of a lane is its initial state.
    pub fn starts_with_output(&self, lane: usize) -> bool {
        self.output_times(lane).first() == Some(&self.t0[lane])
    }

    /// Outputs of the lane that has most.
    pub fn output_count(&self) -> usize {
        self.lists.iter().map(|l| l.1).max().unwrap_or(0)
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

    pub fn rows(&self) -> usize {
        self.h.len()
    }

    #[inline(always)]
    pub fn stage(&self, row: usize, s: usize) -> &[[T; W]] {
        &self.states[((row - self.first) * STAGES + s) * self.dim..][..self.dim]
    }

    #[inline(always)]
    pub fn note_output(&mut self, lane: usize) {
        self.outputs[lane] += 1;
    }

    /// Adds the steps just accepted.
    #[inline(always)]
    pub fn record<P: Recorded<T, W>>(
        &mut self,
        accepted: &[bool; W],
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
        stepper: &P,
    ) {
        if self.spacing > 0 {
            return self.record_checkpointed(accepted, t, h, y, stepper);
        }
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

    /// [`Tape::record`] with checkpoints.
    #[cold]
    fn record_checkpointed<P: Recorded<T, W>>(
        &mut self,
        accepted: &[bool; W],
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
        stepper: &P,
    ) {
        let n = self.dim;
        let slope = stepper.first_slope();
        for l in (0..W).filter(|&l| accepted[l]) {
            let row = self.steps[l];
            self.steps[l] += 1;
            if row == self.rows() {
                self.t.push([t[l]; W]);
                self.h.push([T::zero(); W]);
                self.first_output.push(self.outputs);
                self.notes.push([Note::default(); W]);
                if row.is_multiple_of(self.spacing) {
                    self.checkpoints.extend_from_slice(y);
                    self.checkpoints.extend_from_slice(slope);
                    self.thin_out();
                }
            }
            self.t[row][l] = t[l];
            self.h[row][l] = h[l];
            self.first_output[row][l] = self.outputs[l];
            self.notes[row][l] = stepper.note(l);
            if row.is_multiple_of(self.spacing) {
                let at = row / self.spacing * 2 * n;
                for i in 0..n {
                    self.checkpoints[at + i][l] = y[i][l];
                    self.checkpoints[at + n + i][l] = slope[i][l];
                }
            }
        }
    }

    /// Drops every other checkpoint where there are too many: their number and that of the steps between two both grow as the root of all steps.
    fn thin_out(&mut self) {
        let size = 2 * self.dim;
        let count = self.checkpoints.len() / size.max(1);
        if count <= MOST_CHECKPOINTS * self.spacing {
            return;
        }
        let kept = count.div_ceil(2);
        for k in 1..kept {
            self.checkpoints
                .copy_within(2 * k * size..(2 * k + 1) * size, k * size);
        }
        self.checkpoints.truncate(kept * size);
        self.spacing *= 2;
    }

    /// Closes the tape: rows beyond a lane's last step become steps of length 0 at its final state, through which cotangents pass unchanged.
    pub fn pad(&mut self) {
        let (n, rows) = (self.dim, self.rows());
        for l in 0..W {
            for row in self.steps[l]..rows {
                self.t[row][l] = self.end_time[l];
                self.h[row][l] = T::zero();
                self.first_output[row][l] = self.outputs[l];
                if self.spacing > 0 && row.is_multiple_of(self.spacing) {
                    let at = row / self.spacing * 2 * n;
                    for i in 0..n {
                        self.checkpoints[at + i][l] = self.end[i][l];
                        self.checkpoints[at + n + i][l] = T::zero();
                    }
                }
            }
        }
        if self.spacing > 0 {
            // No row has its stages yet.
            self.first = rows;
        } else {
            self.pad_stages(rows);
        }
        self.states.extend_from_slice(&self.end);
    }

    /// Stages of the rows kept, up to `end`, in lanes that are over.
    fn pad_stages(&mut self, end: usize) {
        let n = self.dim;
        for l in 0..W {
            for row in self.steps[l].max(self.first)..end {
                let states = &mut self.states[(row - self.first) * STAGES * n..][..STAGES * n];
                for s in 0..STAGES {
                    for i in 0..n {
                        states[s * n + i][l] = self.end[i][l];
                    }
                }
            }
        }
    }

    /// Makes sure that the stages of `row` are there, by repeating the steps from the checkpoint before it. Rows are asked for from the last to the first.
    #[inline(always)]
    pub fn ensure<S, P>(&mut self, row: usize, system: &mut S, stepper: &mut P)
    where
        P: Stepper<T, S, W> + Recorded<T, W>,
    {
        if row < self.first {
            self.repeat(row / self.spacing, system, stepper);
        }
    }

    #[cold]
    fn repeat<S, P>(&mut self, checkpoint: usize, system: &mut S, stepper: &mut P)
    where
        P: Stepper<T, S, W> + Recorded<T, W>,
    {
        let n = self.dim;
        let end = self.first;
        self.first = checkpoint * self.spacing;
        let kept = &self.checkpoints[checkpoint * 2 * n..][..2 * n];
        let [mut y, mut y_new, mut error] = std::mem::take(&mut self.scratch);
        for array in [&mut y, &mut y_new, &mut error] {
            array.resize(n, [T::zero(); W]);
        }
        y.copy_from_slice(&kept[..n]);
        stepper.resume(&kept[n..]);
        self.states.clear();
        for row in self.first..end {
            let mut h = self.h[row];
            for l in 0..W {
                if row >= self.steps[l] {
                    // Over: what comes out is not used.
                    h[l] = T::one();
                }
                stepper.recall(l, self.notes[row][l]);
            }
            stepper.attempt(system, &self.t[row], &h, &y, &mut y_new, &mut error);
            self.states.extend_from_slice(&y);
            for s in 1..STAGES {
                self.states.extend_from_slice(stepper.stage_state(s));
            }
            stepper.accept(&[true; W]);
            for i in 0..n {
                for l in 0..W {
                    if row < self.steps[l] {
                        y[i][l] = y_new[i][l];
                    }
                }
            }
        }
        self.states.extend_from_slice(&y);
        self.pad_stages(end);
        self.scratch = [y, y_new, error];
    }

    /// Numbers kept per lane, for stages and checkpoints.
    pub fn kept(&self) -> usize {
        self.states.capacity() + self.checkpoints.capacity()
    }

    /// End of a lane's step in this row, and one past its last output.
    #[inline(always)]
    pub fn end_of_step(&self, row: usize, lane: usize) -> (T, usize) {
        if row + 1 < self.steps[lane] {
            (self.t[row + 1][lane], self.first_output[row + 1][lane])
        } else {
            (self.end_time[lane], self.outputs[lane])
        }
    }
}
