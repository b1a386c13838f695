//! What a training on the device is told, and what it tells.

use crate::{Error, LossConfig, LossValues};

/// Precision of the matrix products of wide networks in `f32`; the persistent kernel always computes in full precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// Full single precision.
    #[default]
    F32,
    /// TF32 tensor cores: 10 bits of mantissa in the factors.
    Tf32,
    /// bfloat16 tensor cores: 7 bits of mantissa in the factors, sums in `f32`.
    Bf16,
}

/// How a model is trained on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CudaPath {
    /// One block a model, all steps of a launch in one kernel.
    Persistent,
    /// cuBLAS products, a graph a step, members one after another.
    Wide,
}

/// What all members have in common.
#[derive(Clone, Debug)]
pub struct CudaOptions {
    /// Reduction and masses of the losses; their factors are the members' own.
    pub loss: LossConfig,
    /// Samples of a step.
    pub batch: usize,
    /// β₁, β₂ and ε of Adam.
    pub adam: (f64, f64, f64),
    /// Decoupled weight decay (AdamW), 0 for none.
    pub weight_decay: f64,
    /// Largest Euclidean norm of the gradient; 0 for no clipping.
    pub clip_norm: f64,
    /// Whether an average of the parameters is kept.
    pub average: bool,
    /// Precision of the products of wide networks.
    pub products: Products,
    /// Which way; `None` takes the persistent kernel where the parameters fit a block's shared memory.
    pub path: Option<CudaPath>,
}

impl CudaOptions {
    /// Adam with this crate's defaults, no decay, no clipping, no average.
    pub fn new(loss: LossConfig, batch: usize) -> Self {
        Self {
            loss,
            batch,
            adam: (0.9, 0.999, 1e-7),
            weight_decay: 0.0,
            clip_norm: 0.0,
            average: false,
            products: Products::default(),
            path: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let (beta1, beta2, epsilon) = self.adam;
        let range = |what, value: f64, fine: bool, range| {
            if fine {
                Ok(())
            } else {
                Err(Error::Range { what, value, range })
            }
        };
        for beta in [beta1, beta2] {
            range("β of Adam", beta, (0.0..1.0).contains(&beta), "[0, 1)")?;
        }
        range("ε of Adam", epsilon, epsilon > 0.0, "(0, ∞)")?;
        let (decay, clip) = (self.weight_decay, self.clip_norm);
        range(
            "weight decay",
            decay,
            decay >= 0.0 && decay.is_finite(),
            "[0, ∞)",
        )?;
        range(
            "norm to clip at",
            clip,
            clip >= 0.0 && clip.is_finite(),
            "[0, ∞)",
        )?;
        if self.batch == 0 {
            return Err(Error::EmptyBatch);
        }
        Ok(())
    }
}

/// One step's rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRate {
    /// Learning rate.
    pub rate: f64,
    /// Weight of the new parameters in their average: average += this · (parameters − average).
    pub average: f64,
}

/// Which samples each step takes: indices into the table, step after step.
#[derive(Clone, Copy, Debug)]
pub enum Order<'a> {
    /// steps × batch, the same for every member.
    Shared(&'a [u32]),
    /// members × steps × batch.
    PerMember(&'a [u32]),
}

/// What a member went through in one call of [`CudaTrainer::run`](super::CudaTrainer::run).
#[derive(Clone, Debug, PartialEq)]
pub struct MemberReport {
    /// Losses of every step done, before it.
    pub losses: Vec<LossValues>,
    /// Euclidean norm of every step's gradient, before clipping.
    pub gradient_norms: Vec<f64>,
    /// The step, counted from this call's first, before which the member was stopped because its losses or its gradient were
    /// not finite; its parameters and moments are those before that step. [`CudaTrainer::set_member`](super::CudaTrainer::set_member) sets it going again.
    pub stopped: Option<usize>,
}
