//! The objective's evaluation on a CUDA device: encoder, latent solves, decoder, losses, and all of it backwards. One block steps 32 rays as the
//! loop on the CPU does; gradients go back through the accepted steps.

mod passes;
mod source;
#[cfg(test)]
mod tests;

use super::config::NodeConfig;
use super::draw::Plan;
use super::rays::Rays;
use super::shape::NodeShape;
use super::solve::Work;
use super::step::{Losses, StartFrom, Weights};
use crate::{Error, Number};
use autodiff_ae::LANES;
use autodiff_ae::cuda::{Buffer, CudaDevice, Program};
use source::{Layout, Model};

/// Rows of a tape to begin with; it grows with the longest solve.
const ROWS: usize = 32;
/// Blocks that share the tiles of encoder and decoder at most: each has a gradient of its own, and the order of sums must not depend on the device.
const MOST_BLOCKS: usize = 256;
/// Numbers per lane that a solve leaves: accepted and rejected steps, whether it was given up.
const STATUS: usize = 3;

/// Training rays, parameters and all arrays of a step on a device.
#[derive(Debug)]
pub struct NodeDevice<T: Number> {
    shape: NodeShape,
    has_codes: bool,
    program: Program,
    layout: Layout,
    max_steps: usize,
    /// Rows of the tape.
    capacity: usize,
    rays: DeviceRays<T>,
    /// Of each output in the loss.
    weights: Buffer<T>,
    outputs: usize,
    params: Buffer<T>,
    lanes: Buffer<i32>,
    points: Buffer<i32>,
    settings: Buffer<T>,
    room: Buffer<T>,
    z: Buffer<T>,
    z_bar: Buffer<T>,
    solved: Buffer<T>,
    bars: Buffer<T>,
    tape: Buffer<T>,
    steps: Buffer<T>,
    firsts: Buffer<i32>,
    status: Buffer<i32>,
    losses: Buffer<T>,
    parts: Buffer<T>,
    sum: Buffer<T>,
}

#[derive(Debug)]
struct DeviceRays<T> {
    /// How many there are on all rays together.
    points: usize,
    s: Buffer<T>,
    x: Buffer<T>,
    aux: Buffer<T>,
}

/// Sizes of a plan.
#[derive(Clone, Copy, Debug)]
struct Size {
    groups: usize,
    most: usize,
}

impl<T: Number> NodeDevice<T> {
    /// Builds the kernels of a model and puts the rays it learns from on the device. `outputs` are the weights of the decoded quantities.
    ///
    /// # Errors
    /// [`Error::Option`] for a method of the latent solve that the device does not have, [`Error::Layers`] from the device.
    pub fn new(
        device: &CudaDevice,
        shape: &NodeShape,
        config: &NodeConfig,
        start_from: &StartFrom,
        rays: &Rays<T>,
        outputs: &[T],
    ) -> Result<Self, Error> {
        config.check_gpu()?;
        let layout = Layout::new(shape, size_of::<T>(), device.shared_memory_per_block());
        let model = Model {
            shape,
            config,
            start_from,
        };
        let program = Program::new(
            device,
            "node",
            &model.source::<T>(&layout),
            &[
                ("node_encode", layout.encode.shared),
                ("node_solve", layout.solve.shared),
                ("node_reverse", layout.reverse.shared),
                ("node_decode", layout.decode.shared),
                ("node_encode_reverse", layout.encode.shared),
                ("dense_reduce", 0),
            ],
        )?;
        let numbers = |len: usize| Buffer::<T>::zeros(device, len);
        Ok(Self {
            has_codes: *start_from == StartFrom::Abundances,
            program,
            layout,
            max_steps: config.solver.max_steps,
            capacity: ROWS.min(config.solver.max_steps),
            rays: DeviceRays {
                points: rays.s.len(),
                s: Buffer::from_slice(device, &rays.s)?,
                x: Buffer::from_slice(device, &rays.x)?,
                aux: Buffer::from_slice(device, &rays.aux)?,
            },
            weights: Buffer::from_slice(device, outputs)?,
            outputs: outputs.len(),
            params: numbers(shape.param_len())?,
            lanes: Buffer::zeros(device, 0)?,
            points: Buffer::zeros(device, 0)?,
            settings: numbers(3)?,
            room: numbers(0)?,
            z: numbers(0)?,
            z_bar: numbers(0)?,
            solved: numbers(0)?,
            bars: numbers(0)?,
            tape: numbers(0)?,
            steps: numbers(0)?,
            firsts: Buffer::zeros(device, 0)?,
            status: Buffer::zeros(device, 0)?,
            losses: numbers(0)?,
            parts: numbers(0)?,
            sum: numbers(shape.param_len())?,
            shape: shape.clone(),
        })
    }

