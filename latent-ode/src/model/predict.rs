//! Predictions of a surrogate: encode, evolve, decode, for one state or many.

use autodiff_ae::{Batch, Pass};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use stiff_ode_solvers::{Options, Solver, Tsit5};

use super::Surrogate;
use crate::{Error, Trajectories, dataset::Control, series::derivatives};

/// Tolerances of the latent solve: errors of the solver stay far below those of the surrogate.
const RTOL: f64 = 1e-6;
const ATOL: f64 = 1e-9;
/// Steps after which a latent solve has failed.
const MAX_STEPS: usize = 100_000;

/// Latent states of a trajectory, times × latent variables, and why it ended early, if it did.
type Latent = (Vec<f64>, Option<String>);

/// Where predictions for known trajectories start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// No evolution: every state is encoded and decoded.
    Autoencoder,
    /// At the first output.
    First,
    /// At a random output of each trajectory but the first and last, uniform, by this seed.
    Random {
        /// The seed.
        seed: u64,
    },
}

/// One predicted trajectory.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// Latent states, times × latent variables, row-major.
    pub latent: Vec<f64>,
    /// Number densities \[cm⁻³\], times × species, row-major.
    pub densities: Vec<f64>,
    /// Why the latent solve ended early, if it did; later outputs then repeat the last one reached.
    pub failure: Option<String>,
}

/// Predicted trajectories beside known ones.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// models × times × species \[cm⁻³\]; outputs up to the start repeat the truth.
    pub trajectories: Trajectories,
    /// Per model, the first output that was predicted.
    pub first: Vec<usize>,
    /// Models whose latent solve ended early, with the reason; later outputs repeat the last one reached.
    pub failures: Vec<(usize, String)>,
}

/// Rates of change of latent variables along a trajectory, times × latent variables, row-major, per unit of normalised time.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentRates {
    /// φ(x): encoded states.
    pub latent: Vec<f64>,
    /// dφ(x)/dτ: the encoder's derivative along the trajectory's, differenced on its grid.
    pub encoded: Vec<f64>,
    /// g(φ(x)): what the latent network says.
    pub modelled: Vec<f64>,
}

impl Surrogate {
    /// Latent variables of states \[cm⁻³\] (species × states, column-major): latent × states, column-major.
    ///
    /// # Errors
    /// [`Error::Shape`] when the length is no multiple of the number of species, [`Error::Value`] for a NaN, infinite or negative
    /// density.
    pub fn encode(&self, states: &[f64]) -> Result<Vec<f64>, Error> {
        let x = self.scaled(states)?;
        if x.is_empty() {
            return Ok(Vec::new());
        }
        let clipped: Vec<f32> = x.iter().map(|&x| self.network.clip(x) as f32).collect();
        let input = Batch::from_columns(
            &clipped,
            self.labels.len(),
            clipped.len() / self.labels.len(),
        )?;
        let mut z = Batch::zeros(self.latent_dim(), 0);
        Pass::new(&self.network.encoder).predict(
            &self.params[self.network.encoder_range()],
            &input,
            &mut z,
        )?;
        Ok(z.to_columns().into_iter().map(f64::from).collect())
    }

    /// Number densities \[cm⁻³\] of latent states (latent × states, column-major): species × states, column-major.
    ///
    /// # Errors
    /// [`Error::Shape`] when the length is no multiple of the number of latent variables.
    pub fn decode(&self, latent: &[f64]) -> Result<Vec<f64>, Error> {
        let dim = self.latent_dim();
        if !latent.len().is_multiple_of(dim) {
            return Err(Error::Shape {
                what: "latent states".into(),
                found: vec![latent.len()],
                expected: format!("a multiple of {dim}"),
            });
        }
        if latent.is_empty() {
            return Ok(Vec::new());
        }
        let single: Vec<f32> = latent.iter().map(|&z| z as f32).collect();
        let z = Batch::from_columns(&single, dim, latent.len() / dim)?;
        let mut lifted = Batch::zeros(self.network.decoder.inputs(), 0);
        self.network.lift_batch(&z, &mut lifted);
        let mut x = Batch::zeros(self.labels.len(), 0);
        Pass::new(&self.network.decoder).predict(
            &self.params[self.network.decoder_range()],
            &lifted,
            &mut x,
        )?;
        let mut out: Vec<f64> = x.to_columns().into_iter().map(f64::from).collect();
        self.normalisation.invert(&mut out);
        Ok(out)
    }

