//! Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019).

use crate::error::check_length;
use crate::simd::AdamStep;
use crate::{Error, Scalar};

/// What an Adam optimiser carries from step to step: enough to go on bit for bit.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamState<T> {
    /// Steps done.
    pub steps: u64,
    /// First moment per parameter.
    pub first: Vec<T>,
    /// Second moment per parameter.
    pub second: Vec<T>,
}

/// Adam: p −= rate · m̂ / (√v̂ + ε) with bias-corrected moments m̂, v̂. Defaults are Keras': β 0.9 and 0.999, ε 1e-7.
#[derive(Clone, Debug, PartialEq)]
pub struct Adam<T> {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    state: AdamState<T>,
}

impl<T: Scalar> Adam<T> {
    /// An optimiser of `len` parameters.
    pub fn new(len: usize) -> Self {
        let state = AdamState {
            steps: 0,
            first: vec![T::zero(); len],
            second: vec![T::zero(); len],
        };
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-7,
            state,
        }
    }

    /// Other decay rates of the moments.
    ///
    /// # Errors
    /// [`Error::Range`] unless both lie in [0, 1).
    pub fn with_betas(mut self, beta1: f64, beta2: f64) -> Result<Self, Error> {
        for value in [beta1, beta2] {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::Range {
                    what: "β of Adam",
                    value,
                    range: "[0, 1)",
                });
            }
        }
        (self.beta1, self.beta2) = (beta1, beta2);
        Ok(self)
    }

    /// Another ε.
    ///
    /// # Errors
    /// [`Error::Range`] unless ε > 0.
    pub fn with_epsilon(mut self, epsilon: f64) -> Result<Self, Error> {
        if epsilon.is_nan() || epsilon <= 0.0 {
            return Err(Error::Range {
                what: "ε of Adam",
                value: epsilon,
                range: "(0, ∞)",
            });
        }
        self.epsilon = epsilon;
        Ok(self)
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.state.steps
    }

    /// The state, to be stored.
    pub fn state(&self) -> &AdamState<T> {
        &self.state
    }

    /// Goes on from a stored state.
    ///
    /// # Errors
    /// [`Error::Length`] when it belongs to another number of parameters.
    pub fn set_state(&mut self, state: AdamState<T>) -> Result<(), Error> {
        check_length(
            "first moment of Adam",
            self.state.first.len(),
            state.first.len(),
        )?;
        check_length(
            "second moment of Adam",
            self.state.second.len(),
            state.second.len(),
        )?;
        self.state = state;
        Ok(())
    }

    /// One step with learning rate `rate`.
    ///
    /// # Errors
    /// [`Error::Length`] when either slice has another length than the optimiser.
    pub fn step(&mut self, rate: f64, params: &mut [T], gradient: &[T]) -> Result<(), Error> {
        self.decayed_step(rate, 0.0, params, gradient)
    }

    fn decayed_step(
        &mut self,
        rate: f64,
        decay: f64,
        params: &mut [T],
        gradient: &[T],
    ) -> Result<(), Error> {
        check_length(
            "parameters of the optimiser",
            self.state.first.len(),
            params.len(),
        )?;
        check_length(
            "gradient of the optimiser",
            self.state.first.len(),
            gradient.len(),
        )?;
        self.state.steps += 1;
        let t = self.state.steps as f64;
        let step = AdamStep {
            beta1: T::of(self.beta1),
            beta2: T::of(self.beta2),
            rate: T::of(rate / (1.0 - self.beta1.powf(t))),
            second: T::of(1.0 / (1.0 - self.beta2.powf(t)).sqrt()),
            epsilon: T::of(self.epsilon),
            keep: T::of(1.0 - rate * decay),
        };
        T::table().adam(
            &step,
            params,
            gradient,
            &mut self.state.first,
            &mut self.state.second,
        );
        Ok(())
    }
}

/// AdamW: Adam after p ← (1 − rate · weight decay) p, the decay decoupled from the gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamW<T> {
    adam: Adam<T>,
    weight_decay: f64,
}

impl<T: Scalar> AdamW<T> {
    /// Adds decoupled weight decay to an Adam.
    ///
    /// # Errors
    /// [`Error::Range`] when `weight_decay` is negative or not finite.
    pub fn new(adam: Adam<T>, weight_decay: f64) -> Result<Self, Error> {
        if !weight_decay.is_finite() || weight_decay < 0.0 {
            return Err(Error::Range {
                what: "weight decay",
                value: weight_decay,
                range: "[0, ∞)",
            });
        }
        Ok(Self { adam, weight_decay })
    }

    /// The Adam inside, for its state.
    pub fn adam(&self) -> &Adam<T> {
        &self.adam
    }

    /// The Adam inside, to set its state.
    pub fn adam_mut(&mut self) -> &mut Adam<T> {
        &mut self.adam
    }

    /// One step with learning rate `rate`.
    ///
    /// # Errors
    /// [`Error::Length`] when either slice has another length than the optimiser.
    pub fn step(&mut self, rate: f64, params: &mut [T], gradient: &[T]) -> Result<(), Error> {
        self.adam
            .decayed_step(rate, self.weight_decay, params, gradient)
    }
}