    /// As [`super::step::NodePass::evaluate`], for the rays the device holds: losses of a plan; adds their weighted gradient to `gradient`.
    ///
    /// # Errors
    /// [`Error::Layers`] from the device.
    pub fn evaluate(
        &mut self,
        rays: &Rays<T>,
        plan: &Plan,
        params: &[T],
        weights: Weights,
        gradient: &mut [T],
    ) -> Result<Losses, Error> {
        let codes = self.has_codes && (weights.auto > 0.0 || weights.latent > 0.0);
        let size = self.put(rays, plan, params)?;
        self.encode(size, codes)?;
        let status = self.solve(size)?;
        let mut losses = Losses {
            work: work(plan, &status),
            ..Losses::default()
        };
        let count = points_reached(plan, &status);
        if count == 0 {
            losses.total = f64::NAN;
            return Ok(losses);
        }
        let share = 1.0 / (count * self.outputs) as f64;
        let latent_share = 1.0 / (count * self.shape.latent) as f64;
        let of = <T as autodiff_ae::Scalar>::of;
        self.settings.write(&[
            of(weights.rollout * share),
            of(weights.auto * share),
            of(2.0 * weights.latent * latent_share),
        ])?;
        let [rollout, auto, latent] = self.decode(size, codes)?;
        losses.rollout = rollout * share;
        losses.auto = auto * share;
        losses.latent = latent * latent_share;
        self.solve_reverse(size)?;
        self.encode_reverse(size, codes)?;
        let sum = self.sum.read(self.shape.param_len())?;
        gradient.iter_mut().zip(sum).for_each(|(to, g)| *to += g);
        losses.total = weights.rollout * losses.rollout
            + weights.auto * losses.auto
            + weights.latent * losses.latent;
        Ok(losses)
    }

    /// Parameters, lanes and points of a plan, and room for it.
    fn put(&mut self, rays: &Rays<T>, plan: &Plan, params: &[T]) -> Result<Size, Error> {
        let size = Size {
            groups: plan.groups(),
            most: plan.most(),
        };
        let shape = &self.shape;
        for (what, expected, found) in [
            ("parameters of the model", shape.param_len(), params.len()),
            ("points on the device", self.rays.points, rays.s.len()),
        ] {
            if expected != found {
                return Err(Error::Layers(autodiff_ae::Error::Length {
                    what,
                    expected,
                    found,
                }));
            }
        }
        self.params.write(params)?;
        let (mut lanes, mut points) = (Vec::new(), Vec::new());
        for g in 0..size.groups {
            for l in 0..LANES {
                let lane = plan.lane(g, l);
                let length = rays.points(lane.ray);
                // The kernels look for what is beyond a ray without asking.
                if lane
                    .points
                    .iter()
                    .any(|p| !(lane.first..length).contains(p))
                {
                    return Err(Error::Shape {
                        what: format!("the points of ray {}", lane.ray),
                        found: lane.points.clone(),
                        expected: format!("{} to {length}", lane.first),
                    });
                }
                for number in [
                    rays.start(lane.ray),
                    length,
                    lane.first,
                    lane.points.len(),
                    points.len(),
                    usize::from(plan.in_use(g, l)),
                ] {
                    lanes.push(int(number)?);
                }
                for &point in &lane.points {
                    points.push(int(point)?);
                }
            }
        }
        self.lanes.write(&lanes)?;
        self.points.write(&points)?;
        let (tile, tiles) = (shape.latent * LANES, size.groups * size.most);
        self.z.reserve((size.groups + tiles) * tile)?;
        self.z_bar.reserve((size.groups + tiles) * tile)?;
        self.solved.reserve(tiles * tile)?;
        self.bars.reserve(tiles * tile)?;
        self.status.reserve(size.groups * (LANES * STATUS + 1))?;
        self.losses.reserve(3 * tiles)?;
        let blocks = MOST_BLOCKS.min(size.groups + tiles);
        let layout = self.layout;
        for (space, blocks) in [
            (layout.encode, blocks),
            (layout.decode, blocks),
            (layout.solve, size.groups),
            (layout.reverse, size.groups),
        ] {
            if space.shared == 0 {
                self.room.reserve(space.numbers * blocks)?;
            }
        }
        for (mlp, blocks) in [
            (&shape.encoder, blocks),
            (&shape.field, size.groups),
            (&shape.decoder, blocks),
        ] {
            self.parts.reserve(mlp.param_len() * blocks)?;
        }
        Ok(size)
    }

    /// Latent states of the last solves, `[group][point][latent][lane]`.
    #[cfg(test)]
    pub fn solved(&self, plan: &Plan) -> Result<Vec<T>, Error> {
        let len = plan.groups() * plan.most() * self.shape.latent * LANES;
        Ok(self.solved.read(len)?)
    }
}

/// As the kernels count.
fn int(value: usize) -> Result<i32, Error> {
    i32::try_from(value).map_err(|_| Error::Option {
        name: "device",
        value: value.to_string(),
        reason: "points on a CUDA device are counted up to 2³¹".into(),
    })
}

/// What became of the lanes that count.
fn lanes<'a>(plan: &'a Plan, status: &'a [i32]) -> impl Iterator<Item = (usize, &'a [i32])> + 'a {
    (0..plan.len()).map(|m| {
        let at = m / LANES * (LANES * STATUS + 1) + m % LANES * STATUS;
        (plan.lane(m / LANES, m % LANES).points.len(), &status[at..])
    })
}

fn work(plan: &Plan, status: &[i32]) -> Work {
    let mut all = Work::default();
    for (_, lane) in lanes(plan, status) {
        let steps = lane[0].unsigned_abs() as usize;
        all.steps += steps;
        all.rejected += lane[1].unsigned_abs() as usize;
        all.most = all.most.max(steps);
        all.failed += usize::from(lane[2] != 0);
    }
    all
}

fn points_reached(plan: &Plan, status: &[i32]) -> usize {
    let reached = lanes(plan, status).filter(|(_, lane)| lane[2] == 0);
    reached.map(|(points, _)| points).sum()
}