    /// The trajectory from `state` \[cm⁻³\] at `times[0]` \[yr\] through all `times`. The first output is the decoded encoding of the
    /// state, not the state itself.
    ///
    /// # Errors
    /// As [`Surrogate::encode`]; [`Error::Times`] when the times are not positive and rising.
    pub fn rollout(&self, state: &[f64], times: &[f64]) -> Result<Rollout, Error> {
        if state.len() != self.labels.len() {
            return Err(Error::Shape {
                what: "state".into(),
                found: vec![state.len()],
                expected: format!("[{}]", self.labels.len()),
            });
        }
        let tau = self.tau(times)?;
        let z = self.encode(state)?;
        let (latent, failure) = self.evolve(&mut Solver::new(&Tsit5), &z, &tau);
        let densities = self.decode(&latent)?;
        Ok(Rollout {
            latent,
            densities,
            failure,
        })
    }

    /// [`Surrogate::rollout`] of many states (species × states, column-major), all at `times[0]`; in parallel.
    ///
    /// # Errors
    /// As [`Surrogate::rollout`]; [`Error::Cancelled`].
    pub fn rollout_all(
        &self,
        states: &[f64],
        times: &[f64],
        control: &Control<'_>,
    ) -> Result<Vec<Rollout>, Error> {
        let tau = self.tau(times)?;
        let z = self.encode(states)?;
        let starts: Vec<&[f64]> = vec![&tau; z.len() / self.latent_dim()];
        let latents = self.evolve_all(&z, &starts, control)?;
        latents
            .into_par_iter()
            .map(|(latent, failure)| {
                Ok(Rollout {
                    densities: self.decode(&latent)?,
                    latent,
                    failure,
                })
            })
            .collect()
    }

    /// Predictions for known trajectories at the times of the training set, each from one of its own states.
    ///
    /// # Errors
    /// [`Error::Shape`] when `truth` has other times or species, [`Error::Value`], [`Error::Cancelled`].
    pub fn predict(
        &self,
        truth: &Trajectories,
        times: &[f64],
        start: Start,
        control: &Control<'_>,
    ) -> Result<Predictions, Error> {
        let (models, outputs, species) = (truth.samples(), truth.times(), truth.quantities());
        if outputs != times.len() || species != self.labels.len() {
            return Err(Error::Shape {
                what: "trajectories".into(),
                found: vec![models, outputs, species],
                expected: format!(
                    "models × {} times × {} species",
                    times.len(),
                    self.labels.len()
                ),
            });
        }
        let tau = self.tau(times)?;
        if start == Start::Autoencoder {
            let values = self.decode(&self.encode(truth.values())?)?;
            let trajectories = Trajectories::new(values, models, outputs, species)?;
            return Ok(Predictions {
                trajectories,
                first: vec![1; models],
                failures: Vec::new(),
            });
        }
        let starts: Vec<usize> = (0..models)
            .map(|model| start_of(start, model, outputs))
            .collect();
        let states: Vec<f64> = starts
            .iter()
            .enumerate()
            .flat_map(|(m, &s)| truth.state(m, s).iter().copied())
            .collect();
        let spans: Vec<&[f64]> = starts.iter().map(|&s| &tau[s..]).collect();
        let latents = self.evolve_all(&self.encode(&states)?, &spans, control)?;
        let all: Vec<f64> = latents
            .iter()
            .flat_map(|(latent, _)| latent.iter().copied())
            .collect();
        let decoded = self.decode(&all)?;
        let mut values = Vec::with_capacity(models * outputs * species);
        let mut rest = &decoded[..];
        for (m, &s) in starts.iter().enumerate() {
            let (mine, others) = rest.split_at((outputs - s) * species);
            values.extend_from_slice(&truth.sample(m)[..s * species]);
            values.extend_from_slice(mine);
            rest = others;
        }
        let failures = latents
            .into_iter()
            .enumerate()
            .filter_map(|(m, (_, failure))| Some((m, failure?)))
            .collect();
        let trajectories = Trajectories::new(values, models, outputs, species)?;
        Ok(Predictions {
            trajectories,
            first: starts.iter().map(|s| s + 1).collect(),
            failures,
        })
    }

