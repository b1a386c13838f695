//! What of a model in training lies in a block's shared memory, and where: the persistent kernel's plan.

use super::source::{Problem, activation_number};
use crate::Layer;
use std::fmt::Write;

const KERNEL: &str = include_str!("../../kernels/persistent.cu");
/// Threads of a block: eight warps, two for each of a multiprocessor's schedulers.
const THREADS: usize = 256;
/// Numbers summed over a block; `REPORT` in the kernel.
const REPORT: usize = 5;

/// The plan of one model in one block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub threads: usize,
    /// Samples worked on at once.
    pub lanes: usize,
    /// Dynamic shared memory [bytes].
    pub shared_bytes: usize,
    /// Numbers per model in global memory beside parameters and moments.
    pub workspace: usize,
    at: Placement,
    chunk: Chunk,
}

/// Offsets in shared memory; `None` lies in global memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Placement {
    params: Option<usize>,
    chunk: Option<usize>,
    gradient: Option<usize>,
    moments: Option<usize>,
}

/// Offsets of the arrays of a chunk of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Chunk {
    named: Vec<(&'static str, usize)>,
    /// Per layer: input value, input tangent, and the first of its four arrays.
    layers: Vec<[usize; 3]>,
    len: usize,
}

impl Layout {
    /// The first plan that fits into `available` bytes of shared memory, from everything in it down to the parameters
    /// alone; `None` where not even those fit.
    pub fn choose(problem: &Problem, available: usize) -> Option<Self> {
        let plans = [
            (32, 4),
            (32, 3),
            (32, 2),
            (16, 4),
            (16, 3),
            (16, 2),
            (32, 1),
        ];
        plans
            .into_iter()
            .map(|(lanes, parts)| Self::new(problem, lanes, parts))
            .find(|layout| layout.shared_bytes <= available)
    }

    /// Shared memory of the plan that needs the least [bytes].
    pub fn least(problem: &Problem) -> usize {
        Self::new(problem, 32, 1).shared_bytes
    }

    /// The plan with the first `parts` of parameters, chunk, gradient, moments in shared memory: in the order of how often
    /// a number of each is read.
    fn new(problem: &Problem, lanes: usize, parts: usize) -> Self {
        let chunk = Chunk::new(problem, lanes + 1);
        let params = problem.param_len();
        let mut end = REPORT * (THREADS + 16);
        let mut place = |index: usize, len: usize| {
            (index < parts).then(|| {
                let at = end;
                // Sixteen bytes keep every part on its own vector.
                end = (end + len).next_multiple_of(4);
                at
            })
        };
        let at = Placement {
            params: place(0, params),
            chunk: place(1, chunk.len),
            gradient: place(2, params),
            moments: place(3, 2 * params),
        };
        let workspace = if at.gradient.is_none() { params } else { 0 }
            + if at.chunk.is_none() { chunk.len } else { 0 };
        Self {
            threads: THREADS,
            lanes,
            shared_bytes: end * problem.real_bytes,
            workspace,
            at,
            chunk,
        }
    }

    /// The whole source of the kernel.
    pub fn source(&self, problem: &Problem) -> String {
        let encoder = problem.model.encoder().layers();
        let decoder = problem.model.decoder().layers();
        let mut definitions = vec![
            ("THREADS", self.threads),
            ("LANES", self.lanes),
            ("STRIDE", self.lanes + 1),
            ("WORKSPACE", self.workspace),
            ("ENCODER", encoder.len()),
            ("LAYERS", encoder.len() + decoder.len()),
        ];
        definitions.extend(&self.chunk.named);
        let parts = [
            ("SHARED_PARAMS", "SHARED_PARAMS_AT", self.at.params),
            ("SHARED_CHUNK", "SHARED_CHUNK_AT", self.at.chunk),
            ("SHARED_GRADIENT", "SHARED_GRADIENT_AT", self.at.gradient),
            ("SHARED_MOMENTS", "SHARED_MOMENTS_AT", self.at.moments),
        ];
        for (is, at, offset) in parts {
            definitions.push((is, usize::from(offset.is_some())));
            definitions.push((at, offset.unwrap_or(0)));
        }
        let mut text = problem.head(&definitions);
        text.push_str(
            "struct Layer { int inputs, outputs, activation, residual, weight, value_in, tangent_in, value; };\n\
             __device__ constexpr Layer LAYER[LAYERS] = {\n",
        );
        let shifted = decoder
            .iter()
            .map(|l| (l, problem.model.encoder().param_len()));
        let layers = encoder.iter().map(|l| (l, 0)).chain(shifted);
        for ((layer, shift), [value_in, tangent_in, value]) in layers.zip(&self.chunk.layers) {
            let _ = writeln!(
                text,
                "    {{{}, {}, {}, {}, {}, {value_in}, {tangent_in}, {value}}},",
                layer.inputs,
                layer.outputs,
                activation_number(layer.activation),
                usize::from(layer.residual),
                layer.weight_range().start + shift,
            );
        }
        text.push_str("};\n");
        text.push_str(KERNEL);
        text
    }
}

