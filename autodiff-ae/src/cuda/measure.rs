//! What the device's matrix products do at best, so that a speed can be given as a fraction of it.

use super::blas::{Blas, Matrix};
use super::launch::{address, int, upload, zeros};
use super::{CudaDevice, Products};
use crate::{Error, Scalar};
use std::time::Instant;

/// Rate of cuBLAS on C = A B with `[m, n, k]` (m × k by k × n) numbers of type `T` in GFLOP/s: the best of repeated runs of 20
/// products within `seconds`, on numbers that are not zero. 2 m n k operations count for one product.
///
/// # Errors
/// [`Error::NoCudaDevice`] without cuBLAS, [`Error::Range`] for sizes beyond an `int`, [`Error::Cuda`].
pub fn product_gflops<T: Scalar>(
    device: &CudaDevice,
    products: Products,
    [m, n, k]: [usize; 3],
    seconds: f64,
) -> Result<f64, Error> {
    const REPEATS: usize = 20;
    let blas = Blas::new(device, products, T::DTYPE == "F64")?;
    let numbers = |len: usize| -> Vec<T> {
        (0..len)
            .map(|i| T::of(((i * 37) % 101) as f64 / 101.0 - 0.5))
            .collect()
    };
    let (a, b) = (
        upload(device, &numbers(m * k))?,
        upload(device, &numbers(k * n))?,
    );
    let c = zeros::<T>(device, m * n)?;
    let [rows, columns, depth] = [int("rows", m)?, int("columns", n)?, int("depth", k)?];
    let plain = |address, leading| Matrix {
        address,
        leading,
        transposed: false,
    };
    let run = || -> Result<f64, Error> {
        let start = Instant::now();
        for _ in 0..REPEATS {
            let (a, b) = (plain(address(&a), rows), plain(address(&b), depth));
            blas.product([rows, columns, depth], a, b, 0.0, (address(&c), rows))?;
        }
        device.synchronize()?;
        Ok(start.elapsed().as_secs_f64())
    };
    let (begun, mut best) = (Instant::now(), run()?);
    while begun.elapsed().as_secs_f64() < seconds {
        best = best.min(run()?);
    }
    Ok(2e-9 * (m * n * k * REPEATS) as f64 / best)
}
