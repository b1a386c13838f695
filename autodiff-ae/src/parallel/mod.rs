//! How a batch is cut into chunks and the chunks into tasks: by its size alone, so that results do not depend on threads. And how
//! the threads are kept from falling asleep between two parallel parts of a step.

mod account;

use account::Account;
use std::cell::Cell;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Blocks per chunk at most: 256 samples, whose activations in a 128-wide layer (128 KiB) stay in a core's second-level cache.
const CHUNK_BLOCKS: usize = 8;
/// Tasks at most; each owns a gradient that is summed at the end.
const TASKS: usize = 16;

/// Number of chunks of a batch of `blocks` blocks: even, so that two or four threads share alike, and one for
/// small batches, where waking a thread costs more than it saves.
pub(crate) fn chunk_count(blocks: usize) -> usize {
    match blocks {
        0 => 0,
        1..4 => 1,
        4..16 => 2,
        _ => blocks.div_ceil(CHUNK_BLOCKS).next_multiple_of(4),
    }
}

/// Part `i` of `count` nearly equal parts of `0..total`.
pub(crate) fn part(i: usize, count: usize, total: usize) -> Range<usize> {
    i * total / count..(i + 1) * total / count
}

/// Blocks of the largest chunk.
pub(crate) fn largest_chunk(blocks: usize) -> usize {
    blocks.div_ceil(chunk_count(blocks).max(1))
}

/// Number of tasks for that many chunks.
pub(crate) fn task_count(chunks: usize) -> usize {
    chunks.min(TASKS)
}

/// Runs every task, in parallel where there is more than one and rayon has more than one thread.
pub(crate) fn run<S: Send>(tasks: &mut [S], work: impl Fn(usize, &mut S) + Sync) {
    run_in(&mut [(); TASKS], tasks, |(), i, task| work(i, task));
}

/// As [`run`], where every thread that takes part works in a place of its own: at most as many take part as there are places, and
/// nothing is done where there is none.
///
/// The threads go in pairs, one from the front of a share of the tasks, the other from its back, and help with other shares when
/// done: step after step a thread meets the tasks that it had before, whose memory is in its cache, and is idle only when all tasks are
/// taken. It waits for the last of them without falling asleep: with a parallel iterator the caller slept in every fourth step of a
/// small network, being done a little earlier than the others.
pub(crate) fn run_in<P: Send, S: Send>(
    places: &mut [P],
    tasks: &mut [S],
    work: impl Fn(&mut P, usize, &mut S) + Sync,
) {
    let count = tasks.len();
    let threads = rayon::current_num_threads().min(count).min(places.len());
    let mut account = ACCOUNT.get();
    let start = Instant::now();
    if threads < 2 || account.alone() {
        if let Some(place) = places.first_mut() {
            let tasks = tasks.iter_mut().enumerate();
            tasks.for_each(|(i, task)| work(place, i, task));
        }
        if threads > 1 {
            account.worked_alone(start.elapsed());
            ACCOUNT.set(account);
        }
        return;
    }
    PARTS.set(PARTS.get() + 1);
    let left = AtomicUsize::new(count);
    let shares = Shares::new(tasks, threads.div_ceil(2));
    let worker = |k: usize, place: &mut P| {
        let mut own = 0;
        while let Some((i, task)) = shares.take(k) {
            let _done = Counted(&left);
            work(place, i, task);
            own += 1;
        }
        let since = Instant::now();
        while left.load(Ordering::Acquire) > 0 && since.elapsed() < WATCH {
            pause();
        }
        (own, since)
    };
    let Some((own, idle)) = side_by_side(0, &mut places[..threads], &worker) else {
        return;
    };
    account.worked_together(start.elapsed(), count, own, idle - start);
    ACCOUNT.set(account);
}

/// Runs `worker` in every place, numbered from `first`, on so many threads as far as they are free; what it returned on this one.
fn side_by_side<P: Send, R: Send>(
    first: usize,
    places: &mut [P],
    worker: &(impl Fn(usize, &mut P) -> R + Sync),
) -> Option<R> {
    match places {
        [] => None,
        [place] => Some(worker(first, place)),
        [place, others @ ..] => {
            let others = || side_by_side(first + 1, others, worker);
            Some(rayon::join(|| worker(first, place), others).0)
        }
    }
}

