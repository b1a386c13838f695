//! Kvaerno's singly diagonally implicit method of order 5(4): for stiff systems whose solves are differentiated, or whose Jacobian is not exact.
use super::newton::Newton;
use super::{Method, Stepper, combine, scaled};
use crate::adjoint::{Note, Recorded, Reversible, Transposed};
use crate::controller::Control;
use crate::{LaneJacobian, Options, Scalar, SolveError, Statistics};

/// Singly diagonally implicit Runge-Kutta pair of order 5(4) with an explicit first stage and six implicit ones (ESDIRK), stiffly accurate, A- and L-stable;
/// dense output of order 4, bounded for infinitely stiff components.
///
/// Choose it for stiff systems where a solve is to be differentiated in reverse (its stages are plain Runge-Kutta stages), or where only an approximate
/// Jacobian is at hand: accuracy does not depend on it, only the speed of Newton's iteration. Jacobian and factorisation are kept over steps while the
/// iteration converges fast. With an exact Jacobian [`super::Rodas5p`] needs fewer evaluations at loose tolerances.
///
/// Source: A. Kværnø, Singly diagonally implicit Runge-Kutta methods with an explicit first stage, BIT Numerical Mathematics 44 (2004) 489,
/// doi:10.1023/B:BITN.0000046811.70614.38, method 5/4 with γ = 0.26; its order conditions are tested. The interpolant is our own:
/// `tests/fixtures/kvaerno5_interpolant.py` derives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kvaerno5;

/// The diagonal of all implicit stages.
pub(crate) const GAMMA: f64 = 0.26;
/// Nodes: the row sums of [`A`] with its diagonal.
pub(crate) const C: [f64; 7] = [
    0.0,
    0.52,
    1.230_333_209_967_908,
    0.895_765_984_350_076,
    0.436_393_609_858_647_6,
    1.0,
    1.0,
];
/// Stage weights below the diagonal. Row 7 is the step itself, row 6 the embedded step of order 4.
pub(crate) const A: [[f64; 6]; 7] = [
    [0.0; 6],
    [0.26, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.13, 0.840_333_209_967_908_1, 0.0, 0.0, 0.0, 0.0],
    [
        0.223_719_614_783_205_05,
        0.476_755_323_197_997,
        -0.064_708_953_631_126_15,
        0.0,
        0.0,
        0.0,
    ],
    [
        0.166_485_643_232_483_2,
        0.104_500_188_415_917_2,
        0.036_314_822_720_987_15,
        -0.130_907_044_510_739_98,
        0.0,
        0.0,
    ],
    [
        0.138_556_402_312_682_24,
        0.0,
        -0.042_453_372_017_520_43,
        0.024_466_578_980_031_41,
        0.619_430_390_724_806_8,
        0.0,
    ],
    [
        0.136_597_511_776_402_9,
        0.0,
        -0.054_969_087_965_383_76,
        -0.041_186_267_283_210_46,
        0.629_933_048_990_164,
        0.069_624_794_482_027_28,
    ],
];
/// First guess of the slope of stage j + 1 from those before: the polynomial through them, at its node. The last stage starts from the sixth, at the same node.
const GUESS: [[f64; 5]; 6] = [
    [0.0; 5],
    [1.0, 0.0, 0.0, 0.0, 0.0],
    [
        -1.366_025_403_784_438_6,
        2.366_025_403_784_438_4,
        0.0,
        0.0,
        0.0,
    ],
    [
        -0.196_505_526_131_221_9,
        0.811_357_954_649_662_3,
        0.385_147_571_481_559_6,
        0.0,
        0.0,
    ],
    [
        0.053_207_291_723_153_75,
        1.146_694_670_770_721_7,
        0.057_321_093_628_629_895,
        -0.257_223_056_122_505_7,
        0.0,
    ],
    [
        -0.025_970_728_708_434_414,
        -1.166_056_350_922_207_3,
        0.121_470_519_696_292_52,
        1.204_518_310_600_345_4,
        0.866_038_249_334_004,
    ],
];
/// Row j: weight of slope j in the state at t + θ h is h times the polynomial of these coefficients of θ, θ², θ³, θ⁴.
pub(crate) const INTERPOLANT: [[f64; 4]; 7] = [
    [
        0.972_747_927_292_191,
        -2.043_952_656_934_939,
        1.739_467_007_700_500_1,
        -0.531_664_766_281_349_4,
    ],
    [0.0; 4],
    [
        -0.174_118_560_830_497_34,
        1.022_164_171_914_159_9,
        -1.592_243_485_095_941_7,
        0.689_228_786_046_895_4,
    ],
    [
        -0.913_361_980_521_246_8,
        0.274_689_809_220_369_8,
        2.810_736_873_503_659_5,
        -2.213_250_969_485_992_8,
    ],
    [
        0.146_112_915_128_185_53,
        3.106_350_496_583_038,
        -4.256_850_159_793_291_5,
        1.634_319_797_072_231_6,
    ],
    [
        -1.312_132_893_081_140_7,
        2.488_855_909_027_971_6,
        1.512_819_592_782_626_5,
        -2.619_917_814_247_43,
    ],
    [
        2.280_752_592_012_509,
        -4.848_107_729_810_6,
        -0.213_929_829_097_553_98,
        3.041_284_966_895_644_6,
    ],
];
/// Fraction of the tolerance to which stages are solved.
const NEWTON_TOLERANCE: f64 = 0.02;
/// Convergence slower than this asks for a new Jacobian.
const SLOW: f64 = 0.02;

