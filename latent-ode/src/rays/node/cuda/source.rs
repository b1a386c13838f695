//! The source of the kernels for one model: its sizes, the solver's tables and the three networks in front of the kernels' text.

use super::super::config::{DrivenBy, NodeConfig};
use super::super::shape::NodeShape;
use super::super::step::StartFrom;
use crate::Number;
use crate::rays::PointLoss;
use autodiff_ae::LANES;
use autodiff_ae::cuda::dense::{self, Sizes, THREADS};
use std::fmt::Write;
use stiff_ode_solvers::{Controller, Tsit5};

const PARTS: [&str; 4] = [
    include_str!("../../../../kernels/node_lanes.cuh"),
    include_str!("../../../../kernels/node_solve.cu"),
    include_str!("../../../../kernels/node_reverse.cu"),
    include_str!("../../../../kernels/node_points.cu"),
];
/// Shared memory kept for what the kernels declare themselves, most of it `Control` of the solve \[bytes\].
const DECLARED: usize = 6 << 10;

/// Kernels with a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Numbers a block.
    pub numbers: usize,
    /// Dynamic shared memory of a launch \[bytes\]; 0 where the workspace lies in global memory.
    pub shared: usize,
}

/// Workspaces of the kernels on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub encode: Workspace,
    pub solve: Workspace,
    pub reverse: Workspace,
    pub decode: Workspace,
}

impl Layout {
    /// For numbers of `real` bytes and `available` bytes of shared memory a block: each kernel's workspace there if it fits.
    pub fn new(shape: &NodeShape, real: usize, available: usize) -> Self {
        let (tile, given) = (shape.latent * LANES, shape.aux * LANES);
        let room = available.saturating_sub(DECLARED);
        let place = |numbers: usize| Workspace {
            numbers,
            shared: if numbers * real <= room {
                numbers * real
            } else {
                0
            },
        };
        let [encoder, field, decoder] =
            [&shape.encoder, &shape.field, &shape.decoder].map(Sizes::new);
        let both = |sizes: &Sizes| sizes.memory() + sizes.scratch;
        let ends = (shape.decoder.inputs() + shape.decoder.outputs()) * LANES;
        Self {
            encode: place(shape.encoder.inputs() * LANES + tile + both(&encoder)),
            solve: place(16 * tile + given + field.scratch),
            reverse: place(13 * tile + 2 * given + both(&field)),
            decode: place(2 * ends + both(&decoder)),
        }
    }
}

/// What the kernels are built for.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    pub shape: &'a NodeShape,
    pub config: &'a NodeConfig,
    pub start_from: &'a StartFrom,
}

impl Model<'_> {
    /// The whole source for numbers of type `T`.
    pub fn source<T: Number>(&self, layout: &Layout) -> String {
        let mut text = dense::head::<T>(THREADS);
        let NodeShape {
            encoder,
            field,
            decoder,
            ..
        } = self.shape;
        for (prefix, mlp) in [("encoder", encoder), ("field", field), ("decoder", decoder)] {
            text.push_str(&dense::source(prefix, mlp));
        }
        self.sizes(layout, &mut text);
        self.solver::<T>(&mut text);
        PARTS.iter().for_each(|part| text.push_str(part));
        text
    }

    fn sizes(&self, layout: &Layout, text: &mut String) {
        let (shape, config) = (self.shape, self.config);
        let (given, start_at) = match self.start_from {
            StartFrom::Abundances => (0, 0),
            StartFrom::Given(range) => (1, range.start),
        };
        let workspaces = [
            ("ENCODE", layout.encode),
            ("SOLVE", layout.solve),
            ("REVERSE", layout.reverse),
            ("DECODE", layout.decode),
        ];
        for (name, space) in workspaces {
            define(text, &format!("{name}_WORK"), space.numbers);
            define(
                text,
                &format!("{name}_SHARED"),
                usize::from(space.shared > 0),
            );
        }
        for (name, value) in [
            ("LATENT", shape.latent),
            ("AUX", shape.aux),
            ("START_GIVEN", given),
            ("START_AT", start_at),
            ("LINEAR", usize::from(config.driven_by == DrivenBy::Linear)),
            ("STOPS", usize::from(config.solver.stops)),
            ("MAX_STEPS", config.solver.max_steps),
        ] {
            define(text, name, value);
        }
        let (loss, delta) = match config.loss {
            PointLoss::Absolute => ("ABSOLUTE", 1.0),
            PointLoss::Square => ("SQUARE", 1.0),
            PointLoss::Huber { delta } => ("HUBER", delta),
        };
        text.push_str("enum { ABSOLUTE = 0, SQUARE = 1, HUBER = 2 };\n");
        define(text, "LOSS", loss);
        define(text, "DELTA", Number64(delta));
    }

    /// Tables of the method and of its step control.
    fn solver<T: Number>(&self, text: &mut String) {
        let control = Controller::<T>::integral().numbers(Tsit5::ORDER);
        let [alpha, beta, gamma] = control.gains;
        for (name, value) in [
            ("RTOL", self.config.solver.rtol),
            ("ATOL", self.config.solver.atol),
            ("EPSILON", autodiff_ae::Scalar::f64(T::epsilon())),
            ("ALPHA", alpha),
            ("BETA", beta),
            ("GAMMA", gamma),
            ("SAFETY", control.safety),
            ("LEAST_FACTOR", control.least_after_rejected),
            ("LEAST_AFTER_ACCEPTED", control.least_after_accepted),
            ("MOST_FACTOR", control.most),
            ("WORST_SHARE", control.worst_share),
        ] {
            define(text, name, Number64(value));
        }
        define(text, "ORDER", Tsit5::ORDER);
        define(text, "MOST_NOT_FINITE", control.most_not_finite);
        row(text, "NODES[7]", &Tsit5::NODES);
        row(text, "ERRORS[7]", &Tsit5::ERROR);
        row(text, "WEIGHTS[7][6]", Tsit5::WEIGHTS.as_flattened());
        row(text, "INTERPOLANT[7][4]", Tsit5::INTERPOLANT.as_flattened());
    }
}

/// A number as source: its shortest form that is read back to the last bit.
struct Number64(f64);

impl std::fmt::Display for Number64 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({:?})", self.0)
    }
}

fn define(text: &mut String, name: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "#define {name} {value}");
}

fn row(text: &mut String, name: &str, values: &[f64]) {
    let values: Vec<String> = values.iter().map(|v| format!("{v:?}")).collect();
    let _ = writeln!(
        text,
        "__device__ constexpr real {name} = {{{}}};",
        values.join(", ")
    );
}
