//! What the machine can do at best, so that a speed can be given as a fraction of it.

use crate::Scalar;
use std::time::{Duration, Instant};

/// Peak rate of fused multiply-adds of one core [GFLOP/s] with the instruction set the kernels use: twelve independent
/// chains of register-only multiply-adds, the best of repeated runs of about a millisecond within `duration`.
pub fn peak_gflops<T: Scalar>(duration: Duration) -> f64 {
    let table = T::table();
    let (mut best, start) = (0.0_f64, Instant::now());
    while start.elapsed() < duration {
        let t = Instant::now();
        let (operations, value) = table.peak(100_000, std::hint::black_box(T::of(0.5)));
        std::hint::black_box(value);
        best = best.max(operations / t.elapsed().as_secs_f64() * 1e-9);
    }
    best
}
