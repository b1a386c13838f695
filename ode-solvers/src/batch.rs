//! Many models at once: over threads, and over lanes within a thread. What a model gives does not depend on either.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::engine::{Client, Engine, Failure, Start};
use crate::lanes::Each;
use crate::methods::{Method, Stepper};
use crate::solver::{check_start, failure_to_error};
use crate::{LaneSystem, Located, Options, Scalar, Solution, SolveError, Statistics, Stop, System};

/// Results of a batch, one per model.
pub type BatchResults<T> = Vec<Result<Solution<T>, SolveError>>;

/// How a batch is watched and stopped; the default does neither.
#[derive(Clone, Copy, Default)]
pub struct Watch<'a> {
    /// Called after every model with the number of models done, from any thread.
    pub progress: Option<&'a (dyn Fn(usize) + Sync)>,
    /// Set to `true` to stop: models not finished then are [`SolveError::Cancelled`].
    pub cancel: Option<&'a AtomicBool>,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("progress", &self.progress.is_some())
            .field("cancel", &self.cancel)
            .finish()
    }
}

/// Solves many models over the threads of the current rayon pool, one at a time in each thread.
///
/// `systems` holds one system per model, or a single one for all; `initial` is dim × models, column-major. A model that fails is an `Err` in
/// its place, the others are kept. Results do not depend on the number of threads.
///
/// # Errors
/// What concerns all models: options out of range, arrays of the wrong length.
pub fn solve_batch<'a, T, S, M>(
    systems: &'a [S],
    method: &M,
    span: (T, T),
    initial: &[T],
    options: &Options<T>,
    watch: &Watch<'_>,
) -> Result<BatchResults<T>, SolveError>
where
    T: Scalar,
    S: System<T> + Sync,
    M: Method<T> + Sync,
    M::Stepper: Stepper<T, Each<'a, T, S, 1>, 1>,
{
    let Some(first) = systems.first() else {
        return Ok(Vec::new());
    };
    let dim = first.dim();
    if systems.len() > 1 {
        if let Some(other) = systems.iter().find(|s| s.dim() != dim) {
            return Err(SolveError::Dimension {
                what: "a system of the batch",
                expected: dim,
                found: other.dim(),
            });
        }
        let expected = systems.len() * dim;
        if initial.len() != expected {
            return Err(SolveError::Dimension {
                what: "the initial states",
                expected,
                found: initial.len(),
            });
        }
    }
    solve_lanes::<T, _, M, 1>(|| Each::new(systems), method, span, initial, options, watch)
}

/// Solves many models over the threads of the current rayon pool, W of them side by side in each thread.
///
/// `make` builds the lane system of a thread; its `load(lane, model)` is told which model comes next. `initial` is dim × models, column-major.
/// Lanes advance in lockstep, each with its own time and step; a lane that is done takes the next model.
///
/// # Errors
/// What concerns all models: options out of range, arrays of the wrong length.
pub fn solve_lanes<T, L, M, const W: usize>(
    make: impl Fn() -> L + Sync,
    method: &M,
    span: (T, T),
    initial: &[T],
    options: &Options<T>,
    watch: &Watch<'_>,
) -> Result<BatchResults<T>, SolveError>
where
    T: Scalar,
    L: LaneSystem<T, W>,
    M: Method<T, W> + Sync,
    M::Stepper: Stepper<T, L, W>,
{
    let task = (span, initial, options, watch);
    solve_all::<T, L, M, W>(make, method, task, None)
}

/// As [`solve_lanes`], the states at the output times of [`Options::outputs`] written into `states` (dim × times × models, column-major)
/// instead of [`Solution::y`], which stays empty: nothing is allocated or copied for them. What a model did not reach is left as it was, of one that fails what it
/// had reached is there.
///
/// # Errors
/// As [`solve_lanes`]; [`SolveError::Dimension`] where `states` has another length, so that outputs at every step, whose number is not known, are refused.
pub fn solve_lanes_into<T, L, M, const W: usize>(
    make: impl Fn() -> L + Sync,
    method: &M,
    span: (T, T),
    initial: &[T],
    options: &Options<T>,
    watch: &Watch<'_>,
    states: &mut [T],
) -> Result<BatchResults<T>, SolveError>
where
    T: Scalar,
    L: LaneSystem<T, W>,
    M: Method<T, W> + Sync,
    M::Stepper: Stepper<T, L, W>,
{
    let times = options.output_times().len();
    let expected = initial.len() * times;
    if states.len() != expected || times == 0 {
        return Err(SolveError::Dimension {
            what: "the room for the states at the output times",
            expected,
            found: states.len(),
        });
    }
    let task = (span, initial, options, watch);
    solve_all::<T, L, M, W>(make, method, task, Some(states))
}

/// Span, initial states, options, watch.
type Task<'a, T> = ((T, T), &'a [T], &'a Options<T>, &'a Watch<'a>);

