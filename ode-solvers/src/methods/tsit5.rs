//! Tsitouras' explicit Runge-Kutta pair 5(4) with its free interpolant: for systems that are not stiff, and for solves that are differentiated.
use super::{Method, Stepper, combine, scaled};
use crate::adjoint::{Recorded, Reversible};
use crate::controller::Control;
use crate::{LaneSystem, Scalar, SolveError, Statistics};

/// Explicit pair of order 5(4), seven stages of which the last is the first of the next step; interpolant of order 4 at no extra stage.
///
/// Choose it for smooth right-hand sides that are not stiff; six evaluations a step. On a stiff system its step is held down by stability:
/// use [`super::Rodas5p`] there. Its solves can be recorded and differentiated in reverse, see [`crate::Rollout`].
///
/// Source: Ch. Tsitouras, Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption, Computers & Mathematics
/// with Applications 62 (2011) 770, doi:10.1016/j.camwa.2011.06.002; coefficients to double precision as in OrdinaryDiffEq.jl (SciML).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tsit5;

/// The table of the method, for loops on other machines (a GPU); [`crate::Controller::numbers`] has the rest.
impl Tsit5 {
    /// Nodes of the seven stages.
    pub const NODES: [f64; 7] = C;
    /// Weights of earlier slopes, over h, in the state of each stage; row 6 is the step itself.
    pub const WEIGHTS: [[f64; 6]; 7] = A;
    /// Weights of the slopes, over h, in the error estimate.
    pub const ERROR: [f64; 7] = ERROR;
    /// Row j: coefficients of θ, θ², θ³, θ⁴ in the weight of slope j, over h, in the state at t + θ h.
    pub const INTERPOLANT: [[f64; 4]; 7] = INTERPOLANT;
    /// Power of h in the error estimate.
    pub const ORDER: usize = ORDER;
}

/// Power of h in the error estimate.
const ORDER: usize = 5;
/// Nodes.
pub(crate) const C: [f64; 7] = [0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0];
/// Stage weights; row 7 is the step itself.
pub(crate) const A: [[f64; 6]; 7] = [
    [0.0; 6],
    [0.161, 0.0, 0.0, 0.0, 0.0, 0.0],
    [-0.008480655492356989, 0.335480655492357, 0.0, 0.0, 0.0, 0.0],
    [
        2.8971530571054935,
        -6.359448489975075,
        4.3622954328695815,
        0.0,
        0.0,
        0.0,
    ],
    [
        5.325864828439257,
        -11.748883564062828,
        7.4955393428898365,
        -0.09249506636175525,
        0.0,
        0.0,
    ],
    [
        5.86145544294642,
        -12.92096931784711,
        8.159367898576159,
        -0.071584973281401,
        -0.028269050394068383,
        0.0,
    ],
    [
        0.09646076681806523,
        0.01,
        0.4798896504144996,
        1.379008574103742,
        -3.290069515436081,
        2.324710524099774,
    ],
];
/// Weights of the error estimate (step minus embedded step).
const ERROR: [f64; 7] = [
    -0.001780011052225777,
    -0.0008164344596567469,
    0.007880878010261995,
    -0.1447110071732629,
    0.5823571654525552,
    -0.45808210592918697,
    1.0 / 66.0,
];
/// Row j: weight of stage j in the state at t + θ h is h times the polynomial of these coefficients of θ, θ², θ³, θ⁴.
pub(crate) const INTERPOLANT: [[f64; 4]; 7] = [
    [
        1.0,
        -2.763706197274826,
        2.9132554618219126,
        -1.0530884977290216,
    ],
    [0.0, 0.1317, -0.2234, 0.1017],
    [
        0.0,
        3.9302962368947516,
        -5.941033872131505,
        2.490627285651253,
    ],
    [
        0.0,
        -12.411077166933676,
        30.33818863028232,
        -16.548102889244902,
    ],
    [0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928],
    [
        0.0,
        -27.896526289197286,
        65.09189467479366,
        -34.87065786149661,
    ],
    [0.0, 1.5, -4.0, 2.5],
];

