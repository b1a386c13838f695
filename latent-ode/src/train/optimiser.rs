//! The optimiser of a training: method, course of the rate, clipping; its whole state can be stored and taken up again.

use autodiff_ae::{Adam, Checkpoint, clip_global_norm};

use super::{
    config::{Method, OptimiserConfig, RateSchedule},
    muon::Muon,
};
use crate::{Error, model::Network};

#[derive(Debug)]
pub(crate) struct Optimiser {
    config: OptimiserConfig,
    total: u64,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Adam(Adam<f32>),
    Muon(Box<Muon>),
}

/// A copy of what an optimiser remembers.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    adam: autodiff_ae::optim::AdamState<f32>,
    momentum: Vec<f32>,
}

impl Optimiser {
    pub fn new(config: &OptimiserConfig, total: u64, network: &Network) -> Result<Self, Error> {
        let len = network.param_len();
        let inner = match config.method {
            Method::Adam => Inner::Adam(Adam::new(len)),
            Method::Muon => Inner::Muon(Box::new(Muon::new(&network.views(), len)?)),
        };
        Ok(Self {
            config: config.clone(),
            total,
            inner,
        })
    }

    /// Learning rate of a step, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        let c = &self.config;
        if step < c.warmup {
            return c.rate * (step + 1) as f64 / c.warmup as f64;
        }
        match c.schedule {
            RateSchedule::Constant => c.rate,
            RateSchedule::Cosine => {
                let length = self.total.saturating_sub(c.warmup).max(1) as f64;
                let s = ((step - c.warmup) as f64 / length).min(1.0);
                c.rate * 0.5 * (1.0 + (std::f64::consts::PI * s).cos())
            }
        }
    }

    /// Clips the gradient and takes one step, the scheduled rate times `factor`.
    pub fn step(
        &mut self,
        step: u64,
        factor: f64,
        params: &mut [f32],
        gradient: &mut [f32],
    ) -> Result<(), Error> {
        if self.config.clip_norm > 0.0 {
            clip_global_norm(gradient, self.config.clip_norm);
        }
        let rate = self.rate(step) * factor;
        match &mut self.inner {
            Inner::Adam(adam) => Ok(adam.step(rate, params, gradient)?),
            Inner::Muon(muon) => muon.step(rate, params, gradient),
        }
    }

    pub fn memory(&self) -> Memory {
        match &self.inner {
            Inner::Adam(adam) => Memory {
                adam: adam.state().clone(),
                momentum: Vec::new(),
            },
            Inner::Muon(muon) => Memory {
                adam: muon.adam.state().clone(),
                momentum: muon.momentum.clone(),
            },
        }
    }

    pub fn recall(&mut self, memory: &Memory) -> Result<(), Error> {
        match &mut self.inner {
            Inner::Adam(adam) => adam.set_state(memory.adam.clone())?,
            Inner::Muon(muon) => {
                muon.adam.set_state(memory.adam.clone())?;
                muon.momentum.copy_from_slice(&memory.momentum);
            }
        }
        Ok(())
    }
}

impl Memory {
    /// Adam's memory alone.
    #[cfg(feature = "cuda")]
    pub fn of_adam(adam: autodiff_ae::optim::AdamState<f32>) -> Self {
        Self {
            adam,
            momentum: Vec::new(),
        }
    }

    /// Adam's part.
    #[cfg(feature = "cuda")]
    pub fn adam(&self) -> &autodiff_ae::optim::AdamState<f32> {
        &self.adam
    }

    pub fn store(&self, prefix: &str, file: &mut Checkpoint) -> Result<(), Error> {
        file.insert_adam(&format!("{prefix}.adam"), &self.adam)?;
        file.insert(
            &format!("{prefix}.momentum"),
            &[self.momentum.len()],
            &self.momentum,
        )?;
        Ok(())
    }

    /// Reads what [`Memory::store`] wrote, for an optimiser like `like`.
    pub fn load(prefix: &str, file: &Checkpoint, like: &Optimiser) -> Result<Self, Error> {
        let like = like.memory();
        Ok(Self {
            adam: file.read_adam(&format!("{prefix}.adam"), like.adam.first.len())?,
            momentum: file.get(&format!("{prefix}.momentum"), &[like.momentum.len()])?,
        })
    }
}
