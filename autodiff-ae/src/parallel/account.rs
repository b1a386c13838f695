//! What working together has brought a thread, and when it is better off alone.
//!
//! Where another process takes a core, a helper may be stopped in the middle of a task for a whole slice of the scheduler's, some
//! milliseconds, and the caller waits for it longer than the whole step would have taken. So every parallel part is compared with what
//! it would have taken alone, by the caller's own tasks, and a loss is paid for by working alone for so many times as long.

use std::time::Duration;

/// Gain that is remembered: what is lost after it is forgiven up to this. A single long stall in a quiet time is no reason to work alone.
const CREDIT: f64 = 20e-3;
/// Loss that is allowed at the start and after work alone: the first part waits for a helper to wake.
const TRIAL: f64 = 0.2e-3;
/// Times a loss that work is done alone afterwards; what is lost is thus at most a thirtieth.
const PENANCE: f64 = 30.0;
/// But no longer than so many seconds: slices of a scheduler are some milliseconds, and what stops a thread for longer comes rarely.
const LONGEST: f64 = 0.1;

/// Gains and losses of one thread that calls others to help.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Account {
    /// Seconds gained and not lost since, at most [`CREDIT`].
    balance: f64,
    /// Seconds of work still to be done alone.
    alone: f64,
}

impl Account {
    pub const NEW: Self = Self {
        balance: TRIAL,
        alone: 0.0,
    };

    /// Whether to work alone now.
    pub fn alone(&self) -> bool {
        self.alone > 0.0
    }

    /// Notes work done alone.
    pub fn worked_alone(&mut self, took: Duration) {
        self.alone -= took.as_secs_f64();
        if self.alone <= 0.0 {
            *self = Self::NEW;
        }
    }

    /// Notes `tasks` tasks done together within `took`, `own` of them by the caller within `busy`.
    pub fn worked_together(&mut self, took: Duration, tasks: usize, own: usize, busy: Duration) {
        if own == 0 {
            return;
        }
        let alone = busy.as_secs_f64() * tasks as f64 / own as f64;
        self.balance = (self.balance + alone - took.as_secs_f64()).min(CREDIT);
        if self.balance < 0.0 {
            self.alone = (PENANCE * (TRIAL - self.balance)).min(LONGEST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Duration = Duration::from_micros(60);

    /// Seconds that `parts` parts of four tasks take, if every `every`-th is held up by `held`, and how many were done alone.
    fn run(parts: u32, every: u32, held: Duration) -> (f64, u32) {
        let (mut account, mut total, mut alone, mut together) =
            (Account::NEW, Duration::ZERO, 0, 0);
        for _ in 0..parts {
            if account.alone() {
                account.worked_alone(4 * TASK);
                total += 4 * TASK;
                alone += 1;
                continue;
            }
            together += 1;
            let held_up = every > 0 && together % every == 0;
            let took = if held_up { held } else { 2 * TASK + TASK / 10 };
            account.worked_together(took, 4, 2, 2 * TASK);
            total += took;
        }
        (total.as_secs_f64(), alone)
    }

    #[test]
    fn an_undisturbed_thread_never_works_alone() {
        assert_eq!(run(10_000, 0, Duration::ZERO).1, 0);
        // Nor one that is held up a little now and then.
        assert_eq!(run(10_000, 10, Duration::from_micros(500)).1, 0);
    }

    #[test]
    fn a_disturbed_thread_loses_little_against_working_alone() {
        let parts = 100_000;
        let all_alone = f64::from(parts) * 4.0 * TASK.as_secs_f64();
        for every in [1, 2, 5, 20] {
            for (held, most) in [(1, 1.1), (3, 1.1), (6, 1.1), (20, 1.25)] {
                let (took, _) = run(parts, every, Duration::from_millis(held));
                assert!(
                    took < most * all_alone,
                    "{every} {held:?}: {took} against {all_alone}"
                );
            }
        }
    }

    #[test]
    fn a_caller_that_did_nothing_itself_learns_nothing() {
        let mut account = Account::NEW;
        account.worked_together(Duration::from_secs(1), 4, 0, Duration::ZERO);
        assert_eq!(account, Account::NEW);
    }
}
