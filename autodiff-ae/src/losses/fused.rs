//! L0–L3 and their gradient in one pass per chunk of samples: forward, losses, reverse while everything is in cache.

use super::place::{Chunk, HANDED_BYTES, Place, Task};
use super::{LossConfig, LossValues, Reduction, Samples, Source};
use crate::batch::LANES;
use crate::error::check_length;
use crate::parallel::{chunk_count, largest_chunk, part, run_in, task_count};
use crate::pass::lane_weights;
use crate::tape::{Keep, take};
use crate::{Autoencoder, Error, LatentDynamics, Scalar, lane_sum};
use std::ops::Range;

/// Reusable workspace of [`Autoencoder::loss_and_gradient`].
#[derive(Debug)]
pub struct LossWorkspace<T> {
    model: Autoencoder,
    tasks: Vec<Task<T>>,
    /// One per thread: what a chunk needs stays in its core's cache for the next.
    places: Vec<Place<T>>,
    copy: Vec<T>,
    masses: Vec<T>,
}

impl<T: Scalar> LossWorkspace<T> {
    /// A workspace for a model; it grows with the first batch.
    pub fn new(model: &Autoencoder) -> Self {
        Self {
            model: model.clone(),
            tasks: Vec::new(),
            places: Vec::new(),
            copy: Vec::new(),
            masses: Vec::new(),
        }
    }
}

impl Autoencoder {
    /// The four losses on a batch. `params` is the whole flat vector `[encoder | decoder | dynamics]`.
    ///
    /// # Errors
    /// [`Error::Length`] when shapes do not fit, [`Error::EmptyBatch`], [`Error::Shape`] when the workspace belongs to another model.
    pub fn loss<T: Scalar>(
        &self,
        dynamics: &dyn LatentDynamics<T>,
        params: &[T],
        samples: Samples<'_, T>,
        config: &LossConfig,
        workspace: &mut LossWorkspace<T>,
    ) -> Result<LossValues, Error> {
        let source = Source::Batches(samples);
        self.run_losses(dynamics, params, source, config, workspace, None)
    }

    /// The four losses on a batch, and the gradient of their weighted sum added to `gradient`, of the length of `params`.
    /// One pass per chunk of samples: forward on value and tangent, losses, reverse while everything is in cache.
    /// The result does not depend on the number of rayon's threads.
    ///
    /// # Errors
    /// As [`Autoencoder::loss`].
    pub fn loss_and_gradient<T: Scalar>(
        &self,
        dynamics: &dyn LatentDynamics<T>,
        params: &[T],
        samples: Samples<'_, T>,
        config: &LossConfig,
        workspace: &mut LossWorkspace<T>,
        gradient: &mut [T],
    ) -> Result<LossValues, Error> {
        let source = Source::Batches(samples);
        self.run_losses(dynamics, params, source, config, workspace, Some(gradient))
    }

    fn check_losses<T: Scalar>(
        &self,
        dynamics: &dyn LatentDynamics<T>,
        params: &[T],
        source: &Source<'_, T>,
        config: &LossConfig,
        workspace: &LossWorkspace<T>,
    ) -> Result<(), Error> {
        if workspace.model != *self {
            return Err(Error::Shape(
                "the loss workspace belongs to another model".into(),
            ));
        }
        check_length(
            "parameters",
            self.param_len() + dynamics.param_len(),
            params.len(),
        )?;
        check_length(
            "latent variables of the right-hand side",
            self.latent_dim(),
            dynamics.latent_dim(),
        )?;
        check_length(
            "masses of the latent species",
            self.latent_dim(),
            config.masses.len(),
        )?;
        source.check(self.features(), dynamics.condition_dim())
    }

