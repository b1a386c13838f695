//! Models, data and right-hand sides for the checks, and the CPU's training loop they are compared with.

use super::common::{MASSES, MassAction, uniform};
use autodiff_ae::cuda::{CudaOptions, StepRate};
use autodiff_ae::*;
use std::fmt::Write;

/// The test suite's mass action with its source written out for the device.
pub struct Sourced(pub MassAction);

impl<T: Scalar> LatentDynamics<T> for Sourced {
    fn latent_dim(&self) -> usize {
        LatentDynamics::<T>::latent_dim(&self.0)
    }
    fn param_len(&self) -> usize {
        LatentDynamics::<T>::param_len(&self.0)
    }
    fn condition_dim(&self) -> usize {
        LatentDynamics::<T>::condition_dim(&self.0)
    }
    fn value(&self, p: &[T], z: &[[T; LANES]], c: &[[T; LANES]], g: &mut [[T; LANES]]) {
        self.0.value(p, z, c, g);
    }
    fn vjp(
        &self,
        p: &[T],
        z: &[[T; LANES]],
        c: &[[T; LANES]],
        g_bar: &[[T; LANES]],
        z_bar: &mut [[T; LANES]],
        p_bar: &mut [T],
        c_bar: &mut [[T; LANES]],
    ) {
        self.0.vjp(p, z, c, g_bar, z_bar, p_bar, c_bar);
    }
    fn cuda_source(&self) -> Option<String> {
        let (mut value, mut vjp) = (String::new(), String::new());
        for (j, (reactants, _)) in self.0.reactions.iter().enumerate() {
            let rate: String = reactants.iter().map(|i| format!(" * z[{i}]")).collect();
            let _ = writeln!(vjp, "{{ real bar = 0;");
            for (i, s) in self.0.stoichiometry[j].iter().enumerate() {
                if *s != 0.0 {
                    let _ = writeln!(value, "g[{i}] += real({s}) * p[{j}]{rate};");
                    let _ = writeln!(vjp, "bar += real({s}) * g_bar[{i}];");
                }
            }
            let _ = writeln!(vjp, "p_bar[{j}] += bar{rate};");
            for (k, i) in reactants.iter().enumerate() {
                let others = reactants.iter().enumerate().filter(|(m, _)| *m != k);
                let others: String = others.map(|(_, i)| format!(" * z[{i}]")).collect();
                let _ = writeln!(vjp, "z_bar[{i}] += bar * p[{j}]{others};");
            }
            vjp.push_str("}\n");
        }
        if self.0.driven {
            value.push_str("g[0] += c[0] * z[0];\n");
            vjp.push_str("z_bar[0] += c[0] * g_bar[0]; c_bar[0] += z[0] * g_bar[0];\n");
        }
        Some(format!(
            "__device__ inline void latent_value(const real* p, const real* z, const real* c, real* g) {{\n\
             for (int i = 0; i < 5; i++) g[i] = 0;\n{value}}}\n\
             __device__ inline void latent_vjp(const real* p, const real* z, const real* c, const real* g_bar, \
             real* z_bar, real* p_bar, real* c_bar) {{\n{vjp}}}\n"
        ))
    }
}

pub struct Problem {
    pub name: &'static str,
    pub model: Autoencoder,
    pub dynamics: Sourced,
    pub batch: usize,
    pub samples: usize,
}

/// The paper's network; other activations with conditions and a batch of several ragged chunks; residual layers; one layer each.
pub fn problems() -> Vec<Problem> {
    let network = |widths: &[usize], hidden, last| Mlp::new(widths, hidden, last).unwrap();
    let problem = |name, encoder, decoder, driven, batch, samples| Problem {
        name,
        model: Autoencoder::new(encoder, decoder).unwrap(),
        dynamics: Sourced(MassAction::new(driven)),
        batch,
        samples,
    };
    use Activation::*;
    vec![
        problem(
            "paper",
            network(&[29, 32, 16, 8, 5], Relu, Tanh),
            network(&[5, 8, 16, 32, 29], Relu, Tanh),
            false,
            32,
            96,
        ),
        problem(
            "driven",
            network(&[7, 18, 5], Silu, Softplus),
            network(&[5, 13, 40, 7], Softplus, Identity),
            true,
            45,
            130,
        ),
        problem(
            "residual",
            network(&[11, 20, 20, 20, 5], Silu, Tanh).with_residual_layers(),
            network(&[5, 34, 34, 34, 11], Tanh, Identity).with_residual_layers(),
            false,
            33,
            70,
        ),
        problem(
            "shallow",
            network(&[3, 5], Identity, Identity),
            network(&[5, 3], Identity, Silu),
            true,
            7,
            20,
        ),
    ]
}