    /// Encoded against modelled rates of the latent variables along one trajectory (times × species, row-major, \[cm⁻³\]).
    ///
    /// # Errors
    /// As [`Surrogate::encode`]; [`Error::Times`], and [`Error::Shape`] when times and trajectory do not fit.
    pub fn latent_rates(&self, trajectory: &[f64], times: &[f64]) -> Result<LatentRates, Error> {
        let (species, tau) = (self.labels.len(), self.tau(times)?);
        if trajectory.len() != species * times.len() {
            return Err(Error::Shape {
                what: "trajectory".into(),
                found: vec![trajectory.len()],
                expected: format!("{} times × {species} species", times.len()),
            });
        }
        let x = self.scaled(trajectory)?;
        let clipped: Vec<f64> = x.iter().map(|&x| self.network.clip(x)).collect();
        let mut slopes = derivatives(&clipped, &tau, species);
        for ((slope, x), clipped) in slopes.iter_mut().zip(&x).zip(&clipped) {
            if x != clipped {
                *slope = 0.0;
            }
        }
        let columns = |x: &[f64]| {
            Batch::from_columns(
                &x.iter().map(|&x| x as f32).collect::<Vec<_>>(),
                species,
                times.len(),
            )
        };
        let (input, tangent) = (columns(&clipped)?, columns(&slopes)?);
        let (mut z, mut z_dot) = (
            Batch::zeros(self.latent_dim(), 0),
            Batch::zeros(self.latent_dim(), 0),
        );
        let params = &self.params[self.network.encoder_range()];
        Pass::new(&self.network.encoder)
            .forward_tangent(params, &input, &tangent, &mut z, &mut z_dot)?;
        let wide = |b: &Batch<f32>| {
            b.to_columns()
                .into_iter()
                .map(f64::from)
                .collect::<Vec<f64>>()
        };
        let (latent, encoded) = (wide(&z), wide(&z_dot));
        let mut modelled = Vec::with_capacity(latent.len());
        for z in latent.chunks_exact(self.latent_dim()) {
            modelled.extend(self.latent_rhs(z)?);
        }
        Ok(LatentRates {
            latent,
            encoded,
            modelled,
        })
    }

    /// Scaled states, checked.
    fn scaled(&self, states: &[f64]) -> Result<Vec<f64>, Error> {
        let species = self.labels.len();
        if !states.len().is_multiple_of(species) {
            return Err(Error::Shape {
                what: "states".into(),
                found: vec![states.len()],
                expected: format!("a multiple of {species}"),
            });
        }
        let as_samples = Trajectories::new(states.to_vec(), states.len() / species, 1, species)?;
        as_samples.check("states", &self.labels, 1)?;
        let mut x = vec![0.0; states.len()];
        for (state, x) in states
            .chunks_exact(species)
            .zip(x.chunks_exact_mut(species))
        {
            self.normalisation.normalise_state(state, x);
        }
        Ok(x)
    }

    /// Normalised times, checked.
    fn tau(&self, times: &[f64]) -> Result<Vec<f64>, Error> {
        if let Some(t) = times.iter().find(|t| !t.is_finite() || **t <= 0.0) {
            return Err(Error::Times(format!("{t} yr is not positive and finite")));
        }
        if let Some(w) = times.windows(2).find(|w| w[1] <= w[0]) {
            return Err(Error::Times(format!(
                "{} yr does not come after {} yr",
                w[1], w[0]
            )));
        }
        Ok(times.iter().map(|&t| self.normalised_time(t)).collect())
    }

    fn evolve_all(
        &self,
        z: &[f64],
        tau: &[&[f64]],
        control: &Control<'_>,
    ) -> Result<Vec<Latent>, Error> {
        let dim = self.latent_dim();
        let done = std::sync::atomic::AtomicUsize::new(0);
        (0..tau.len())
            .into_par_iter()
            .map_init(
                || Solver::new(&Tsit5),
                |solver, m| {
                    if control.cancelled() {
                        return Err(Error::Cancelled);
                    }
                    let result = self.evolve(solver, &z[m * dim..(m + 1) * dim], tau[m]);
                    let finished = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                    if let Some(progress) = control.progress {
                        progress(finished, tau.len());
                    }
                    Ok(result)
                },
            )
            .collect()
    }

    /// Latent states at `tau`, times × latent variables, from `z` at the first; what is not reached repeats the last state.
    fn evolve(&self, solver: &mut Solver<f64, Tsit5>, z: &[f64], tau: &[f64]) -> Latent {
        let (Some(&first), Some(&last)) = (tau.first(), tau.last()) else {
            return (Vec::new(), None);
        };
        let system = self.network.dynamics.system(&self.dynamics_params());
        let options = Options::default()
            .rtol(RTOL)
            .atol(ATOL)
            .max_steps(MAX_STEPS)
            .outputs(tau.to_vec());
        let mut out = match solver.solve(&system, (first, last), z, &options) {
            Ok(solution) => return (solution.y, None),
            Err(error) => {
                let reached = error.partial().map_or_else(|| z.to_vec(), |p| p.y.clone());
                (reached, Some(error.to_string()))
            }
        };
        if out.0.len() < z.len() {
            out.0 = z.to_vec();
        }
        let dim = z.len();
        while out.0.len() < tau.len() * dim {
            out.0.extend_from_within(out.0.len() - dim..);
        }
        out
    }
}

fn start_of(start: Start, model: usize, outputs: usize) -> usize {
    match start {
        Start::Random { seed } if outputs > 2 => {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(model as u64);
            rng.random_range(1..outputs - 1)
        }
        _ => 0,
    }
}