fn solve_all<T, L, M, const W: usize>(
    make: impl Fn() -> L + Sync,
    method: &M,
    (span, initial, options, watch): Task<'_, T>,
    states: Option<&mut [T]>,
) -> Result<BatchResults<T>, SolveError>
where
    T: Scalar,
    L: LaneSystem<T, W>,
    M: Method<T, W> + Sync,
    M::Stepper: Stepper<T, L, W>,
{
    let mut first = make();
    let dim = first.dim();
    options.check(dim, span)?;
    if dim == 0 || !initial.len().is_multiple_of(dim) {
        return Err(SolveError::Dimension {
            what: "the initial states",
            expected: dim,
            found: initial.len(),
        });
    }
    let models = initial.len() / dim;
    let width = dim * options.output_times().len();
    let rooms = states.map(|states| states.chunks_mut(width).map(Some).collect());
    let queue = Queue {
        rooms: rooms.map(Mutex::new),
        next: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        models,
        dim,
        span,
        initial,
        options,
        watch,
    };
    let finished = Mutex::new(Vec::with_capacity(models));
    let fatal = Mutex::new(None);
    let work = |system: &mut L| {
        let mut worker = Worker {
            queue: &queue,
            current: std::array::from_fn(|_| Solution::default()),
            rooms: [const { None }; W],
            results: Vec::new(),
        };
        let mut engine = Engine::<T, M::Stepper, W>::new(method.stepper());
        let outcome = engine.run(system, options, &mut worker);
        finished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(&mut worker.results);
        if let Err(error) = outcome {
            *fatal.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    };
    let threads = rayon::current_num_threads().min(models.div_ceil(W));
    if threads <= 1 {
        work(&mut first);
    } else {
        rayon::scope(|scope| (0..threads).for_each(|_| scope.spawn(|_| work(&mut make()))));
    }
    if let Some(error) = fatal.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut results: BatchResults<T> = (0..models).map(|_| Err(SolveError::Cancelled)).collect();
    for (model, result) in finished
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
    {
        results[model] = result;
    }
    Ok(results)
}

/// The models still to come, shared by all threads.
struct Queue<'q, T> {
    next: AtomicUsize,
    done: AtomicUsize,
    models: usize,
    dim: usize,
    span: (T, T),
    initial: &'q [T],
    options: &'q Options<T>,
    watch: &'q Watch<'q>,
    /// Where the states of each model go, if not into its solution.
    rooms: Option<Mutex<Vec<Option<&'q mut [T]>>>>,
}

impl<'q, T> Queue<'q, T> {
    /// The room of a model, given out once.
    fn room(&self, model: usize) -> Option<&'q mut [T]> {
        let mut rooms = self
            .rooms
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        rooms.get_mut(model)?.take()
    }
}

/// One thread's client: W solutions under way, and those done.
struct Worker<'q, T, const W: usize> {
    queue: &'q Queue<'q, T>,
    current: [Solution<T>; W],
    rooms: [Option<&'q mut [T]>; W],
    results: Vec<(usize, Result<Solution<T>, SolveError>)>,
}

impl<T: Scalar, const W: usize> Worker<'_, T, W> {
    fn deliver(&mut self, model: usize, result: Result<Solution<T>, SolveError>) {
        self.results.push((model, result));
        let done = self.queue.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(progress) = self.queue.watch.progress {
            progress(done);
        }
    }
}

impl<T: Scalar, P, const W: usize> Client<T, P, W> for Worker<'_, T, W> {
    fn next(&mut self, lane: usize, y: &mut [[T; W]]) -> Option<Start<T>> {
        let queue = self.queue;
        loop {
            if self.is_cancelled() {
                return None;
            }
            let model = queue.next.fetch_add(1, Ordering::Relaxed);
            if model >= queue.models {
                return None;
            }
            let y0 = &queue.initial[model * queue.dim..(model + 1) * queue.dim];
            if let Err(error) = check_start(queue.dim, y0) {
                self.deliver(model, Err(error));
                continue;
            }
            for (y, &y0) in y.iter_mut().zip(y0) {
                y[lane] = y0;
            }
            let solution = &mut self.current[lane];
            solution.reset(queue.dim, queue.options.dense);
            let outputs = queue.options.output_times().len();
            solution.t.reserve_exact(outputs);
            self.rooms[lane] = queue.room(model);
            if self.rooms[lane].is_none() {
                solution.y.reserve_exact(outputs * queue.dim);
            }
            return Some(Start {
                model,
                t0: queue.span.0,
                t1: queue.span.1,
            });
        }
    }

    #[inline(always)]
    fn output(&mut self, lane: usize, index: usize, t: T, y: &[[T; W]]) {
        let solution = &mut self.current[lane];
        solution.t.push(t);
        let Some(room) = &mut self.rooms[lane] else {
            solution.y.extend(y.iter().map(|y| y[lane]));
            return;
        };
        for (to, y) in room.iter_mut().skip(index * y.len()).zip(y) {
            *to = y[lane];
        }
    }

    fn event(&mut self, lane: usize, event: usize, t: T, y: &[[T; W]]) {
        self.current[lane].events.push(Located {
            event,
            t,
            y: y.iter().map(|y| y[lane]).collect(),
        });
    }

    fn dense_step(&mut self, lane: usize, t: T, h: T, nodes: usize) {
        if let Some(dense) = &mut self.current[lane].dense {
            dense.begin_step(t, h, nodes);
        }
    }

    fn dense_node(&mut self, lane: usize, y: &[[T; W]]) {
        if let Some(dense) = &mut self.current[lane].dense {
            dense.push_node(y.iter().map(|y| y[lane]));
        }
    }

    fn finished(
        &mut self,
        lane: usize,
        model: usize,
        t: T,
        y: &[[T; W]],
        stats: Statistics,
        end: Result<Stop, Failure<T>>,
    ) {
        let mut solution = std::mem::take(&mut self.current[lane]);
        solution.t_end = t;
        if let Some(dense) = &mut solution.dense {
            dense.finish(t);
        }
        solution.y_end.extend(y.iter().map(|y| y[lane]));
        solution.stats = stats;
        let result = match end {
            Ok(stop) => {
                solution.stop = stop;
                Ok(solution)
            }
            Err(failure) => Err(failure_to_error(
                failure,
                &solution,
                self.queue.options.max_steps,
            )),
        };
        self.deliver(model, result);
    }

    fn cancelled(&self) -> bool {
        self.is_cancelled()
    }
}

impl<T, const W: usize> Worker<'_, T, W> {
    fn is_cancelled(&self) -> bool {
        self.queue
            .watch
            .cancel
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}
