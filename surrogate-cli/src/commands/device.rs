//! `--device`: where a training takes its steps.

use crate::error::Error;
use crate::output::Output;
use clap::ValueEnum;
use latent_ode::train::EnsembleControl;
use latent_ode::{TrainConfig, TrainControl};

/// What computes a training's steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// A GPU where one is there and can take this training, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The first GPU (recipe paper, in a build with the feature cuda).
    Cuda,
}

/// The device that was chosen.
#[derive(Debug, Default)]
pub struct Chosen {
    /// `None` for the CPU.
    #[cfg(feature = "cuda")]
    gpu: Option<autodiff_ae::cuda::CudaDevice>,
}

impl Device {
    /// Opens the device and names it to the user where it is a GPU or could have been one.
    ///
    /// # Errors
    /// For `cuda` where no GPU can be used.
    #[cfg(feature = "cuda")]
    pub fn choose(self, config: &TrainConfig, output: &Output) -> Result<Chosen, Error> {
        use autodiff_ae::Device as Choice;
        use latent_ode::train::{Method, Objective};
        let (choice, why) = match self {
            Self::Cpu => return Ok(Chosen::default()),
            Self::Cuda => (Choice::cuda(0).map_err(latent_ode::Error::from)?, None),
            Self::Auto => {
                let derivatives = matches!(config.objective, Objective::Derivatives(_));
                if !derivatives || config.optimiser.method != Method::Adam {
                    return Ok(Chosen::default());
                }
                Choice::auto_explained().map_err(latent_ode::Error::from)?
            }
        };
        if let Some(why) = why {
            output.note(&format!("training on the CPU: {why}"));
        }
        let Choice::Cuda(gpu) = &choice else {
            return Ok(Chosen::default());
        };
        output.say(&format!("training on {}", choice.describe()))?;
        Ok(Chosen {
            gpu: Some(gpu.clone()),
        })
    }

    /// As with the feature `cuda`: without it there is the CPU alone.
    #[cfg(not(feature = "cuda"))]
    pub fn choose(self, _: &TrainConfig, _: &Output) -> Result<Chosen, Error> {
        if self == Self::Cuda {
            let text = "--device cuda: this program was built without the feature `cuda`";
            return Err(Error::Usage(text.into()));
        }
        Ok(Chosen::default())
    }
}

impl Chosen {
    /// Hands the device to a training.
    #[cfg_attr(not(feature = "cuda"), expect(unused_variables))]
    pub fn give(&self, control: &mut TrainControl<'_>) {
        #[cfg(feature = "cuda")]
        control.gpu.clone_from(&self.gpu);
    }

    /// Hands the device to the trainings of an ensemble.
    #[cfg_attr(not(feature = "cuda"), expect(unused_variables))]
    pub fn give_all(&self, control: &mut EnsembleControl<'_>) {
        #[cfg(feature = "cuda")]
        control.gpu.clone_from(&self.gpu);
    }

    /// The device as `--device` spells it.
    pub fn name(&self) -> &'static str {
        #[cfg(feature = "cuda")]
        if self.gpu.is_some() {
            return "cuda";
        }
        "cpu"
    }
}