impl Chunk {
    fn new(problem: &Problem, stride: usize) -> Self {
        let (mut end, mut named) = (0, Vec::new());
        let mut take = |rows: usize| {
            let at = end;
            end += rows * stride;
            at
        };
        let model = &problem.model;
        let latent = model.latent_dim();
        let layers = || {
            let (e, d) = (model.encoder().layers(), model.decoder().layers());
            e.iter().chain(d)
        };
        let carried = |l: &Layer| if l.residual { 2 * l.outputs } else { 0 };
        for (name, rows) in [
            ("AT_X", model.features()),
            ("AT_XDOT", model.features()),
            ("AT_CONDITIONS", problem.conditions),
            ("AT_RATE", latent),
            ("AT_Z_BAR", latent),
            ("AT_G_BAR", latent),
            ("AT_P_BAR", problem.dynamics_len),
            ("AT_CARRY", layers().map(carried).max().unwrap_or(0)),
        ] {
            named.push((name, take(rows)));
        }
        let (x, xdot, rate) = (named[0].1, named[1].1, named[3].1);
        let mut places = Vec::new();
        let (mut value, mut tangent) = (x, xdot);
        for (l, layer) in layers().enumerate() {
            if l == model.encoder().layers().len() {
                // The decoder takes the latent variables with g as their tangent.
                tangent = rate;
            }
            let at = take(4 * layer.outputs);
            places.push([value, tangent, at]);
            (value, tangent) = (at, at + layer.outputs * stride);
        }
        Self {
            named,
            layers: places,
            len: end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Autoencoder, Mlp};

    fn paper() -> Problem {
        let mlp = |widths: &[usize]| Mlp::new(widths, Activation::Relu, Activation::Tanh).unwrap();
        Problem {
            model: Autoencoder::new(mlp(&[29, 32, 16, 8, 5]), mlp(&[5, 8, 16, 32, 29])).unwrap(),
            dynamics: String::new(),
            dynamics_len: 12,
            conditions: 0,
            real: "float",
            real_bytes: 4,
        }
    }

    /// Less shared memory means fewer parts in it, then fewer samples at a time, and at last none.
    #[test]
    fn the_plan_follows_the_shared_memory() {
        let problem = paper();
        let plans = [
            (227, 32, 4),
            (118, 32, 3),
            (105, 32, 2),
            (103, 16, 4),
            (77, 16, 3),
            (63, 16, 2),
            (48, 32, 1),
        ];
        for (kibibytes, lanes, parts) in plans {
            let layout = Layout::choose(&problem, kibibytes << 10).unwrap();
            assert_eq!(
                layout,
                Layout::new(&problem, lanes, parts),
                "{kibibytes} KiB"
            );
            let at = layout.at;
            let places = [at.params, at.chunk, at.gradient, at.moments];
            assert_eq!(places.iter().flatten().count(), parts);
            assert_eq!(layout.workspace > 0, parts < 3);
        }
        assert_eq!(Layout::choose(&problem, Layout::least(&problem) - 1), None);
        assert!(Layout::choose(&problem, Layout::least(&problem)).is_some());
    }

    /// Arrays of a chunk do not overlap and fill it.
    #[test]
    fn a_chunk_is_filled_without_overlap() {
        let (problem, stride) = (paper(), 33);
        let chunk = Chunk::new(&problem, stride);
        let rows = [29, 29, 0, 5, 5, 5, 12, 0];
        let named = chunk.named.iter().zip(rows).map(|(n, rows)| (n.1, rows));
        let widths = [32, 16, 8, 5, 8, 16, 32, 29];
        let layers = chunk.layers.iter().zip(widths).map(|(l, m)| (l[2], 4 * m));
        let mut end = 0;
        for (at, rows) in named.chain(layers) {
            assert_eq!(at, end);
            end += rows * stride;
        }
        assert_eq!(end, chunk.len);
    }
}
