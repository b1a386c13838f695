//! The latent solves of many rays, [`LANES`] at a time, each with its own grid, steps and outputs; and their reverse.

use super::config::{DrivenBy, NodeSolver, SolverMethod};
use super::draw::Plan;
use super::field::{Drive, Field, FieldMemory};
use super::rays::Rays;
use crate::{Error, Number};
use autodiff_ae::{Batch, LANES, Mlp};
use rayon::prelude::*;
use stiff_ode_solvers::{
    Controller, Kvaerno5, LaneTimes, Options, Outcome, Rollout, SolveError, Tsit5,
};

/// Latent solves of a plan's rays.
#[derive(Debug)]
pub struct LatentSolve<T: Number> {
    field: Mlp,
    solver: NodeSolver,
    driven_by: DrivenBy,
    options: Options<T>,
    groups: Vec<Group<T>>,
    used: usize,
}

#[derive(Debug)]
enum Engine<T: Number> {
    Tsit5(Box<Rollout<T, LANES, Tsit5>>),
    Kvaerno5(Box<Rollout<T, LANES, Kvaerno5>>),
}

/// [`LANES`] rays.
#[derive(Debug)]
struct Group<T: Number> {
    engine: Engine<T>,
    memory: FieldMemory<T>,
    start: Vec<[T; LANES]>,
    start_bar: Vec<[T; LANES]>,
    /// Times of outputs, lane by lane.
    times: Vec<T>,
    outputs: Vec<[T; LANES]>,
    /// How many of them the last solve wrote: latent × the points of this group's longest lane.
    written: usize,
    bars: Vec<[T; LANES]>,
    gradient: Vec<T>,
    failed: [bool; LANES],
    work: Work,
    error: Option<String>,
}

/// Work of solves: accepted and rejected steps, largest number of steps of a ray.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    pub steps: usize,
    pub rejected: usize,
    pub most: usize,
    pub failed: usize,
}

impl<T: Number> LatentSolve<T> {
    pub fn new(field: &Mlp, solver: NodeSolver, driven_by: DrivenBy) -> Self {
        let mut options = Options::default()
            .rtol(<T as stiff_ode_solvers::Scalar>::of(solver.rtol))
            .atol(<T as stiff_ode_solvers::Scalar>::of(solver.atol))
            .controller(Controller::integral())
            .max_steps(solver.max_steps);
        if solver.method == SolverMethod::Kvaerno5 {
            // Its stages are differentiated as if converged.
            options = options.newton_tolerance(<T as stiff_ode_solvers::Scalar>::of(1e-4));
        }
        Self {
            field: field.clone(),
            solver,
            driven_by,
            options,
            groups: Vec::new(),
            used: 0,
        }
    }

    fn prepare(&mut self, plan: &Plan) {
        self.used = plan.groups();
        while self.groups.len() < self.used {
            let engine = match self.solver.method {
                SolverMethod::Tsit5 => Engine::Tsit5(Box::new(Rollout::new())),
                SolverMethod::Kvaerno5 => Engine::Kvaerno5(Box::new(Rollout::with(&Kvaerno5))),
            };
            self.groups.push(Group::new(engine, &self.field));
        }
        let (dim, most) = (self.field.outputs(), plan.most());
        for group in &mut self.groups[..self.used] {
            for (array, len) in [
                (&mut group.start, dim),
                (&mut group.start_bar, dim),
                (&mut group.outputs, dim * most),
                (&mut group.bars, dim * most),
            ] {
                array.clear();
                array.resize(len, [T::zero(); LANES]);
            }
        }
    }

    /// Solves from the latent states `z` (block g: those of group g) to the plan's points.
    pub fn forward(
        &mut self,
        rays: &Rays<T>,
        plan: &Plan,
        params: &[T],
        z: &Batch<T>,
    ) -> Result<(), Error> {
        self.prepare(plan);
        let (driven_by, stops) = (self.driven_by, self.solver.stops);
        let options = &self.options;
        self.groups[..self.used]
            .par_iter_mut()
            .enumerate()
            .try_for_each(|(g, group)| {
                group.memory.pass.load(params)?;
                group.start.copy_from_slice(z.block(g));
                group.forward(rays, plan, g, driven_by, stops, options);
                match group.error.take() {
                    Some(reason) => Err(Error::Rollout {
                        model: g * LANES,
                        reason,
                    }),
                    None => Ok(()),
                }
            })
    }

    /// Latent states of group g at the plan's points, `[point][latent][lane]`.
    pub fn outputs(&self, g: usize) -> &[[T; LANES]] {
        &self.groups[g].outputs
    }

    /// Cotangents of [`LatentSolve::outputs`], to be filled in before [`LatentSolve::reverse`].
    pub fn bars_mut(&mut self, g: usize) -> &mut [[T; LANES]] {
        &mut self.groups[g].bars
    }

    /// Which lanes of group g did not reach their end; their outputs are zero.
    pub fn failed(&self, g: usize) -> &[bool; LANES] {
        &self.groups[g].failed
    }

    /// Work of the last forward solves.
    pub fn work(&self) -> Work {
        let mut all = Work::default();
        for group in &self.groups[..self.used] {
            all.steps += group.work.steps;
            all.rejected += group.work.rejected;
            all.most = all.most.max(group.work.most);
            all.failed += group.work.failed;
        }
        all
    }

