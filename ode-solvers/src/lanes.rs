//! Systems over lanes: W models side by side, one number of each in every `[T; W]`, so that one instruction serves W models.
use crate::{Jacobian, Scalar, SparsityPattern, System, VectorJacobian};

/// A right-hand side of W models at once. Lane l of every array belongs to the model last loaded into lane l.
///
/// Implement it where speed over many models counts; every [`System`] is one through [`Each`]. All models of a batch share `dim` and sparsity.
/// Lanes must not mix: what lane l gets may depend on lane l alone, or results would depend on their neighbours.
pub trait LaneSystem<T: Scalar, const W: usize> {
    /// Number of components of y.
    fn dim(&self) -> usize;
    /// Makes lane `lane` compute model `model` of the batch from now on (its rate coefficients, its parameters).
    fn load(&mut self, lane: usize, model: usize);
    /// Writes f(t, y) of every lane into `dydt` (length `dim`).
    fn rhs(&mut self, t: &[T; W], y: &[[T; W]], dydt: &mut [[T; W]]);
    /// Whether f does not depend on t in any lane.
    fn is_autonomous(&self) -> bool {
        false
    }
    /// Weights of the sums that f keeps in every model, see [`System::conserved`].
    fn conserved(&self) -> Vec<Vec<T>> {
        Vec::new()
    }
}

/// A lane system with its Jacobian, see [`Jacobian`].
pub trait LaneJacobian<T: Scalar, const W: usize>: LaneSystem<T, W> {
    /// The sparsity that all models share.
    fn sparsity(&self) -> SparsityPattern;
    /// Writes ∂f_i/∂y_j of every lane, in the order of the pattern.
    fn jacobian(&mut self, t: &[T; W], y: &[[T; W]], values: &mut [[T; W]]);
    /// Writes ∂f/∂t and returns `true`, or returns `false` to have it differenced.
    fn time_derivative(&mut self, _t: &[T; W], _y: &[[T; W]], _dfdt: &mut [[T; W]]) -> bool {
        false
    }
    /// A derivative of one lane that the sparsity leaves out, see [`Jacobian::undeclared_dependence`].
    fn undeclared_dependence(
        &mut self,
        _lane: usize,
        _t: &[T; W],
        _y: &[[T; W]],
    ) -> Option<(usize, usize)> {
        None
    }
}

/// A lane system with the products of the reverse pass, see [`VectorJacobian`].
pub trait LaneVectorJacobian<T: Scalar, const W: usize>: LaneSystem<T, W> {
    /// Number of parameters of a model.
    fn parameter_len(&self) -> usize;
    /// Adds (∂f/∂y)ᵀ v to `y_bar` and (∂f/∂p)ᵀ v to `p_bar` in every lane.
    fn vjp(
        &mut self,
        t: &[T; W],
        y: &[[T; W]],
        v: &[[T; W]],
        y_bar: &mut [[T; W]],
        p_bar: &mut [[T; W]],
    );
}

/// Ordinary systems as a lane system: model m of the batch is `systems[m]`. At W = 1 this costs nothing, above the lanes are looped over.
#[derive(Debug)]
pub struct Each<'a, T, S, const W: usize> {
    systems: &'a [S],
    of_lane: [usize; W],
    y: Vec<T>,
    v: Vec<T>,
    out: Vec<T>,
    more: Vec<T>,
}

impl<'a, T: Scalar, S, const W: usize> Each<'a, T, S, W> {
    /// Lanes over `systems`; every lane starts with the first. `systems` must not be empty: an empty slice has dimension 0.
    pub fn new(systems: &'a [S]) -> Self {
        Self {
            systems,
            of_lane: [0; W],
            y: Vec::new(),
            v: Vec::new(),
            out: Vec::new(),
            more: Vec::new(),
        }
    }
}

fn gather<T: Scalar, const W: usize>(lane: usize, from: &[[T; W]], to: &mut Vec<T>) {
    to.clear();
    to.extend(from.iter().map(|x| x[lane]));
}

fn scatter<T: Scalar, const W: usize>(lane: usize, from: &[T], to: &mut [[T; W]]) {
    for (to, &from) in to.iter_mut().zip(from) {
        to[lane] = from;
    }
}

