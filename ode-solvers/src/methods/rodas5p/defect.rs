//! The second estimate of a step's error: how far the slope of the dense output is from f at the end of the step. Serves [`super::Rodas5p`].
//!
//! With p the dense output, δ = h (f(t + h, y_new) − p′(t + h)) is of order h⁵ in smooth problems, as the embedded estimate is. In stiff ones with a balance
//! that moves (a component held by fast reactions whose rates change by a factor within the step) a Rosenbrock method loses order, and there the
//! embedded estimate, a difference of two formulas that lose it alike, passes through zero where the error is largest. What δ sees is the error of the
//! slope, taken to that of the state by the step's own matrix: (I − γhJ)⁻¹ γ δ. In the 224-reaction network it agrees with the
//! true error of a step within a factor of two where the error is large: 8.9 for 10.1 units of the tolerance, 12 for 7.3, 8.0 for 9.4, where the
//! embedded one has 2.3, 0.6, 1.8.
use crate::Scalar;

/// Weight of this estimate beside the embedded one, chosen on random models of the 224-reaction network (docs/solver-speed.md): with 2.5, 16 of 7918 are off
/// by more than ten tolerances instead of 7, in two steps of a hundred less.
const DEFECT: f64 = 3.0;
/// The dense output is wanted between the ends, too: the defect counts relative to the smaller of the two states, but to no less than this part
/// of the larger, so that a component may vanish.
const LEAST: f64 = 0.05;

/// The states between which a step is judged.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a, T, const W: usize> {
    pub y: &'a [[T; W]],
    pub y_new: &'a [[T; W]],
}

/// Leaves in `error` the larger of the two estimates in every component. A defect that is not a number does not count.
#[inline(always)]
pub(super) fn larger<T: Scalar, const W: usize>(
    error: &mut [[T; W]],
    defect: &[[T; W]],
    Ends { y, y_new }: Ends<'_, T, W>,
) {
    let n = error.len();
    let (defect, y, y_new) = (&defect[..n], &y[..n], &y_new[..n]);
    // Two zeros are equal.
    let tiny = T::min_positive_value();
    for i in 0..n {
        let (error, defect, y, y_new) = (&mut error[i], defect[i], y[i], y_new[i]);
        for l in 0..W {
            let (a, b) = (y[l].abs(), y_new[l].abs());
            let (small, large) = if a < b { (a, b) } else { (b, a) };
            let least = large * T::of(LEAST);
            let small = if small > least { small } else { least };
            let by_defect = defect[l] * T::of(DEFECT) * ((large + tiny) / (small + tiny));
            error[l] = if by_defect.abs() > error[l].abs() {
                by_defect
            } else {
                error[l]
            };
        }
    }
}

/// Copies these lanes.
#[inline(always)]
pub(super) fn take<T: Copy, const W: usize>(to: &mut [[T; W]], from: &[[T; W]], lanes: &[bool; W]) {
    if lanes.iter().all(|&l| l) {
        to.copy_from_slice(from);
        return;
    }
    for (to, from) in to.iter_mut().zip(from) {
        for l in 0..W {
            to[l] = if lanes[l] { from[l] } else { to[l] };
        }
    }
}
