//! The border to a latent right-hand side: the losses need its value and its product with a cotangent, nothing else.

use crate::{LANES, Scalar};

/// A latent right-hand side dz/dt = g(z; p, c) on [`LANES`] samples at once.
///
/// Rows are features: `z[i][lane]` is component i of the lane's sample. All slices have the lengths named by the three
/// dimension methods. A one-species decay, whole:
///
/// ```
/// use autodiff_ae::{LANES, LatentDynamics, Scalar, lane_sum};
/// struct Decay;
/// impl<T: Scalar> LatentDynamics<T> for Decay {
///     fn latent_dim(&self) -> usize { 1 }
///     fn param_len(&self) -> usize { 1 }
///     fn value(&self, p: &[T], z: &[[T; LANES]], _c: &[[T; LANES]], g: &mut [[T; LANES]]) {
///         for l in 0..LANES { g[0][l] = -p[0] * z[0][l]; }
///     }
///     fn vjp(&self, p: &[T], z: &[[T; LANES]], _c: &[[T; LANES]], g_bar: &[[T; LANES]],
///            z_bar: &mut [[T; LANES]], p_bar: &mut [T], _c_bar: &mut [[T; LANES]]) {
///         for l in 0..LANES { z_bar[0][l] -= p[0] * g_bar[0][l]; }
///         p_bar[0] -= lane_sum(&std::array::from_fn(|l| z[0][l] * g_bar[0][l]));
///     }
/// }
/// ```
pub trait LatentDynamics<T: Scalar>: Send + Sync {
    /// Number of latent variables.
    fn latent_dim(&self) -> usize;

    /// Number of trained parameters p.
    fn param_len(&self) -> usize;

    /// Number of conditions c (temperature, density, … of each sample); none by default.
    fn condition_dim(&self) -> usize {
        0
    }

    /// Writes g(z; p, c) into `g`, `latent_dim` rows.
    fn value(&self, p: &[T], z: &[[T; LANES]], c: &[[T; LANES]], g: &mut [[T; LANES]]);

    /// Adds the products of the cotangent `g_bar` with ∂g/∂z, ∂g/∂p (summed over lanes) and ∂g/∂c to
    /// `z_bar`, `p_bar` and `c_bar`. Lanes that hold no sample come with a cotangent of zero.
    fn vjp(
        &self,
        p: &[T],
        z: &[[T; LANES]],
        c: &[[T; LANES]],
        g_bar: &[[T; LANES]],
        z_bar: &mut [[T; LANES]],
        p_bar: &mut [T],
        c_bar: &mut [[T; LANES]],
    );

    /// The same right-hand side for the CUDA device, one sample at a time, as source that the kernel builder puts into
    /// its kernels; `None`, the default, keeps training on the CPU. It defines, with `real` the kernel's `float` or `double`,
    ///
    /// ```text
    /// __device__ inline void latent_value(const real* p, const real* z, const real* c, real* g);
    /// __device__ inline void latent_vjp(const real* p, const real* z, const real* c, const real* g_bar,
    ///                                   real* z_bar, real* p_bar, real* c_bar);
    /// ```
    ///
    /// the first writing `g`, the second adding to `z_bar`, `p_bar` and `c_bar`.
    fn cuda_source(&self) -> Option<String> {
        None
    }
}