impl<T: Scalar, const W: usize> Method<T, W> for Tsit5 {
    type Stepper = Tsit5Stepper<T, W>;
    fn stepper(&self) -> Self::Stepper {
        Tsit5Stepper {
            dim: 0,
            slopes: Vec::new(),
            states: Vec::new(),
            stale: [false; W],
        }
    }
}

/// Working memory of [`Tsit5`] over W lanes.
#[derive(Clone, Debug)]
pub struct Tsit5Stepper<T, const W: usize> {
    dim: usize,
    /// Seven stage slopes, one after the other.
    slopes: Vec<[T; W]>,
    /// Arguments of stages 2 to 6, kept for the reverse pass.
    states: Vec<[T; W]>,
    /// Lanes whose first slope belongs to a state that was moved since.
    stale: [bool; W],
}

impl<T: Scalar, const W: usize> Recorded<T, W> for Tsit5Stepper<T, W> {
    const A: [[f64; 6]; 7] = A;
    const C: [f64; 7] = C;
    const GAMMA: f64 = 0.0;

    #[inline(always)]
    fn stage_state(&self, s: usize) -> &[[T; W]] {
        &self.states[(s - 1) * self.dim..s * self.dim]
    }
    fn first_slope(&self) -> &[[T; W]] {
        &self.slopes[..self.dim]
    }
    #[inline(always)]
    fn interpolant(theta: &[T; W]) -> [[T; W]; 7] {
        interpolant_weights(theta)
    }
    fn resume(&mut self, slope: &[[T; W]]) {
        self.slopes[..self.dim].copy_from_slice(slope);
    }
}

impl<T: Scalar, S: LaneSystem<T, W>, const W: usize> Reversible<T, S, W> for Tsit5Stepper<T, W> {}

/// The polynomials of the interpolant at θ, per lane.
#[inline(always)]
pub(crate) fn interpolant_weights<T: Scalar, const W: usize>(theta: &[T; W]) -> [[T; W]; 7] {
    let mut weights = [[T::zero(); W]; 7];
    for j in 0..7 {
        let [a, b, c, d] = INTERPOLANT[j];
        for l in 0..W {
            let x = theta[l];
            weights[j][l] = x * (T::of(a) + x * (T::of(b) + x * (T::of(c) + x * T::of(d))));
        }
    }
    weights
}

/// One stage: state from the slopes so far, then its slope.
macro_rules! stage {
    ($self:ident, $system:ident, $t:ident, $h:ident, $y:ident, $state:expr, $s:literal, [$($j:literal),*]) => {{
        let n = $self.dim;
        let (before, rest) = $self.slopes.split_at_mut($s * n);
        let state: &mut [[T; W]] = $state;
        combine(state, $y, scaled($h, &A[$s]), [$(&before[$j * n..($j + 1) * n]),*]);
        let at = each_lane!(T::zero(), |l| $t[l] + $h[l] * T::of(C[$s]));
        $system.rhs(&at, state, &mut rest[..n]);
    }};
}

impl<T: Scalar, S: LaneSystem<T, W>, const W: usize> Stepper<T, S, W> for Tsit5Stepper<T, W> {
    fn control(&self) -> Control<T> {
        // PI gains of Hairer, Nørsett & Wanner (1993), II.4: α = 0.7/5, β = 0.4/5.
        Control::new(ORDER, 0.7, 0.4, 0.9, 0.2, 10.0)
    }

    fn prepare(&mut self, system: &mut S) -> Result<(), SolveError> {
        self.dim = system.dim();
        self.stale = [false; W];
        self.slopes.clear();
        self.slopes.resize(7 * self.dim, [T::zero(); W]);
        self.states.clear();
        self.states.resize(5 * self.dim, [T::zero(); W]);
        Ok(())
    }

    #[inline(always)]
    fn begin(
        &mut self,
        system: &mut S,
        fresh: &[bool; W],
        _changed: &[bool; W],
        t: &[T; W],
        _h: &[T; W],
        y: &[[T; W]],
    ) {
        if !fresh.contains(&true) && !self.stale.contains(&true) {
            return;
        }
        let new: [bool; W] = each_lane!(false, |l| fresh[l] || self.stale[l]);
        self.stale = [false; W];
        let n = self.dim;
        let (slope, scratch) = self.slopes.split_at_mut(n);
        system.rhs(t, y, &mut scratch[..n]);
        for i in 0..n {
            for l in 0..W {
                if new[l] {
                    slope[i][l] = scratch[i][l];
                }
            }
        }
    }

