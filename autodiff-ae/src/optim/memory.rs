//! What a training loop asks of an optimiser, and what an optimiser remembers from step to step.

use super::{Adam, AdamW};
use crate::error::check_length;
use crate::{Error, Scalar};

/// What an optimiser carries from step to step, by name: enough to go on bit for bit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory<T> {
    /// Steps done.
    pub steps: u64,
    /// Vectors by name.
    pub vectors: Vec<(String, Vec<T>)>,
}

impl<T: Scalar> Memory<T> {
    /// Copies the vector `name` to `into`.
    ///
    /// # Errors
    /// [`Error::Length`] when it is missing (found 0) or has another length.
    pub fn read(&self, name: &str, into: &mut [T]) -> Result<(), Error> {
        let values = self
            .vectors
            .iter()
            .find(|(n, _)| n == name)
            .map_or(&[][..], |(_, v)| v);
        check_length("memory of the optimiser", into.len(), values.len())?;
        into.copy_from_slice(values);
        Ok(())
    }
}

/// A rule by which a gradient changes parameters. Implement it to train with another one.
pub trait Optimiser<T: Scalar>: Send {
    /// One step with learning rate `rate`.
    ///
    /// # Errors
    /// [`Error::Length`] when either slice has another length than the optimiser.
    fn update(&mut self, rate: f64, params: &mut [T], gradient: &[T]) -> Result<(), Error>;

    /// A copy of everything it remembers.
    fn memory(&self) -> Memory<T>;

    /// Goes on from such a copy.
    ///
    /// # Errors
    /// [`Error::Length`] when it belongs to another number of parameters or another optimiser.
    fn recall(&mut self, memory: &Memory<T>) -> Result<(), Error>;
}

impl<T: Scalar> Optimiser<T> for Adam<T> {
    fn update(&mut self, rate: f64, params: &mut [T], gradient: &[T]) -> Result<(), Error> {
        self.step(rate, params, gradient)
    }

    fn memory(&self) -> Memory<T> {
        let state = self.state();
        Memory {
            steps: state.steps,
            vectors: vec![
                ("first".into(), state.first.clone()),
                ("second".into(), state.second.clone()),
            ],
        }
    }

    fn recall(&mut self, memory: &Memory<T>) -> Result<(), Error> {
        let mut state = self.state().clone();
        memory.read("first", &mut state.first)?;
        memory.read("second", &mut state.second)?;
        state.steps = memory.steps;
        self.set_state(state)
    }
}

impl<T: Scalar> Optimiser<T> for AdamW<T> {
    fn update(&mut self, rate: f64, params: &mut [T], gradient: &[T]) -> Result<(), Error> {
        self.step(rate, params, gradient)
    }

    fn memory(&self) -> Memory<T> {
        self.adam().memory()
    }

    fn recall(&mut self, memory: &Memory<T>) -> Result<(), Error> {
        self.adam_mut().recall(memory)
    }
}

impl<T: Scalar> Optimiser<T> for Box<dyn Optimiser<T>> {
    fn update(&mut self, rate: f64, params: &mut [T], gradient: &[T]) -> Result<(), Error> {
        self.as_mut().update(rate, params, gradient)
    }

    fn memory(&self) -> Memory<T> {
        self.as_ref().memory()
    }

    fn recall(&mut self, memory: &Memory<T>) -> Result<(), Error> {
        self.as_mut().recall(memory)
    }
}