    pub(crate) fn run_losses<T: Scalar>(
        &self,
        dynamics: &dyn LatentDynamics<T>,
        params: &[T],
        source: Source<'_, T>,
        config: &LossConfig,
        workspace: &mut LossWorkspace<T>,
        gradient: Option<&mut [T]>,
    ) -> Result<LossValues, Error> {
        self.check_losses(dynamics, params, &source, config, workspace)?;
        let samples = source.samples();
        if let Some(g) = &gradient {
            check_length("gradient", params.len(), g.len())?;
        }
        let LossWorkspace {
            tasks,
            places,
            copy,
            masses,
            ..
        } = workspace;
        masses.clear();
        masses.extend(config.masses.iter().map(|m| T::of(*m)));
        let blocks = source.blocks();
        let chunks = chunk_count(blocks);
        let count = task_count(chunks);
        tasks.truncate(count);
        tasks.resize_with(count, Task::default);
        let threads = rayon::current_num_threads().min(count);
        places.resize_with(threads.max(places.len()), || Place::new(self));
        let hand = size_of_val(params) <= HANDED_BYTES;
        for place in places.iter_mut().take(threads).skip(1) {
            copy.clear();
            if hand {
                copy.extend_from_slice(params);
            }
            place.hand(copy);
        }
        let work = Work {
            model: self,
            dynamics,
            source,
            samples,
            masses,
            factors: self.factors(config, samples),
            reverse: gradient.is_some(),
        };
        let (latent, conditions) = (self.latent_dim(), dynamics.condition_dim());
        for place in places.iter_mut() {
            place
                .chunk
                .prepare(largest_chunk(blocks), latent, conditions);
        }
        match (&mut tasks[..], &mut places[..], gradient) {
            // One task adds to the caller's gradient itself.
            ([task], [place, ..], Some(gradient)) => {
                task.sums = work.chunks(&mut place.chunk, params, 0..chunks, gradient, chunks);
            }
            (tasks, places, gradient) => {
                let len = gradient.as_ref().map_or(0, |g| g.len());
                run_in(places, tasks, |place, t, task| {
                    let gradient = &mut task.gradient;
                    gradient.resize(len);
                    if !std::mem::take(&mut task.clear) {
                        gradient.fill(T::zero());
                    }
                    let (chunk, params) = place.with_params(params);
                    task.sums =
                        work.chunks(chunk, params, part(t, count, chunks), gradient, chunks);
                });
                if let Some(gradient) = gradient {
                    for task in tasks {
                        take(gradient, &mut task.gradient);
                        task.clear = true;
                    }
                }
            }
        }
        let mut values = LossValues::default();
        let (sums, weights) = (self.norms(config, samples), config.weights.as_array());
        for k in 0..4 {
            values.losses[k] = tasks.iter().map(|t| t.sums[k]).sum::<f64>() * sums[k];
            values.total += weights[k] * values.losses[k];
        }
        Ok(values)
    }

    /// What turns plain sums over components and samples into the losses.
    pub(crate) fn norms(&self, config: &LossConfig, samples: usize) -> [f64; 4] {
        let n = samples as f64;
        let (f, z) = match config.reduction {
            Reduction::Mean => (self.features() as f64, self.latent_dim() as f64),
            Reduction::Sum => (1.0, 1.0),
        };
        [1.0 / (n * f), 1.0 / (n * z), 1.0 / (n * f), 1.0 / n]
    }

    /// Factors of the cotangents: weight × norm, twice that for squares.
    fn factors<T: Scalar>(&self, config: &LossConfig, samples: usize) -> [T; 4] {
        let (norms, weights) = (self.norms(config, samples), config.weights.as_array());
        std::array::from_fn(|k| T::of(if k == 3 { 1.0 } else { 2.0 } * norms[k] * weights[k]))
    }
}

/// What all tasks share.
struct Work<'a, T: Scalar> {
    model: &'a Autoencoder,
    dynamics: &'a dyn LatentDynamics<T>,
    source: Source<'a, T>,
    samples: usize,
    masses: &'a [T],
    factors: [T; 4],
    reverse: bool,
}