    #[inline(always)]
    fn slope(&self) -> &[[T; W]] {
        &self.slopes[..self.dim]
    }

    #[inline(always)]
    fn attempt(
        &mut self,
        system: &mut S,
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
        y_new: &mut [[T; W]],
        error: &mut [[T; W]],
    ) -> [bool; W] {
        let n = self.dim;
        stage!(self, system, t, h, y, &mut self.states[..n], 1, [0]);
        stage!(self, system, t, h, y, &mut self.states[n..2 * n], 2, [0, 1]);
        stage!(
            self,
            system,
            t,
            h,
            y,
            &mut self.states[2 * n..3 * n],
            3,
            [0, 1, 2]
        );
        stage!(
            self,
            system,
            t,
            h,
            y,
            &mut self.states[3 * n..4 * n],
            4,
            [0, 1, 2, 3]
        );
        stage!(
            self,
            system,
            t,
            h,
            y,
            &mut self.states[4 * n..],
            5,
            [0, 1, 2, 3, 4]
        );
        stage!(self, system, t, h, y, y_new, 6, [0, 1, 2, 3, 4, 5]);
        let weights: [[T; W]; 7] = scaled(h, &ERROR);
        for i in 0..n {
            let mut sum = [T::zero(); W];
            for j in 0..7 {
                let slope = self.slopes[j * n + i];
                for l in 0..W {
                    sum[l] += weights[j][l] * slope[l];
                }
            }
            error[i] = sum;
        }
        [false; W]
    }

    fn can_be_moved(&self) -> bool {
        true
    }

    fn interpolant_degree(&self) -> usize {
        4
    }

    /// h ‖f₇ − f₆‖ / ‖y₇ − y₆‖ of the last two stages, both at the end of the step, estimates h|λ| of the dominant eigenvalue (Hairer & Wanner, Solving
    /// ODEs II, IV.2). The boundary of stability lies at −3.507 on the negative real axis.
    fn at_edge_of_stability(&self, h: &[T; W], y_new: &[[T; W]]) -> Option<[bool; W]> {
        let n = self.dim;
        let (mut slopes, mut states) = ([T::zero(); W], [T::zero(); W]);
        for i in 0..n {
            for l in 0..W {
                let df = self.slopes[6 * n + i][l] - self.slopes[5 * n + i][l];
                let dy = y_new[i][l] - self.states[4 * n + i][l];
                slopes[l] += df * df;
                states[l] += dy * dy;
            }
        }
        let edge = T::of(0.9 * 3.5068);
        Some(each_lane!(false, |l| {
            h[l] * h[l] * slopes[l] > edge * edge * states[l]
        }))
    }

    fn moved(&mut self, lanes: &[bool; W]) {
        for l in 0..W {
            self.stale[l] |= lanes[l];
        }
    }

    #[inline(always)]
    fn accept(&mut self, accepted: &[bool; W]) {
        let n = self.dim;
        let (first, rest) = self.slopes.split_at_mut(n);
        let last = &rest[5 * n..6 * n];
        for i in 0..n {
            for l in 0..W {
                if accepted[l] {
                    first[i][l] = last[i][l];
                }
            }
        }
    }

    #[inline(always)]
    fn interpolate(
        &self,
        theta: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
        _y_new: &[[T; W]],
        out: &mut [[T; W]],
    ) {
        let n = self.dim;
        let mut weights = interpolant_weights(theta);
        for weight in &mut weights {
            for l in 0..W {
                weight[l] *= h[l];
            }
        }
        let k = &self.slopes;
        combine(
            out,
            y,
            weights,
            std::array::from_fn(|j| &k[j * n..(j + 1) * n]),
        );
    }

    fn begin_cost(&self, _lane: usize, fresh: bool) -> Statistics {
        Statistics {
            rhs_evaluations: usize::from(fresh),
            ..Statistics::default()
        }
    }

    fn attempt_cost(&self, _lane: usize) -> Statistics {
        Statistics {
            rhs_evaluations: 6,
            ..Statistics::default()
        }
    }
}
