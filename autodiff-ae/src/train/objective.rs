//! What training minimises: a small trait for any loss a user writes.

use crate::{Checkpoint, Error, ParamView, Scalar};
use std::borrow::Cow;

/// One evaluation of the gradient that the training loop asks for.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'a> {
    /// Step of the optimiser, counted from 0.
    pub step: u64,
    /// Which of the parts whose gradients make one step, counted from 0.
    pub part: usize,
    /// The samples of this mini-batch; empty where the objective draws its own.
    pub members: &'a [usize],
    /// Those of the next one, where they are settled already (a new pass is shuffled when it begins): to fetch them early.
    pub next: &'a [usize],
}

/// A loss over a set of samples. Three methods make one:
///
/// ```
/// use autodiff_ae::train::{Draw, Objective, Trainer, TrainerOptions};
/// use autodiff_ae::{Error, Schedule};
/// /// The mean of some numbers, by gradient descent.
/// struct Mean(Vec<f64>);
/// impl Objective<f64> for Mean {
///     fn param_len(&self) -> usize { 1 }
///     fn samples(&self) -> usize { self.0.len() }
///     fn evaluate(&mut self, p: &[f64], draw: &Draw<'_>, _: &mut [f64], gradient: &mut [f64]) -> Result<f64, Error> {
///         let n = draw.members.len() as f64;
///         gradient[0] += draw.members.iter().map(|&i| 2.0 * (p[0] - self.0[i]) / n).sum::<f64>();
///         Ok(draw.members.iter().map(|&i| (p[0] - self.0[i]).powi(2) / n).sum())
///     }
/// }
/// let options = TrainerOptions::new(400, 3).with_schedule(Schedule::Constant { rate: 0.05 });
/// let mut trainer = Trainer::new(Mean(vec![1.0, 2.0, 6.0]), options, vec![0.0])?;
/// trainer.run(&mut Default::default())?;
/// assert!((trainer.params()[0] - 3.0).abs() < 1e-2);
/// # Ok::<(), Error>(())
/// ```
pub trait Objective<T: Scalar>: Send {
    /// Number of parameters.
    fn param_len(&self) -> usize;

    /// Number of samples the loop draws mini-batches from; 0 for an objective that draws its own.
    fn samples(&self) -> usize;

    /// Loss of a mini-batch at `params`. Adds its gradient to `gradient`, and writes one number per name in
    /// [`Objective::terms`] to `terms`.
    ///
    /// # Errors
    /// Whatever goes wrong; an error of another crate fits into [`Error::Objective`]. A loss that is not finite is no error: the
    /// loop goes back and lowers the rate.
    fn evaluate(
        &mut self,
        params: &[T],
        draw: &Draw<'_>,
        terms: &mut [f64],
        gradient: &mut [T],
    ) -> Result<f64, Error>;

    /// Names of the parts of the loss that are reported beside the total.
    fn terms(&self) -> Cow<'static, [&'static str]> {
        Cow::Borrowed(&[])
    }

    /// Score on data held back, lower is better; `None` where there is none.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    fn validate(&mut self, _params: &[T]) -> Result<Option<f64>, Error> {
        Ok(None)
    }

    /// Named tensors of the parameters, for checkpoints.
    fn views(&self) -> Vec<ParamView> {
        vec![ParamView {
            name: "params".into(),
            shape: vec![self.param_len()],
            range: 0..self.param_len(),
        }]
    }

    /// A text that tells trainings on other data apart: a checkpoint is taken up by an objective with the same alone.
    fn fingerprint(&self) -> String {
        String::new()
    }

    /// Adds to a checkpoint what makes the best parameters a model of their own: configuration, units, scaling.
    ///
    /// # Errors
    /// As [`Objective::evaluate`].
    fn describe(&self, _file: &mut Checkpoint) -> Result<(), Error> {
        Ok(())
    }
}