impl<T: Scalar, S: System<T>, const W: usize> LaneSystem<T, W> for Each<'_, T, S, W> {
    fn dim(&self) -> usize {
        self.systems.first().map_or(0, System::dim)
    }
    fn load(&mut self, lane: usize, model: usize) {
        self.of_lane[lane] = model.min(self.systems.len().saturating_sub(1));
    }
    #[inline(always)]
    fn rhs(&mut self, t: &[T; W], y: &[[T; W]], dydt: &mut [[T; W]]) {
        if W == 1 {
            return self.systems[self.of_lane[0]].rhs(
                t[0],
                y.as_flattened(),
                dydt.as_flattened_mut(),
            );
        }
        self.out.resize(dydt.len(), T::zero());
        for lane in 0..W {
            gather(lane, y, &mut self.y);
            self.systems[self.of_lane[lane]].rhs(t[lane], &self.y, &mut self.out);
            scatter(lane, &self.out, dydt);
        }
    }
    fn is_autonomous(&self) -> bool {
        self.systems.iter().all(System::is_autonomous)
    }
    fn conserved(&self) -> Vec<Vec<T>> {
        self.systems
            .first()
            .map_or_else(Vec::new, System::conserved)
    }
}

impl<T: Scalar, S: Jacobian<T>, const W: usize> LaneJacobian<T, W> for Each<'_, T, S, W> {
    fn sparsity(&self) -> SparsityPattern {
        self.systems
            .first()
            .map_or_else(|| SparsityPattern::dense(0), Jacobian::sparsity)
    }
    #[inline(always)]
    fn jacobian(&mut self, t: &[T; W], y: &[[T; W]], values: &mut [[T; W]]) {
        if W == 1 {
            return self.systems[self.of_lane[0]].jacobian(
                t[0],
                y.as_flattened(),
                values.as_flattened_mut(),
            );
        }
        self.out.resize(values.len(), T::zero());
        for lane in 0..W {
            gather(lane, y, &mut self.y);
            self.systems[self.of_lane[lane]].jacobian(t[lane], &self.y, &mut self.out);
            scatter(lane, &self.out, values);
        }
    }
    fn time_derivative(&mut self, t: &[T; W], y: &[[T; W]], dfdt: &mut [[T; W]]) -> bool {
        self.out.resize(dfdt.len(), T::zero());
        for lane in 0..W {
            gather(lane, y, &mut self.y);
            if !self.systems[self.of_lane[lane]].time_derivative(t[lane], &self.y, &mut self.out) {
                return false;
            }
            scatter(lane, &self.out, dfdt);
        }
        true
    }
    fn undeclared_dependence(
        &mut self,
        lane: usize,
        t: &[T; W],
        y: &[[T; W]],
    ) -> Option<(usize, usize)> {
        gather(lane, y, &mut self.y);
        self.systems
            .get(self.of_lane[lane])?
            .undeclared_dependence(t[lane], &self.y)
    }
}

impl<T: Scalar, S: VectorJacobian<T>, const W: usize> LaneVectorJacobian<T, W>
    for Each<'_, T, S, W>
{
    fn parameter_len(&self) -> usize {
        self.systems
            .first()
            .map_or(0, VectorJacobian::parameter_len)
    }
    #[inline(always)]
    fn vjp(
        &mut self,
        t: &[T; W],
        y: &[[T; W]],
        v: &[[T; W]],
        y_bar: &mut [[T; W]],
        p_bar: &mut [[T; W]],
    ) {
        if W == 1 {
            let (y_bar, p_bar) = (y_bar.as_flattened_mut(), p_bar.as_flattened_mut());
            return self.systems[self.of_lane[0]].vjp(
                t[0],
                y.as_flattened(),
                v.as_flattened(),
                y_bar,
                p_bar,
            );
        }
        for lane in 0..W {
            gather(lane, y, &mut self.y);
            gather(lane, v, &mut self.v);
            gather(lane, y_bar, &mut self.out);
            gather(lane, p_bar, &mut self.more);
            self.systems[self.of_lane[lane]].vjp(
                t[lane],
                &self.y,
                &self.v,
                &mut self.out,
                &mut self.more,
            );
            scatter(lane, &self.out, y_bar);
            scatter(lane, &self.more, p_bar);
        }
    }
}
