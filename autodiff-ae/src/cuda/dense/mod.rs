//! Plain dense networks as device code: functions that one block of threads calls together on a tile of [`LANES`] samples, for kernels
//! that hold several networks. [`CudaDense`] runs one on a whole batch.

mod pass;
mod regression;
mod room;

pub use pass::{CudaDense, DenseProduct};
pub use regression::{CudaPoints, CudaRegression, DensePenalty, DenseRegression};
pub use room::Room;

use super::source::{PRELUDE, activation_number, real_name};
use crate::{LANES, Mlp, Scalar};
use std::fmt::Write;

const DENSE: &str = include_str!("../../../kernels/dense.cuh");

/// Threads of a block that works on dense networks: four products of four samples each at width 128.
pub const THREADS: usize = 256;

/// What stands once in front of every source with dense networks, for numbers `T` and blocks of `threads` threads: `real`, the
/// activations, the code that [`source`] calls, and the kernel `dense_reduce`.
pub fn head<T: Scalar>(threads: usize) -> String {
    let real = real_name::<T>();
    format!("#define REAL {real}\n#define THREADS {threads}\n{PRELUDE}{DENSE}")
}

/// Numbers that a block needs beside parameters, input and output of a network on one tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Outputs of the layers below the last, kept for the way back (`PREFIX_VALUES`).
    pub values: usize,
    /// σ' of every layer, kept for the way back (`PREFIX_SLOPES`).
    pub slopes: usize,
    /// Room of the way back and of `PREFIX_value` (`PREFIX_SCRATCH`).
    pub scratch: usize,
}

impl Sizes {
    /// Those of a network.
    pub fn new(mlp: &Mlp) -> Self {
        let layers = mlp.layers();
        let outputs: usize = layers.iter().map(|l| l.outputs).sum();
        // Two tiles of cotangents take turns; a third is for what residual layers hand through.
        let tiles = 2 + usize::from(layers.iter().any(|l| l.residual));
        Self {
            values: (outputs - mlp.outputs()) * LANES,
            slopes: outputs * LANES,
            scratch: tiles * tile(mlp),
        }
    }

    /// Values and slopes: `PREFIX_MEMORY`.
    pub fn memory(&self) -> usize {
        self.values + self.slopes
    }
}

/// Numbers of the widest layer's output on one tile.
fn tile(mlp: &Mlp) -> usize {
    let widest = mlp.layers().iter().map(|l| l.outputs).max();
    widest.unwrap_or(0) * LANES
}

/// Constants and device functions of a network; several with different prefixes may follow one [`head`]. `prefix` is a C identifier.
///
/// Constants: `PREFIX_INPUTS`, `PREFIX_OUTPUTS`, `PREFIX_PARAMS`, and the lengths of [`Sizes`] `PREFIX_VALUES`, `PREFIX_SLOPES`,
/// `PREFIX_MEMORY`, `PREFIX_SCRATCH`. Functions, called by all threads of a block with their arguments complete, ending with a
/// barrier; tiles are `[feature][LANES]`, begin at a multiple of 16 bytes, and lie in shared or global memory:
///
/// ```text
/// PREFIX_value(params, in, out, scratch)                      the output alone
/// PREFIX_forward(params, in, out, memory)                     the output, keeping what the way back needs
/// PREFIX_reverse(params, in, memory, out_bar, in_bar, gradient, scratch)
/// ```
///
/// The way back adds ∂/∂parameters to `gradient`, summed over the lanes (which must be this block's own), and writes `in_bar` unless
/// that is null; `out_bar` must be zero in lanes without a sample. `PREFIX_forward_apart(params, in, out, values, slopes)` and
/// `PREFIX_reverse_apart(params, in, values, slopes, out_bar, in_bar, gradient, scratch)` take the two parts of the memory apart, for
/// kernels that have shared memory for the values alone, which are read more often.
pub fn source(prefix: &str, mlp: &Mlp) -> String {
    let mut text = format!("template <int L> struct {prefix}_Layer;\n");
    let (mut value, mut slope) = (0, 0);
    for (l, layer) in mlp.layers().iter().enumerate() {
        let _ = writeln!(
            text,
            "template <> struct {prefix}_Layer<{l}> {{ enum {{ INPUTS = {}, OUTPUTS = {}, ACTIVATION = {}, RESIDUAL = {}, \
             WEIGHT = {}, VALUE = {value}, SLOPE = {slope} }}; }};",
            layer.inputs,
            layer.outputs,
            activation_number(layer.activation),
            usize::from(layer.residual),
            layer.weight_range().start,
        );
        value += layer.outputs * LANES;
        slope += layer.outputs * LANES;
    }
    let sizes = Sizes::new(mlp);
    let _ = write!(
        text,
        "struct {prefix}_Net {{ template <int L> using Layer = {prefix}_Layer<L>; enum {{ LAYERS = {}, TILE = {} }}; }};\n\
         enum {{ {prefix}_INPUTS = {}, {prefix}_OUTPUTS = {}, {prefix}_PARAMS = {}, {prefix}_VALUES = {}, {prefix}_SLOPES = {}, \
         {prefix}_MEMORY = {}, {prefix}_SCRATCH = {} }};\n",
        mlp.layers().len(),
        tile(mlp),
        mlp.inputs(),
        mlp.outputs(),
        mlp.param_len(),
        sizes.values,
        sizes.slopes,
        sizes.memory(),
        sizes.scratch,
    );
    text.push_str(&FUNCTIONS.replace("PREFIX", prefix));
    text
}

const FUNCTIONS: &str = "\
__device__ inline void PREFIX_value(const real* params, const real* in, real* out, real* scratch) {
    dense_value<PREFIX_Net, 0>(params, in, out, scratch);
}
__device__ inline void PREFIX_forward_apart(const real* params, const real* in, real* out, real* values, real* slopes) {
    dense_forward<PREFIX_Net, 0>(params, in, out, values, slopes);
}
__device__ inline void PREFIX_reverse_apart(const real* params, const real* in, const real* values, const real* slopes,
                                            const real* out_bar, real* in_bar, real* gradient, real* scratch) {
    dense_product<PREFIX_Net>(params, in, values, slopes, out_bar, in_bar, gradient, scratch);
}
__device__ inline void PREFIX_forward(const real* params, const real* in, real* out, real* memory) {
    dense_forward<PREFIX_Net, 0>(params, in, out, memory, memory + PREFIX_VALUES);
}
__device__ inline void PREFIX_reverse(const real* params, const real* in, const real* memory, const real* out_bar, real* in_bar,
                                      real* gradient, real* scratch) {
    dense_product<PREFIX_Net>(params, in, memory, memory + PREFIX_VALUES, out_bar, in_bar, gradient, scratch);
}
";