/// Samples of a problem: x, ẋ, conditions.
pub type Data<T> = (Vec<T>, Vec<T>, Vec<T>);

impl Problem {
    pub fn data<T: Scalar>(&self, seed: u64) -> Data<T> {
        let f = self.model.features() * self.samples;
        let c = LatentDynamics::<T>::condition_dim(&self.dynamics) * self.samples;
        (uniform(f, seed), uniform(f, seed + 1), uniform(c, seed + 2))
    }

    /// Parameters with biases and right-hand side that are not zero.
    pub fn params<T: Scalar>(&self, seed: u64) -> Vec<T> {
        use rand::SeedableRng;
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut params = vec![T::zero(); self.model.param_len()];
        self.model
            .initialise(Initialiser::Glorot, &mut rng, &mut params)
            .unwrap();
        for (p, noise) in params
            .iter_mut()
            .zip(uniform::<T>(self.model.param_len(), seed + 7))
        {
            *p += noise * T::of(0.05);
        }
        params.extend(uniform::<T>(12, seed + 1));
        params
    }

    pub fn loss_config(&self, weights: LossWeights, reduction: Reduction) -> LossConfig {
        LossConfig {
            weights,
            reduction,
            masses: MASSES.to_vec(),
        }
    }

    /// The CPU's losses on the samples `chosen`, and their gradient.
    pub fn on_cpu<T: Scalar>(
        &self,
        params: &[T],
        (x, xdot, c): &Data<T>,
        chosen: &[usize],
        config: &LossConfig,
    ) -> (LossValues, Vec<T>) {
        let take = |table: &[T], rows: usize| {
            let mut batch = Batch::zeros(rows, chosen.len());
            batch.gather(table, chosen).unwrap();
            batch
        };
        let f = self.model.features();
        let conditions = LatentDynamics::<T>::condition_dim(&self.dynamics);
        let (x, xdot, c) = (take(x, f), take(xdot, f), take(c, conditions));
        let samples = Samples {
            x: &x,
            xdot: &xdot,
            conditions: (conditions > 0).then_some(&c),
        };
        let mut gradient = vec![T::zero(); params.len()];
        let mut workspace = LossWorkspace::new(&self.model);
        let losses = self
            .model
            .loss_and_gradient(
                &self.dynamics,
                params,
                samples,
                config,
                &mut workspace,
                &mut gradient,
            )
            .unwrap();
        (losses, gradient)
    }

    /// The CPU's training: losses and gradient norms step by step, then parameters and their average.
    pub fn train_on_cpu<T: Scalar>(
        &self,
        params: &mut [T],
        data: &Data<T>,
        options: &CudaOptions,
        weights: LossWeights,
        order: &[u32],
        rates: &[StepRate],
    ) -> (Vec<LossValues>, Vec<f64>, Vec<T>) {
        let config = LossConfig {
            weights,
            ..options.loss.clone()
        };
        let adam = Adam::new(params.len())
            .with_betas(options.adam.0, options.adam.1)
            .unwrap()
            .with_epsilon(options.adam.2)
            .unwrap();
        let mut adam = AdamW::new(adam, options.weight_decay).unwrap();
        let (mut losses, mut norms, mut average) = (Vec::new(), Vec::new(), params.to_vec());
        for (chosen, step) in order.chunks(options.batch).zip(rates) {
            let chosen: Vec<usize> = chosen.iter().map(|&i| i as usize).collect();
            let (loss, mut gradient) = self.on_cpu(params, data, &chosen, &config);
            let most = if options.clip_norm > 0.0 {
                options.clip_norm
            } else {
                f64::INFINITY
            };
            norms.push(clip_global_norm(&mut gradient, most));
            losses.push(loss);
            adam.step(step.rate, params, &gradient).unwrap();
            for (a, p) in average.iter_mut().zip(params.iter()) {
                *a += T::of(step.average) * (*p - *a);
            }
        }
        (losses, norms, average)
    }
}
