//! `--device`: where a training takes its steps.

use crate::error::Error;
use crate::output::Output;
use clap::ValueEnum;
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

impl Device {
    /// Names the device to the training and, where it is a GPU or could have been one, to the user.
    ///
    /// # Errors
    /// For `cuda` where no GPU can be used.
    #[cfg(feature = "cuda")]
    pub fn choose(
        self,
        config: &TrainConfig,
        control: &mut TrainControl<'_>,
        output: &Output,
    ) -> Result<(), Error> {
        use autodiff_ae::Device as Choice;
        use latent_ode::train::{Method, Objective};
        let (choice, why) = match self {
            Self::Cpu => return Ok(()),
            Self::Cuda => (Choice::cuda(0).map_err(latent_ode::Error::from)?, None),
            Self::Auto => {
                let derivatives = matches!(config.objective, Objective::Derivatives(_));
                if !derivatives || config.optimiser.method != Method::Adam {
                    return Ok(());
                }
                Choice::auto_explained().map_err(latent_ode::Error::from)?
            }
        };
        if let Some(why) = why {
            output.note(&format!("training on the CPU: {why}"));
        }
        if let Choice::Cuda(gpu) = &choice {
            output.say(&format!("training on {}", choice.describe()))?;
            control.gpu = Some(gpu.clone());
        }
        Ok(())
    }

    /// As with the feature `cuda`: without it there is the CPU alone.
    #[cfg(not(feature = "cuda"))]
    pub fn choose(
        self,
        _: &TrainConfig,
        _: &mut TrainControl<'_>,
        _: &Output,
    ) -> Result<(), Error> {
        if self == Self::Cuda {
            let text = "--device cuda: this program was built without the feature `cuda`";
            return Err(Error::Usage(text.into()));
        }
        Ok(())
    }
}
