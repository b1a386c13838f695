//! `--device`: where a training takes its steps.

use crate::error::Error;
use crate::output::Output;
use clap::ValueEnum;
use latent_ode::rays::{RayConfig, RayControl};
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
    /// The first GPU, in a build with the feature cuda (`train` with the recipe paper, `pdr train` but for node with kvaerno5).
    Cuda,
}

/// The device that was chosen.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// `None` for the CPU.
    #[cfg(feature = "cuda")]
    gpu: Option<autodiff_ae::cuda::CudaDevice>,
}

impl Device {
    /// Opens the device for a training from data and names it to the user where it is a GPU or could have been one.
    ///
    /// # Errors
    /// For `cuda` where no GPU can be used.
    pub fn choose(self, config: &TrainConfig, output: &Output) -> Result<Chosen, Error> {
        use latent_ode::train::{Method, Objective};
        let derivatives = matches!(config.objective, Objective::Derivatives(_));
        self.open(
            derivatives && config.optimiser.method == Method::Adam,
            output,
        )
    }

    /// As [`Device::choose`] for a training of a ray surrogate; `alone`: it is not one of several families to choose from, of which
    /// what no GPU can train takes the CPU.
    ///
    /// # Errors
    /// For `cuda` where no GPU can be used, or with a configuration that it is not for.
    pub fn choose_for_rays(
        self,
        config: &RayConfig,
        alone: bool,
        output: &Output,
    ) -> Result<Chosen, Error> {
        let refused = config.check_gpu().err();
        if let (Self::Cuda, Some(why)) = (self, &refused) {
            if alone {
                return Err(Error::Usage(format!("--device cuda: {why}")));
            }
            output.note(&format!("{} on the CPU: {why}", config.family.name()));
            return Ok(Chosen::default());
        }
        self.open(refused.is_none(), output)
    }

    /// Opens the device; `able`: a GPU can take this training.
    #[cfg(feature = "cuda")]
    fn open(self, able: bool, output: &Output) -> Result<Chosen, Error> {
        use autodiff_ae::Device as Choice;
        let (choice, why) = match self {
            Self::Cpu => return Ok(Chosen::default()),
            Self::Cuda => (Choice::cuda(0).map_err(latent_ode::Error::from)?, None),
            Self::Auto if !able => return Ok(Chosen::default()),
            Self::Auto => Choice::auto_explained().map_err(latent_ode::Error::from)?,
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
    fn open(self, _: bool, _: &Output) -> Result<Chosen, Error> {
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

    /// Hands the device to a training of a ray surrogate.
    #[cfg_attr(not(feature = "cuda"), expect(unused_variables))]
    pub fn give_to_rays(&self, control: &mut RayControl<'_>) {
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
