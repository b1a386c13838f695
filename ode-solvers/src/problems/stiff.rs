//! The stiff problems as one list, each with its span, tolerance and reference as published: what tests, work-precision diagrams and tables run over.
use super::{Brusselator, E5, Hires, Oregonator, Pollu, Robertson, VanDerPol};
use crate::{Jacobian, Options};

/// A stiff problem with everything that a measurement of accuracy needs.
pub struct StiffProblem {
    /// Its name in the literature.
    pub name: &'static str,
    /// Right-hand side and Jacobian.
    pub system: Box<dyn Jacobian + Send + Sync>,
    /// Initial state, at t = 0.
    pub start: Vec<f64>,
    /// End of the span.
    pub end: f64,
    /// Reference solution at the end, for all components or for those of `components`.
    pub reference: Vec<f64>,
    /// Indices of the components that `reference` gives; empty for all.
    pub components: Vec<usize>,
    /// A linear invariant of the problem, as [`Options::invariant`] takes it, where rounding would spoil the solution without it.
    pub invariant: Option<(Vec<f64>, usize)>,
    atol: Atol,
}

impl std::fmt::Debug for StiffProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StiffProblem")
            .field("name", &self.name)
            .field("dim", &self.start.len())
            .finish_non_exhaustive()
    }
}

/// How the absolute tolerance goes with the relative one.
#[derive(Clone, Copy, Debug)]
enum Atol {
    Times(f64),
    Always(f64),
}

impl StiffProblem {
    fn new(
        name: &'static str,
        system: impl Jacobian + Send + Sync + 'static,
        start: &[f64],
        end: f64,
        reference: &[f64],
        atol: Atol,
    ) -> Self {
        Self {
            name,
            system: Box::new(system),
            start: start.to_vec(),
            end,
            reference: reference.to_vec(),
            components: Vec::new(),
            invariant: None,
            atol,
        }
    }

    /// The absolute tolerance published with the problem, for a relative one.
    pub fn atol(&self, rtol: f64) -> f64 {
        match self.atol {
            Atol::Times(factor) => factor * rtol,
            Atol::Always(atol) => atol,
        }
    }

    /// The options of a solve: `rtol`, the published atol, the invariant where there is one.
    pub fn options(&self, rtol: f64) -> Options {
        let options = Options::default().rtol(rtol).atol(self.atol(rtol));
        match &self.invariant {
            Some((weights, component)) => options.invariant(weights.clone(), *component),
            None => options,
        }
    }

    /// max |err| / (|ref| + atol/rtol) of a state at the end: at most about `rtol` where a solve keeps what it was asked for.
    pub fn error(&self, end: &[f64], rtol: f64) -> f64 {
        let floor = self.atol(rtol) / rtol;
        let scaled = |y: f64, r: f64| (y - r).abs() / (r.abs() + floor);
        let worst = |a: f64, b: f64| if a >= b { a } else { b };
        if self.components.is_empty() {
            let errors = end.iter().zip(&self.reference).map(|(&y, &r)| scaled(y, r));
            errors.fold(0.0, worst)
        } else {
            let values = self.components.iter().filter_map(|&i| end.get(i));
            let errors = values.zip(&self.reference).map(|(&y, &r)| scaled(y, r));
            errors.fold(0.0, worst)
        }
    }
}

/// Robertson, HIRES, OREGO, Van der Pol, E5, POLLU and the Brusselator, as published (Hairer & Wanner, Solving ODEs II, IV.10; the IVP test set).
pub fn stiff_problems() -> Vec<StiffProblem> {
    let brusselator = Brusselator::default();
    let every = Brusselator::EVERY;
    let points = (every..=brusselator.cells).step_by(every);
    vec![
        StiffProblem::new(
            "Robertson",
            Robertson,
            &Robertson::START,
            1e11,
            &Robertson::AT_1E11,
            Atol::Times(1e-6),
        ),
        StiffProblem::new(
            "HIRES",
            Hires,
            &Hires::START,
            Hires::END,
            &Hires::AT_END,
            Atol::Times(1e-4),
        ),
        StiffProblem::new(
            "OREGO",
            Oregonator,
            &Oregonator::START,
            Oregonator::END,
            &Oregonator::AT_END,
            Atol::Times(Oregonator::ATOL_OVER_RTOL),
        ),
        StiffProblem::new(
            "Van der Pol",
            VanDerPol { epsilon: 1e-6 },
            &VanDerPol::START,
            2.0,
            &VanDerPol::AT_2,
            Atol::Times(1.0),
        ),
        StiffProblem {
            // y₂ = y₃ + y₄: rounding moves it by 1e-19 in a Rosenbrock method, a thousand times y₂ at the end.
            invariant: Some((vec![0.0, 1.0, -1.0, -1.0], 2)),
            ..StiffProblem::new(
                "E5",
                E5,
                &E5::START,
                E5::END,
                &E5::AT_END,
                Atol::Always(E5::ATOL),
            )
        },
        StiffProblem::new(
            "POLLU",
            Pollu::new(),
            &Pollu::START,
            Pollu::END,
            &Pollu::AT_END,
            Atol::Times(Pollu::ATOL_OVER_RTOL),
        ),
        StiffProblem {
            components: points.flat_map(|p| [2 * p - 2, 2 * p - 1]).collect(),
            ..StiffProblem::new(
                "Brusselator",
                brusselator,
                &brusselator.start(),
                Brusselator::END,
                Brusselator::AT_END.as_flattened(),
                Atol::Times(Brusselator::ATOL_OVER_RTOL),
            )
        },
    ]
}