/// Tasks that wait, each with its number, in shares of neighbours.
struct Shares<'t, S> {
    /// The number of a share's first task, and what is left of it.
    waiting: [Mutex<(usize, &'t mut [S])>; TASKS / 2],
    count: usize,
}

impl<'t, S> Shares<'t, S> {
    /// `count` shares, or as many as there may be.
    fn new(tasks: &'t mut [S], count: usize) -> Self {
        let (count, total) = (count.clamp(1, TASKS / 2), tasks.len());
        let mut rest = tasks;
        let waiting = std::array::from_fn(|k| {
            let range = if k < count {
                part(k, count, total)
            } else {
                total..total
            };
            let (share, others) = std::mem::take(&mut rest).split_at_mut(range.len());
            rest = others;
            Mutex::new((range.start, share))
        });
        Self { waiting, count }
    }

    /// The next task for thread `k`.
    fn take(&self, k: usize) -> Option<(usize, &'t mut S)> {
        let (own, front) = (k / 2, k.is_multiple_of(2));
        (0..self.count).find_map(|other| {
            let share = &self.waiting[(own + other) % self.count];
            // The lock is held for a moment only, and never poisoned: nothing here panics.
            let mut share = share.lock().ok()?;
            let (first, tasks) = (share.0, std::mem::take(&mut share.1));
            if front {
                let (task, rest) = tasks.split_first_mut()?;
                *share = (first + 1, rest);
                Some((first, task))
            } else {
                let (task, rest) = tasks.split_last_mut()?;
                let last = first + rest.len();
                *share = (first, rest);
                Some((last, task))
            }
        })
    }
}

/// Lowers a count at the end of a scope, unwinding or not.
struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// A moment between two looks at what other threads write. Whoever else wants this core has it first: it may be the very thread
/// that is waited for.
fn pause() {
    (0..16).for_each(|_| std::hint::spin_loop());
    std::thread::yield_now();
}

thread_local! {
    /// Parallel parts that this thread has begun.
    static PARTS: Cell<u64> = const { Cell::new(0) };
    /// What they have brought it.
    static ACCOUNT: Cell<Account> = const { Cell::new(Account::NEW) };
}

/// How long a thread watches for work after the last.
const WATCH: Duration = Duration::from_micros(200);

/// Keeps the other threads of rayon's pool awake during work with parallel parts and serial parts between them.
///
/// rayon's idle threads sleep after some ten microseconds, and half the parallel parts of a small network's step then began by waking one:
/// two threads trained the first method's network at batch 512 1.2–1.6 times as fast as one, with this 1.8 times
/// (`examples/scaling.rs`, two virtual cores). A thread that watches takes up any work of the pool.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wakeful {
    /// Whether the work had parallel parts the last time: watching for nothing would only take a core from others.
    parallel: bool,
}

impl Wakeful {
    /// Does `work`, to be called again soon with the like of it.
    pub fn during<R: Send>(&mut self, work: impl FnOnce() -> R + Send) -> R {
        let counted = || {
            let before = PARTS.get();
            let result = work();
            (result, PARTS.get() != before)
        };
        let others = rayon::current_num_threads() - 1;
        let (result, parallel) = if self.parallel && others > 0 {
            let over = AtomicBool::new(false);
            let work = || {
                // Also when `work` panics.
                let _over = Over(&over);
                counted()
            };
            rayon::join(work, || watch(others, &over)).0
        } else {
            counted()
        };
        self.parallel = parallel;
        result
    }
}

/// Raised at the end of a scope, unwinding or not.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Has `threads` threads look for work until it is over, or none has come for a while.
fn watch(threads: usize, over: &AtomicBool) {
    if threads > 1 {
        rayon::join(|| watch(1, over), || watch(threads - 1, over));
        return;
    }
    let mut last = Instant::now();
    while !over.load(Ordering::Acquire) && last.elapsed() < WATCH {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            last = Instant::now();
        } else {
            pause();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn on<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(work)
    }

    #[test]
    fn every_task_is_done_exactly_once() {
        for threads in [1, 2, 3, 8] {
            on(threads, || {
                for round in 0..1000 {
                    let mut tasks = vec![0_usize; round % 17];
                    run(&mut tasks, |i, t| *t += i + round);
                    assert!(tasks.iter().enumerate().all(|(i, t)| *t == i + round));
                }
            });
        }
    }

    #[test]
    fn parts_may_nest_and_run_side_by_side() {
        on(3, || {
            let mut outer = vec![vec![0_usize; 20]; 9];
            for _ in 0..50 {
                run(&mut outer, |_, inner| run(inner, |i, t| *t += i));
            }
            let flat = outer.iter().flatten().enumerate();
            flat.for_each(|(k, t)| assert_eq!(*t, 50 * (k % 20)));
            // Several callers of one pool at once, each watched over.
            let sums = (0..12_usize).into_par_iter().map(|k| {
                let (mut wakeful, mut tasks) = (Wakeful::default(), vec![k; 20]);
                (0..50).for_each(|_| wakeful.during(|| run(&mut tasks, |i, t| *t += i)));
                tasks.iter().sum::<usize>()
            });
            let expected = (0..12).map(|k| 20 * k + 50 * 190).collect::<Vec<_>>();
            assert_eq!(sums.collect::<Vec<_>>(), expected);
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_the_threads_usable() {
        on(4, || {
            for bad in 0..20 {
                let mut tasks = vec![0; 20];
                let mut fail = || run(&mut tasks, |i, _| assert!(i != bad, "task {i}"));
                assert!(catch_unwind(AssertUnwindSafe(&mut fail)).is_err());
                let watched = || Wakeful { parallel: true }.during(&mut fail);
                assert!(catch_unwind(AssertUnwindSafe(watched)).is_err());
                run(&mut tasks, |_, t| *t = 2);
                assert!(tasks.iter().all(|t| *t == 2));
            }
        });
    }

    #[test]
    fn nobody_watches_over_work_without_parallel_parts() {
        for threads in [1, 4] {
            on(threads, || {
                let mut wakeful = Wakeful::default();
                for _ in 0..3 {
                    assert_eq!(wakeful.during(|| 3), 3);
                    assert!(!wakeful.parallel);
                    wakeful.during(|| {
                        ACCOUNT.set(Account::NEW);
                        run(&mut [0; 7], |i, t| *t = i);
                    });
                    assert_eq!(wakeful.parallel, threads > 1);
                }
            });
        }
    }
}
