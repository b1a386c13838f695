//! A training step allocates nothing once it is warm: counted by the allocator itself.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::train::*;
use autodiff_ae::*;
use common::{MASSES, MassAction, model, uniform};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

struct Counting;

thread_local! {
    /// Allocations of this thread and their bytes: the test harness's own threads allocate when they please.
    static COUNTS: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: usize) {
    // A thread that is ending has no counts any more.
    let _ = COUNTS.try_with(|c| c.set((c.get().0 + 1, c.get().1 + bytes)));
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(p, layout) }
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller's contract.
        unsafe { System.realloc(p, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of twenty warm steps, and their bytes.
fn allocations_of(threads: usize, batch: usize, method: Method) -> (usize, usize) {
    CpuDevice::new(threads).unwrap().run(|| {
        let (model, params) = model::<f32>(
            29,
            &[32, 16, 8],
            Activation::Relu,
            [Activation::Tanh, Activation::Tanh],
            1,
        );
        let n = 4 * batch;
        let table = SampleTable::new(29, uniform(29 * n, 1), uniform(29 * n, 2)).unwrap();
        let config = LossConfig {
            weights: LossWeights::default(),
            reduction: Reduction::Mean,
            masses: MASSES.to_vec(),
        };
        let objective =
            Derivatives::new(model, MassAction::new(false), config, Arc::new(table)).unwrap();
        let options = TrainerOptions {
            method,
            clip_norm: 1.0,
            average: 0.99,
            accumulate: 2,
            ..TrainerOptions::new(1000, batch)
        };
        let mut trainer = Trainer::new(objective, options, params).unwrap();
        for _ in 0..5 {
            trainer.step().unwrap();
        }
        let before = COUNTS.get();
        // Several passes over the table, so that shuffling is counted too.
        for _ in 0..20 {
            trainer.step().unwrap();
        }
        let after = COUNTS.get();
        (after.0 - before.0, after.1 - before.1)
    })
}

// One test: another one running beside it would be counted too.
#[test]
fn a_warm_step_allocates_nothing() {
    for method in [Method::ADAM, Method::adam_w(1e-4)] {
        for batch in [32, 500] {
            assert_eq!(allocations_of(1, batch, method), (0, 0), "batch {batch}");
        }
    }
    // On several threads the pool may grow its queues; nothing of the batch's size.
    let (_, bytes) = allocations_of(2, 500, Method::ADAM);
    assert!(bytes < 20 * 2048, "{bytes} bytes in 20 steps");
}