impl<T: Scalar, const W: usize> Method<T, W> for Kvaerno5 {
    type Stepper = Kvaerno5Stepper<T, W>;
    fn stepper(&self) -> Self::Stepper {
        Kvaerno5Stepper {
            dim: 0,
            slopes: Vec::new(),
            states: Vec::new(),
            base: Vec::new(),
            stale: [false; W],
            newton: Newton::new(NEWTON_TOLERANCE, SLOW),
        }
    }
}

/// Working memory of [`Kvaerno5`] over W lanes.
#[derive(Clone, Debug)]
pub struct Kvaerno5Stepper<T, const W: usize> {
    dim: usize,
    /// Seven stage slopes, one after the other.
    slopes: Vec<[T; W]>,
    /// States of stages 2 to 7, kept for the reverse pass.
    states: Vec<[T; W]>,
    base: Vec<[T; W]>,
    /// Lanes whose first slope belongs to a state that was moved since.
    stale: [bool; W],
    newton: Newton<T, W>,
}

impl<T: Scalar, const W: usize> Recorded<T, W> for Kvaerno5Stepper<T, W> {
    const A: [[f64; 6]; 7] = A;
    const C: [f64; 7] = C;
    const GAMMA: f64 = GAMMA;

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
    fn note(&self, lane: usize) -> Note<T> {
        self.newton.note(lane)
    }
    fn renew_every(&mut self, steps: usize) {
        self.newton.renew_every(steps);
    }
    fn resume(&mut self, slope: &[[T; W]]) {
        self.slopes[..self.dim].copy_from_slice(slope);
        (0..W).for_each(|l| self.newton.forget(l));
    }
    fn recall(&mut self, lane: usize, note: Note<T>) {
        self.newton.recall(lane, note);
    }
}

impl<T: Scalar, S: LaneJacobian<T, W>, const W: usize> Reversible<T, S, W>
    for Kvaerno5Stepper<T, W>
{
    fn prepare_transposed(transposed: &mut Transposed<T, W>, system: &mut S) {
        transposed.prepare(system);
    }
    fn solve_transposed(
        transposed: &mut Transposed<T, W>,
        system: &mut S,
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
        r: &mut [[T; W]],
    ) -> [bool; W] {
        let h_gamma = each_lane!(T::zero(), |l| h[l] * T::of(GAMMA));
        transposed.solve(system, t, &h_gamma, y, r)
    }
}

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