impl<T: Scalar> Work<'_, T> {
    /// Losses of the chunks `range` of `count`, and their gradient added to `gradient` where that is wanted.
    fn chunks(
        &self,
        place: &mut Chunk<T>,
        params: &[T],
        range: Range<usize>,
        gradient: &mut [T],
        count: usize,
    ) -> [f64; 4] {
        if !place.packed {
            let [encoder, decoder] = &mut place.weights;
            let model = self.model;
            encoder.pack(
                model.encoder(),
                &params[model.encoder_range()],
                self.reverse,
            );
            decoder.pack(
                model.decoder(),
                &params[model.decoder_range()],
                self.reverse,
            );
            place.packed = true;
        }
        place.sums = [0.0; 4];
        for c in range {
            self.chunk(
                place,
                params,
                part(c, count, self.source.blocks()),
                gradient,
            );
        }
        place.sums
    }

    fn chunk(&self, task: &mut Chunk<T>, params: &[T], range: Range<usize>, gradient: &mut [T]) {
        let dynamics_params = &params[self.model.dynamics_range(self.dynamics.param_len())];
        let keep = if self.reverse {
            Keep::Reverse
        } else {
            Keep::Output
        };
        task.encoder.forward_filled(
            self.model.encoder(),
            &task.weights[0],
            range.len(),
            |x, xdot| self.source.fill(&range, x, xdot),
            keep,
        );
        self.source.fetch_next(&range);
        self.source.fill_conditions(&range, &mut task.conditions);
        self.rates(task, dynamics_params, &range);
        let n = task.encoder.output().len();
        task.decoder.forward(
            self.model.decoder(),
            &task.weights[1],
            task.encoder.output(),
            1,
            |_| &task.rate[..n],
            keep,
        );
        self.decoded(task, range.start);
        if self.reverse {
            let gradient = &mut gradient[self.model.decoder_range()];
            task.decoder
                .reverse(self.model.decoder(), &task.weights[1], true, gradient);
        }
        self.latent(task, dynamics_params, &range, gradient);
        if self.reverse {
            let gradient = &mut gradient[self.model.encoder_range()];
            task.encoder
                .reverse(self.model.encoder(), &task.weights[0], false, gradient);
        }
    }

    /// g(z; p, c) of every block.
    fn rates(&self, task: &mut Chunk<T>, params: &[T], range: &Range<usize>) {
        let width = self.model.latent_dim() * LANES;
        let z = task.encoder.output().chunks_exact(width);
        for ((b, z), g) in (0..range.len())
            .zip(z)
            .zip(task.rate.chunks_exact_mut(width))
        {
            let (z, g) = (z.as_chunks().0, g.as_chunks_mut().0);
            let conditions = self.conditions(&task.conditions, b);
            self.dynamics.value(params, z, conditions, g);
        }
    }

    /// The conditions of block `b` of a chunk.
    fn conditions<'c>(&self, of_chunk: &'c [T], b: usize) -> &'c [[T; LANES]] {
        let count = self.dynamics.condition_dim();
        &of_chunk.as_chunks().0[b * count..(b + 1) * count]
    }

    /// L0 and L2, and the cotangents of the decoder's output and its tangent.
    fn decoded(&self, task: &mut Chunk<T>, first: usize) {
        let (x, xdot) = (task.encoder.input(), task.encoder.input_tangent(0));
        let (table, width, n) = (T::table(), self.model.features() * LANES, self.samples);
        if !self.reverse {
            let (out, rate) = (task.decoder.output(), task.decoder.output_tangent(0));
            for (b, i) in (0..x.len()).step_by(width).enumerate() {
                let (w, r) = (lane_weights(first + b, n), i..i + width);
                task.sums[0] += table
                    .residual(&out[r.clone()], &x[r.clone()], &w, T::one(), None)
                    .f64();
                task.sums[2] += table
                    .residual(&rate[r.clone()], &xdot[r], &w, T::one(), None)
                    .f64();
            }
            return;
        }
        let (out, rate, bar, rate_bar) = task.decoder.output_and_bars();
        for (b, i) in (0..x.len()).step_by(width).enumerate() {
            let (w, r) = (lane_weights(first + b, n), i..i + width);
            let l0 = table.residual(
                &out[r.clone()],
                &x[r.clone()],
                &w,
                self.factors[0],
                Some(&mut bar[r.clone()]),
            );
            let l2 = table.residual(
                &rate[r.clone()],
                &xdot[r.clone()],
                &w,
                self.factors[2],
                Some(&mut rate_bar[r.clone()]),
            );
            task.sums[0] += l0.f64();
            task.sums[2] += l2.f64();
        }
    }

    /// L1 and L3, the reverse of g, and the cotangents of the encoder's output and its tangent.
    fn latent(&self, task: &mut Chunk<T>, params: &[T], range: &Range<usize>, gradient: &mut [T]) {
        let Chunk {
            encoder,
            decoder,
            rate,
            difference,
            conditions,
            conditions_bar,
            sums,
            ..
        } = task;
        let width = self.model.latent_dim() * LANES;
        let (z_all, zdot_all, z_bars, zdot_bars) = if self.reverse {
            encoder.output_and_bars()
        } else {
            (
                encoder.output(),
                encoder.output_tangent(0),
                &mut [][..],
                &mut [][..],
            )
        };
        let (decoder_z, decoder_g) = if self.reverse {
            decoder.input_bars()
        } else {
            (&mut [][..], &mut [][..])
        };
        for (b, block) in range.clone().enumerate() {
            let r = b * width..(b + 1) * width;
            let (zdot, g) = (&zdot_all[r.clone()], &rate[r.clone()]);
            let weight = lane_weights(block, self.samples);
            let l1 = T::table().residual(g, zdot, &weight, self.factors[1], Some(difference));
            let (l3, signs) = self.mass(zdot.as_chunks().0, g.as_chunks().0, &weight);
            sums[1] += l1.f64();
            sums[3] += l3.f64();
            if !self.reverse {
                continue;
            }
            let (z_bar, zdot_bar) = (&mut z_bars[r.clone()], &mut zdot_bars[r.clone()]);
            let g_bar = &mut decoder_g[r.clone()];
            z_bar.copy_from_slice(&decoder_z[r.clone()]);
            for i in 0..self.masses.len() {
                for l in 0..LANES {
                    let (k, m) = (i * LANES + l, self.masses[i]);
                    zdot_bar[k] = m * signs[0][l] - difference[k];
                    g_bar[k] += m * signs[1][l] + difference[k];
                }
            }
            conditions_bar.fill(T::zero());
            let params_bar = &mut gradient[self.model.dynamics_range(params.len())];
            self.dynamics.vjp(
                params,
                z_all[r].as_chunks().0,
                self.conditions(conditions, b),
                g_bar.as_chunks().0,
                z_bar.as_chunks_mut().0,
                params_bar,
                conditions_bar.as_chunks_mut().0,
            );
        }
    }

    /// Σ weight (|m · ż| + |m · g|) of a block, and factor · weight · sign of both.
    fn mass(
        &self,
        zdot: &[[T; LANES]],
        g: &[[T; LANES]],
        weight: &[T; LANES],
    ) -> (T, [[T; LANES]; 2]) {
        let mut sums = [[T::zero(); LANES]; 2];
        for (i, &m) in self.masses.iter().enumerate() {
            for l in 0..LANES {
                sums[0][l] += m * zdot[i][l];
                sums[1][l] += m * g[i][l];
            }
        }
        let mut loss = [T::zero(); LANES];
        for sum in &mut sums {
            for l in 0..LANES {
                loss[l] += weight[l] * sum[l].abs();
                let sign = if sum[l] == T::zero() {
                    T::zero()
                } else {
                    T::one().copysign(sum[l])
                };
                sum[l] = self.factors[3] * weight[l] * sign;
            }
        }
        (lane_sum(&loss), sums)
    }
}
