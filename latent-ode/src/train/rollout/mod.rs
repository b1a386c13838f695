//! One step of training through the rollout: encode a state, solve the latent system, decode what lies ahead, and all of it backwards.

use autodiff_ae::{Batch, LANES, Pass, vectorised_kernel};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

mod penalty;

use self::penalty::Residuals;
use super::{config::RolloutObjective, data::TrainingData, solve::LatentSolve};
use crate::{Error, model::Network};

/// Losses of one step, before their factors.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RolloutLosses {
    pub total: f64,
    pub rollout: f64,
    pub reconstruction: f64,
    pub consistency: f64,
}

/// Which outputs a step looks at: `starts` per trajectory, `offsets` per decoded output, `j · trajectories + trajectory`.
#[derive(Debug, Default)]
struct Plan {
    samples: Vec<usize>,
    starts: Vec<usize>,
    lengths: Vec<usize>,
    offsets: Vec<usize>,
}

/// Everything a step needs, allocated once.
#[derive(Debug)]
pub(crate) struct RolloutTrainer {
    objective: RolloutObjective,
    trajectories: usize,
    seed: u64,
    plan: Plan,
    columns: Vec<usize>,
    k: Vec<f32>,
    k_bar: Vec<f32>,
    species_weights: Vec<f32>,
    encoder: Pass<f32>,
    decoder: Pass<f32>,
    solve: LatentSolve<f32>,
    x: Batch<f32>,
    z: Batch<f32>,
    z_bar: Batch<f32>,
    latent: Batch<f32>,
    latent_bar: Batch<f32>,
    lifted: Batch<f32>,
    lifted_bar: Batch<f32>,
    target: Batch<f32>,
}

impl RolloutTrainer {
    pub fn new(
        objective: &RolloutObjective,
        network: &Network,
        data: &TrainingData,
        seed: u64,
    ) -> Result<Self, Error> {
        if data.times < 2 {
            return Err(Error::Times(format!(
                "{} outputs, a rollout needs at least 2",
                data.times
            )));
        }
        let weights = &objective.species_weights;
        if !weights.is_empty() && weights.len() != data.quantities {
            return Err(Error::Shape {
                what: "objective.species_weights".into(),
                found: vec![weights.len()],
                expected: format!("[{}], one per species, or none", data.quantities),
            });
        }
        let species_weights = (0..data.quantities)
            .map(|i| weights.get(i).map_or(1.0, |&w| w as f32))
            .collect();
        let trajectories = objective.trajectories.min(data.samples);
        let latent = network.latent_dim();
        let empty = || Batch::zeros(latent, 0);
        Ok(Self {
            objective: objective.clone(),
            trajectories,
            seed,
            plan: Plan::default(),
            columns: Vec::new(),
            k: vec![0.0; network.dynamics.reactions()],
            k_bar: vec![0.0; network.dynamics.reactions()],
            species_weights,
            encoder: Pass::new(&network.encoder),
            decoder: Pass::new(&network.decoder),
            solve: LatentSolve::new(latent, objective.substeps),
            x: Batch::zeros(data.quantities, 0),
            z: empty(),
            z_bar: empty(),
            latent: empty(),
            latent_bar: empty(),
            lifted: Batch::zeros(network.decoder.inputs(), 0),
            lifted_bar: Batch::zeros(network.decoder.inputs(), 0),
            target: Batch::zeros(data.quantities, 0),
        })
    }

    /// Steps in which as many trajectories are used as there are.
    pub fn steps_per_epoch(&self, data: &TrainingData) -> u64 {
        (data.samples / self.trajectories).max(1) as u64
    }

    /// Whether the decoded outputs are encoded as well.
    fn encodes_outputs(&self) -> bool {
        self.objective.reconstruction > 0.0 || self.objective.consistency > 0.0
    }