/// Stage `$s`: what earlier slopes give, a guess of its own slope, Newton's iteration.
macro_rules! stage {
    ($self:ident, $system:ident, $t:ident, $h:ident, $y:ident, $s:literal, [$($j:literal),*], guess [$($g:literal: $weight:expr),*]) => {{
        let n = $self.dim;
        let (before, rest) = $self.slopes.split_at_mut($s * n);
        let slope = &mut rest[..n];
        let state = &mut $self.states[($s - 1) * n..$s * n];
        combine(&mut $self.base, $y, scaled($h, &A[$s]), [$(&before[$j * n..($j + 1) * n]),*]);
        combine(
            state,
            &$self.base,
            scaled($h, &[$(GAMMA * $weight),*]),
            [$(&before[$g * n..($g + 1) * n]),*],
        );
        let at = each_lane!(T::zero(), |l| $t[l] + $h[l] * T::of(C[$s]));
        $self.newton.solve($system, &at, &$self.base, state, Some(slope));
    }};
}

impl<T: Scalar, S: LaneJacobian<T, W>, const W: usize> Stepper<T, S, W> for Kvaerno5Stepper<T, W> {
    fn control(&self) -> Control<T> {
        Control::new(5, 1.0, 0.0, 0.9, 0.2, 6.0)
    }

    fn prepare(&mut self, system: &mut S) -> Result<(), SolveError> {
        let n = system.dim();
        self.dim = n;
        self.stale = [false; W];
        for (array, length) in [
            (&mut self.slopes, 7 * n),
            (&mut self.states, 6 * n),
            (&mut self.base, n),
        ] {
            array.clear();
            array.resize(length, [T::zero(); W]);
        }
        self.newton.prepare(system)
    }

    fn set_tolerances(&mut self, options: &Options<T>, atol: &[T]) {
        self.newton.set_tolerances(options, atol);
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
        let n = self.dim;
        let (slope, scratch) = self.slopes.split_at_mut(n);
        system.rhs(t, y, &mut scratch[..n]);
        for l in 0..W {
            if fresh[l] {
                self.newton.forget(l);
            }
            if fresh[l] || self.stale[l] {
                for i in 0..n {
                    slope[i][l] = scratch[i][l];
                }
            }
        }
        self.stale = [false; W];
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
        let shift = each_lane!(T::zero(), |l| T::one() / (h[l] * T::of(GAMMA)));
        self.newton.start(system, t, y, &shift);
        stage!(self, system, t, h, y, 1, [0], guess [0: 1.0]);
        stage!(self, system, t, h, y, 2, [0, 1], guess [0: GUESS[2][0], 1: GUESS[2][1]]);
        stage!(self, system, t, h, y, 3, [0, 1, 2],
            guess [0: GUESS[3][0], 1: GUESS[3][1], 2: GUESS[3][2]]);
        stage!(self, system, t, h, y, 4, [0, 1, 2, 3],
            guess [0: GUESS[4][0], 1: GUESS[4][1], 2: GUESS[4][2], 3: GUESS[4][3]]);
        stage!(self, system, t, h, y, 5, [0, 1, 2, 3, 4],
            guess [0: GUESS[5][0], 1: GUESS[5][1], 2: GUESS[5][2], 3: GUESS[5][3], 4: GUESS[5][4]]);
        stage!(self, system, t, h, y, 6, [0, 1, 2, 3, 4, 5], guess [5: 1.0]);
        let lost: [bool; W] = each_lane!(false, |l| self.newton.not_finite(l));
        let (embedded, step) = (&self.states[4 * n..5 * n], &self.states[5 * n..6 * n]);
        for i in 0..n {
            let (low, high) = (embedded[i], step[i]);
            error[i] = each_lane!(T::zero(), |l| high[l] - low[l]);
            y_new[i] = each_lane!(T::zero(), |l| if lost[l] { T::nan() } else { high[l] });
        }
        self.newton.singular()
    }

    fn retry_factor(&self, lane: usize) -> Option<T> {
        self.newton.retry_factor(lane)
    }

    fn step_factor(&mut self, lane: usize, _error: T, accepted: bool, proposed: T) -> T {
        self.newton.step_factor(lane, accepted, proposed)
    }

    fn can_be_moved(&self) -> bool {
        true
    }

