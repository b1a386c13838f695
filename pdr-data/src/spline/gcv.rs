//! The least value of a function of one variable within bounds (Brent 1973, chapter 5), step by step as SciPy's bounded
//! `minimize_scalar` takes it, so that both end at the same λ.

/// SciPy's default `xatol`, which its smoothing spline does not change: absolute, whatever the size of λ.
const TOLERANCE: f64 = 1e-5;
const EVALUATIONS: usize = 500;

/// Where `f` is least on (0, `upper`), to about 1e-5.
pub(super) fn minimum(f: impl Fn(f64) -> f64, upper: f64) -> f64 {
    let golden = 0.5 * (3.0 - 5f64.sqrt());
    let root = f64::EPSILON.sqrt();
    let (mut a, mut b) = (0.0, upper);
    let mut x = a + golden * (b - a);
    let (mut second, mut third) = (x, x);
    let mut fx = f(x);
    let (mut f_second, mut f_third) = (fx, fx);
    let (mut step, mut before) = (0.0f64, 0.0f64);
    for _ in 1..EVALUATIONS {
        let middle = 0.5 * (a + b);
        let near = root * x.abs() + TOLERANCE / 3.0;
        if (x - middle).abs() <= 2.0 * near - 0.5 * (b - a) {
            break;
        }
        let mut parabola = false;
        if before.abs() > near {
            let r = (x - second) * (fx - f_third);
            let mut q = (x - third) * (fx - f_second);
            let mut p = (x - third) * q - (x - second) * r;
            q = 2.0 * (q - r);
            if q > 0.0 {
                p = -p;
            }
            q = q.abs();
            let last = before;
            before = step;
            if p.abs() < (0.5 * q * last).abs() && p > q * (a - x) && p < q * (b - x) {
                parabola = true;
                step = p / q;
                let to = x + step;
                if to - a < 2.0 * near || b - to < 2.0 * near {
                    step = if middle >= x { near } else { -near };
                }
            }
        }
        if !parabola {
            before = if x >= middle { a - x } else { b - x };
            step = golden * before;
        }
        let length = step.abs().max(near);
        let to = if step >= 0.0 { x + length } else { x - length };
        let f_to = f(to);
        if f_to <= fx {
            if to >= x {
                a = x;
            } else {
                b = x;
            }
            (third, f_third) = (second, f_second);
            (second, f_second) = (x, fx);
            (x, fx) = (to, f_to);
        } else {
            if to < x {
                a = to;
            } else {
                b = to;
            }
            if f_to <= f_second || second == x {
                (third, f_third) = (second, f_second);
                (second, f_second) = (to, f_to);
            } else if f_to <= f_third || third == x || third == second {
                (third, f_third) = (to, f_to);
            }
        }
    }
    x
}
