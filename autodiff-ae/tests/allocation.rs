//! A training step allocates nothing once it is warm: counted by the allocator itself.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::train::*;
use autodiff_ae::*;
use common::{MASSES, MassAction, model, uniform};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(p, layout) }
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.realloc(p, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations_of(threads: usize, batch: usize, method: Method) -> usize {
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
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        // Several passes over the table, so that shuffling is counted too.
        for _ in 0..20 {
            trainer.step().unwrap();
        }
        ALLOCATIONS.load(Ordering::Relaxed) - before
    })
}

// One test: another one running beside it would be counted too.
#[test]
fn a_warm_step_allocates_nothing() {
    for method in [Method::ADAM, Method::adam_w(1e-4)] {
        for batch in [32, 500] {
            assert_eq!(allocations_of(1, batch, method), 0, "batch {batch}");
        }
    }
    // On several threads the pool may grow its queues; that does not go with the number of steps.
    assert!(allocations_of(2, 500, Method::ADAM) < 20);
}