    fn interpolant_degree(&self) -> usize {
        4
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
        for l in 0..W {
            if accepted[l] {
                self.newton.accepted(l);
            }
        }
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
        // The second slope has no weight.
        let [a, _, c, d, e, f, g] = weights;
        let k = |j: usize| &self.slopes[j * n..(j + 1) * n];
        combine(
            out,
            y,
            [a, c, d, e, f, g],
            [k(0), k(2), k(3), k(4), k(5), k(6)],
        );
    }

    #[cold]
    fn undeclared_dependence(
        &self,
        system: &mut S,
        lane: usize,
        t: &[T; W],
        y: &[[T; W]],
    ) -> Option<(usize, usize)> {
        system.undeclared_dependence(lane, t, y)
    }

    fn begin_cost(&self, _lane: usize, fresh: bool) -> Statistics {
        Statistics {
            rhs_evaluations: usize::from(fresh),
            ..Statistics::default()
        }
    }

    fn attempt_cost(&self, lane: usize) -> Statistics {
        self.newton.cost(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The weights of a stage with its diagonal.
    fn row(s: usize) -> [f64; 7] {
        let mut row = [0.0; 7];
        row[..6].copy_from_slice(&A[s]);
        if s > 0 {
            row[s] = GAMMA;
        }
        row
    }
    fn dot(weights: &[f64; 7], x: [f64; 7]) -> f64 {
        weights.iter().zip(x).map(|(w, x)| w * x).sum()
    }
    fn apply(x: [f64; 7]) -> [f64; 7] {
        std::array::from_fn(|s| dot(&row(s), x))
    }
    fn power(p: i32) -> [f64; 7] {
        C.map(|c| c.powi(p))
    }
    fn times(a: [f64; 7], b: [f64; 7]) -> [f64; 7] {
        std::array::from_fn(|s| a[s] * b[s])
    }

    /// What is left of the conditions up to an order, θ being the end of the step.
    fn residual(weights: &[f64; 7], order: usize, theta: f64) -> f64 {
        let (c, ac, ac2) = (power(1), apply(power(1)), apply(power(2)));
        let trees = [
            (1, power(0), 1.0),
            (2, c, 2.0),
            (3, power(2), 3.0),
            (3, ac, 6.0),
            (4, power(3), 4.0),
            (4, times(c, ac), 8.0),
            (4, ac2, 12.0),
            (4, apply(ac), 24.0),
            (5, power(4), 5.0),
            (5, times(power(2), ac), 10.0),
            (5, times(ac, ac), 20.0),
            (5, times(c, ac2), 15.0),
            (5, times(c, apply(ac)), 30.0),
            (5, apply(power(3)), 20.0),
            (5, apply(times(c, ac)), 40.0),
            (5, apply(ac2), 60.0),
            (5, apply(apply(ac)), 120.0),
        ];
        trees
            .iter()
            .filter(|tree| tree.0 <= order)
            .map(|&(p, phi, gamma)| (dot(weights, phi) - theta.powi(p as i32) / gamma).abs())
            .fold(0.0, f64::max)
    }

    #[test]
    fn the_table_fulfils_the_order_conditions() {
        for s in 0..7 {
            assert!(
                (row(s).iter().sum::<f64>() - C[s]).abs() < 1e-15,
                "node {s}"
            );
        }
        assert!(residual(&row(6), 5, 1.0) < 1e-15);
        assert!(residual(&row(5), 4, 1.0) < 1e-15);
        assert!(residual(&row(5), 5, 1.0) > 1e-4);
    }

    #[test]
    fn the_interpolant_has_order_4_and_ends_at_the_step() {
        for theta in [0.0, 0.1, 0.35, 0.6, 0.85, 1.0] {
            let weights = interpolant_weights::<f64, 1>(&[theta]).map(|w| w[0]);
            assert!(residual(&weights, 4, theta) < 1e-14, "{theta}");
        }
        let end = interpolant_weights::<f64, 1>(&[1.0]).map(|w| w[0]);
        for (a, b) in end.iter().zip(row(6)) {
            assert!((a - b).abs() < 1e-14);
        }
    }
}