    /// Back from the cotangents of the outputs: adds to `gradient`, writes those of the starts to `z_bar` (block g: group g).
    pub fn reverse(
        &mut self,
        rays: &Rays<T>,
        plan: &Plan,
        z_bar: &mut Batch<T>,
        gradient: &mut [T],
    ) -> Result<(), Error> {
        let driven_by = self.driven_by;
        self.groups[..self.used]
            .par_iter_mut()
            .enumerate()
            .for_each(|(g, group)| group.reverse(rays, plan, g, driven_by));
        for (g, group) in self.groups[..self.used].iter_mut().enumerate() {
            if let Some(reason) = group.error.take() {
                return Err(Error::Rollout {
                    model: g * LANES,
                    reason,
                });
            }
            z_bar.block_mut(g).copy_from_slice(&group.start_bar);
            // In order, so that sums do not depend on the number of threads.
            for (to, from) in gradient.iter_mut().zip(&group.gradient) {
                *to += *from;
            }
        }
        Ok(())
    }
}

fn drives<'a, T: Number>(rays: &'a Rays<T>, plan: &Plan, g: usize) -> [Drive<'a, T>; LANES] {
    std::array::from_fn(|l| {
        let ray = plan.lane(g, l).ray;
        Drive {
            s: rays.s_of(ray),
            aux: rays.aux_of(ray),
        }
    })
}

impl<T: Number> Group<T> {
    fn new(engine: Engine<T>, field: &Mlp) -> Self {
        Self {
            engine,
            memory: FieldMemory::new(field),
            start: Vec::new(),
            start_bar: Vec::new(),
            times: Vec::new(),
            outputs: Vec::new(),
            written: 0,
            bars: Vec::new(),
            gradient: vec![T::zero(); field.param_len()],
            failed: [false; LANES],
            work: Work::default(),
            error: None,
        }
    }

    fn forward(
        &mut self,
        rays: &Rays<T>,
        plan: &Plan,
        g: usize,
        driven_by: DrivenBy,
        stops: bool,
        options: &Options<T>,
    ) {
        self.times.clear();
        let mut places = [(0, 0); LANES];
        for (l, place) in places.iter_mut().enumerate() {
            let lane = plan.lane(g, l);
            let s = rays.s_of(lane.ray);
            *place = (self.times.len(), lane.points.len());
            self.times.extend(lane.points.iter().map(|&k| s[k]));
        }
        let lanes: [LaneTimes<'_, T>; LANES] = std::array::from_fn(|l| {
            let (lane, (at, count)) = (plan.lane(g, l), places[l]);
            let outputs = &self.times[at..at + count];
            let s = rays.s_of(lane.ray);
            let end = lane.points.last().copied().unwrap_or(lane.first);
            LaneTimes {
                span: (s[lane.first], s[end]),
                outputs,
                stops: if stops { &s[lane.first..=end] } else { &[] },
            }
        });
        let mut field = Field::new(&mut self.memory, drives(rays, plan, g), driven_by);
        // Another group may have longer rays: the solve takes as many outputs as this group's longest.
        let written = self.start.len() * places.iter().map(|p| p.1).max().unwrap_or(0);
        let (start, outputs) = (&self.start, &mut self.outputs[..written]);
        self.written = written;
        let solved: Result<Outcome<LANES>, SolveError> = match &mut self.engine {
            Engine::Tsit5(r) => r.forward_each(&mut field, &lanes, start, options, outputs),
            Engine::Kvaerno5(r) => r.forward_each(&mut field, &lanes, start, options, outputs),
        };
        self.work = Work::default();
        match solved {
            Ok(outcome) => {
                for l in 0..LANES {
                    let stats = outcome.stats[l];
                    self.failed[l] = outcome.failures[l].is_some();
                    if plan.in_use(g, l) {
                        self.work.steps += stats.steps;
                        self.work.rejected += stats.rejected;
                        self.work.most = self.work.most.max(stats.steps);
                        self.work.failed += usize::from(self.failed[l]);
                    }
                }
            }
            // A starting state that is not finite; it does not say of which lane.
            Err(SolveError::InitialState { .. }) => {
                self.failed = [true; LANES];
                self.work.failed = (0..LANES).filter(|&l| plan.in_use(g, l)).count();
            }
            Err(error) => self.error = Some(error.to_string()),
        }
        for l in (0..LANES).filter(|&l| self.failed[l]) {
            self.outputs.iter_mut().for_each(|o| o[l] = T::zero());
        }
    }

    fn reverse(&mut self, rays: &Rays<T>, plan: &Plan, g: usize, driven_by: DrivenBy) {
        self.start_bar.fill([T::zero(); LANES]);
        self.gradient.fill(T::zero());
        if self.failed == [true; LANES] {
            return;
        }
        for l in (0..LANES).filter(|&l| self.failed[l] || !plan.in_use(g, l)) {
            self.bars.iter_mut().for_each(|b| b[l] = T::zero());
        }
        let mut field = Field::new(&mut self.memory, drives(rays, plan, g), driven_by);
        let (bars, start_bar) = (&self.bars[..self.written], &mut self.start_bar);
        let done = match &mut self.engine {
            Engine::Tsit5(r) => r.backward(&mut field, bars, None, start_bar, &mut []),
            Engine::Kvaerno5(r) => r.backward(&mut field, bars, None, start_bar, &mut []),
        };
        let collected = self.memory.pass.collect(&mut self.gradient);
        if let Err(error) = done {
            self.error = Some(error.to_string());
        } else if let Err(error) = collected {
            self.error = Some(error.to_string());
        }
    }
}