    /// Draws trajectories, starts and outputs; depends on seed and step alone.
    fn draw(&mut self, step: u64, data: &TrainingData) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(1 + step);
        let (b, outputs, plan) = (self.trajectories, self.objective.outputs, &mut self.plan);
        plan.samples.clear();
        plan.samples
            .extend(rand::seq::index::sample(&mut rng, data.samples, b));
        let at_random = (self.objective.random_starts * b as f64).round() as usize;
        plan.starts.clear();
        for m in 0..b {
            plan.starts.push(if m < b - at_random {
                0
            } else {
                rng.random_range(0..data.times - 1)
            });
        }
        plan.offsets.clear();
        plan.lengths.clear();
        plan.lengths.resize(b, 0);
        for j in 0..outputs {
            for m in 0..b {
                let (start, u) = (plan.starts[m], rng.random::<f64>());
                let ahead = data.times - 1 - start;
                let drawn = 1 + ((j as f64 + u) / outputs as f64 * ahead as f64) as usize;
                // A start inside a trajectory is also reconstructed; the first output, a floored state, never is.
                let offset = if j == 0 && start > 0 {
                    0
                } else {
                    drawn.min(ahead)
                };
                plan.offsets.push(offset);
                plan.lengths[m] = plan.lengths[m].max(offset);
            }
        }
    }

    /// Losses of step `step`, their gradient added to `gradient`.
    pub fn step(
        &mut self,
        step: u64,
        network: &Network,
        data: &TrainingData,
        params: &[f32],
        gradient: &mut [f32],
    ) -> Result<RolloutLosses, Error> {
        self.draw(step, data);
        let (b, points) = (self.trajectories, self.plan.offsets.len());
        self.encode(network, data, params)?;
        self.roll(network, data, params);
        self.gather_targets(data)?;
        let mut losses = RolloutLosses::default();
        let sums = self.decode(network, params, gradient)?;
        losses.rollout = sums[0];
        losses.reconstruction = sums[1];
        // Backwards through the lift, into the solve and, for encoded outputs, into the encoder.
        self.latent_bar
            .reshape(network.latent_dim(), self.latent.samples());
        for block in 0..self.latent.blocks() {
            network.lift_reverse(
                self.latent.block(block),
                self.lifted_bar.block(block),
                self.latent_bar.block_mut(block),
            );
        }
        if self.objective.consistency > 0.0 {
            losses.consistency = self.consistency(network.latent_dim());
        }
        let dim = network.latent_dim();
        for (q, &offset) in self.plan.offsets.iter().enumerate() {
            for i in 0..dim {
                self.solve
                    .add_bar(q % b, offset, i, self.latent_bar.get(i, q));
            }
        }
        self.k_bar.fill(0.0);
        self.solve
            .reverse(&network.dynamics, &self.k, &mut self.k_bar);
        let system = &mut gradient[network.dynamics_range()];
        for ((g, bar), &k) in system.iter_mut().zip(&self.k_bar).zip(&self.k) {
            *g += bar * network.dynamics.coefficient_slope(k);
        }
        self.z_bar.reshape(dim, self.z.samples());
        for m in 0..b {
            for i in 0..dim {
                self.z_bar.set(i, m, self.solve.initial_bar(m, i));
            }
        }
        if self.encodes_outputs() {
            for q in 0..points {
                for i in 0..dim {
                    self.z_bar.set(i, b + q, self.latent_bar.get(i, points + q));
                }
            }
        }
        self.encoder
            .reverse(&self.z_bar, None, &mut gradient[network.encoder_range()])?;
        losses.total = losses.rollout
            + self.objective.reconstruction * losses.reconstruction
            + self.objective.consistency * losses.consistency;
        Ok(losses)
    }

    /// Latent starts, followed by the latent outputs where they are needed.
    fn encode(
        &mut self,
        network: &Network,
        data: &TrainingData,
        params: &[f32],
    ) -> Result<(), Error> {
        let (b, plan) = (self.trajectories, &self.plan);
        self.columns.clear();
        self.columns
            .extend((0..b).map(|m| plan.samples[m] * data.times + plan.starts[m]));
        if self.encodes_outputs() {
            let outputs = plan.offsets.iter().enumerate();
            let columns = outputs
                .map(|(q, offset)| plan.samples[q % b] * data.times + plan.starts[q % b] + offset);
            self.columns.extend(columns);
        }
        self.x.gather(&data.inputs, &self.columns)?;
        Ok(self
            .encoder
            .forward(&params[network.encoder_range()], &self.x, &mut self.z)?)
    }

    /// Solves from the latent starts and collects the latent outputs (behind them the encoded ones).
    fn roll(&mut self, network: &Network, data: &TrainingData, params: &[f32]) {
        let (b, dim, points) = (
            self.trajectories,
            network.latent_dim(),
            self.plan.offsets.len(),
        );
        for (k, &p) in self.k.iter_mut().zip(&params[network.dynamics_range()]) {
            *k = network.dynamics.coefficient(p);
        }
        self.solve.prepare(
            &data.grid,
            &self.plan.starts,
            &self.plan.lengths,
            self.k.len(),
        );
        for m in 0..b {
            for i in 0..dim {
                self.solve.set_initial(m, i, self.z.get(i, m));
            }
        }
        self.solve.forward(&network.dynamics, &self.k);
        let encoded = if self.encodes_outputs() { points } else { 0 };
        self.latent.reshape(dim, points + encoded);
        for (q, &offset) in self.plan.offsets.iter().enumerate() {
            for i in 0..dim {
                self.latent.set(i, q, self.solve.get(q % b, offset, i));
            }
        }
        for q in 0..encoded {
            for i in 0..dim {
                self.latent.set(i, points + q, self.z.get(i, b + q));
            }
        }
        network.lift_batch(&self.latent, &mut self.lifted);
    }

    /// Scaled abundances the decoder should give, once per decoded column.
    fn gather_targets(&mut self, data: &TrainingData) -> Result<(), Error> {
        let (b, plan) = (self.trajectories, &self.plan);
        let outputs = plan.offsets.iter().enumerate();
        self.columns.clear();
        self.columns.extend(
            outputs
                .map(|(q, offset)| plan.samples[q % b] * data.times + plan.starts[q % b] + offset),
        );
        if self.encodes_outputs() {
            self.columns.extend_from_within(..);
        }
        Ok(self.target.gather(&data.targets, &self.columns)?)
    }

    /// Decoder forward and backward; means of the penalty over rollout and over reconstruction.
    fn decode(
        &mut self,
        network: &Network,
        params: &[f32],
        gradient: &mut [f32],
    ) -> Result<[f64; 2], Error> {
        let points = self.plan.offsets.len();
        let species = self
            .species_weights
            .iter()
            .sum::<f32>()
            .max(f32::MIN_POSITIVE);
        let scale = 1.0 / (points as f32 * species);
        let reconstruction = self.objective.reconstruction as f32;
        // Blocks are summed in a fixed order afterwards, rollout and reconstruction apart.
        let sums: Vec<std::sync::Mutex<[f64; 2]>> = (0..self.lifted.blocks())
            .map(|_| Default::default())
            .collect();
        let (target, penalty, weights) =
            (&self.target, self.objective.penalty, &self.species_weights);
        self.decoder.forward_reverse(
            &params[network.decoder_range()],
            &self.lifted,
            |block, valid, output, bar| {
                let first = block * LANES;
                let rolled: [f32; LANES] =
                    std::array::from_fn(|l| if first + l < points { valid[l] } else { 0.0 });
                let factor: [f32; LANES] = std::array::from_fn(|l| {
                    scale
                        * if first + l < points {
                            valid[l]
                        } else {
                            valid[l] * reconstruction
                        }
                });
                let parts = vectorised_kernel(Residuals {
                    penalty,
                    output,
                    target: target.block(block),
                    weights,
                    factor: &factor,
                    bar,
                });
                let of_rollout: f32 = (0..LANES).map(|l| rolled[l] * parts[l]).sum();
                let of_rest: f32 = (0..LANES).map(|l| (valid[l] - rolled[l]) * parts[l]).sum();
                if let Ok(mut sum) = sums[block].lock() {
                    *sum = [f64::from(of_rollout), f64::from(of_rest)];
                }
                of_rollout
            },
            Some(&mut self.lifted_bar),
            &mut gradient[network.decoder_range()],
        )?;
        let mut total = [0.0; 2];
        for sum in sums {
            let [a, b] = sum.into_inner().unwrap_or_default();
            total[0] += a;
            total[1] += b;
        }
        Ok(total.map(|t| t * f64::from(scale)))
    }

    /// Mean square of z(rollout) − φ(x) over the outputs; adds its cotangents.
    fn consistency(&mut self, dim: usize) -> f64 {
        let points = self.plan.offsets.len();
        let scale = 1.0 / (points * dim) as f32;
        let factor = 2.0 * scale * self.objective.consistency as f32;
        let mut sum = 0.0;
        for q in 0..points {
            for i in 0..dim {
                let d = self.latent.get(i, q) - self.latent.get(i, points + q);
                sum += f64::from(d * d);
                self.latent_bar
                    .set(i, q, self.latent_bar.get(i, q) + factor * d);
                self.latent_bar.set(
                    i,
                    points + q,
                    self.latent_bar.get(i, points + q) - factor * d,
                );
            }
        }
        sum * f64::from(scale)
    }
}

#[cfg(test)]
mod tests;
