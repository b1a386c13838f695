//! The norm in which errors are judged.
use crate::Scalar;
use crate::row::{Row, WIDTH, parts, pass, run};

/// Root mean square over components of x_i / (atol_i + rtol·max(|y_i|, |z_i|)), per lane.
#[inline(always)]
pub(crate) fn rms<T: Scalar, const W: usize>(
    x: &[[T; W]],
    y: &[[T; W]],
    z: &[[T; W]],
    atol: &[T],
    rtol: T,
) -> [T; W] {
    if W == 1 && x.len() >= WIDTH {
        let (norm, _) = alone(x, y, z, atol, &[rtol]);
        return [norm; W];
    }
    norm(x, y, z, &atol[..x.len()], |_| rtol)
}

/// [`rms`] with a relative tolerance of each component.
#[inline(never)]
pub(crate) fn rms_each<T: Scalar, const W: usize>(
    x: &[[T; W]],
    y: &[[T; W]],
    z: &[[T; W]],
    atol: &[T],
    rtol: &[T],
) -> [T; W] {
    let rtol = &rtol[..x.len()];
    if W == 1 && x.len() >= WIDTH {
        let (norm, _) = alone(x, y, z, atol, rtol);
        return [norm; W];
    }
    norm(x, y, z, &atol[..x.len()], |i| rtol[i])
}

/// [`rms`], and whether all of z are finite. `rtol` is of each component, or one of all.
#[inline(always)]
pub(crate) fn rms_and_finite<T: Scalar, const W: usize>(
    x: &[[T; W]],
    y: &[[T; W]],
    z: &[[T; W]],
    atol: &[T],
    rtol: &[T],
) -> ([T; W], [bool; W]) {
    if W == 1 && x.len() >= WIDTH {
        let (norm, finite) = alone(x, y, z, atol, rtol);
        return ([norm; W], [finite; W]);
    }
    let norm = match rtol {
        [rtol] => rms(x, y, z, atol, *rtol),
        _ => rms_each(x, y, z, atol, rtol),
    };
    let mut probe = [T::zero(); W];
    for z in z {
        for l in 0..W {
            // 0 where z is finite, not-a-number otherwise.
            probe[l] += z[l] * T::zero();
        }
    }
    (norm, probe.map(|probe| probe == T::zero()))
}

/// [`rms_and_finite`] in one lane.
#[inline(always)]
fn alone<T: Scalar, const W: usize>(
    x: &[[T; W]],
    y: &[[T; W]],
    z: &[[T; W]],
    atol: &[T],
    rtol: &[T],
) -> (T, bool) {
    let n = x.len();
    let mut finite = false;
    let norm = run(Rms {
        x: x.as_flattened(),
        y: &y.as_flattened()[..n],
        z: &z.as_flattened()[..n],
        atol: &atol[..n],
        rtol,
        finite: &mut finite,
    });
    (norm, finite)
}

/// [`rms`] in one lane, and whether all of z are finite.
struct Rms<'a, T> {
    x: &'a [T],
    y: &'a [T],
    z: &'a [T],
    atol: &'a [T],
    /// Of each component, or one of all.
    rtol: &'a [T],
    finite: &'a mut bool,
}

pass!(Rms);

impl<T: Scalar> Rms<'_, T> {
    #[inline(always)]
    fn of<P: Row<T>>(self) -> T {
        let common = match self.rtol {
            [rtol] => Some(P::splat(*rtol)),
            _ => None,
        };
        let zero = P::zero();
        let (mut norm, mut probe) = (Norm::<P>::new(), zero);
        parts!(self.x.len(), |at, len| {
            let z = P::take(self.z, at, len);
            probe = probe.plus(z.times(zero));
            let rtol = match common {
                Some(rtol) => rtol,
                None => P::take(self.rtol, at, len),
            };
            let size = P::take(self.y, at, len).size().larger(z.size());
            let scale = P::take(self.atol, at, len).plus(rtol.times(size));
            norm.add(P::take(self.x, at, len).over(scale));
        });
        *self.finite = probe.total() == T::zero();
        norm.of(self.x.len())
    }
}

/// The norm of [`rms`] as it grows, of components in units of their tolerances.
#[derive(Clone, Copy)]
pub(crate) struct Norm<P> {
    squares: P,
    largest: P,
}

impl<P> Norm<P> {
    #[inline(always)]
    pub fn new<T: Scalar>() -> Self
    where
        P: Row<T>,
    {
        Self {
            squares: P::zero(),
            largest: P::zero(),
        }
    }

    #[inline(always)]
    pub fn add<T: Scalar>(&mut self, q: P)
    where
        P: Row<T>,
    {
        let square = q.times(q);
        self.squares = self.squares.plus(square);
        self.largest = square.larger(self.largest);
    }

    /// That of so many components.
    #[inline(always)]
    pub fn of<T: Scalar>(self, components: usize) -> T
    where
        P: Row<T>,
    {
        let mean = self.squares.total() / T::of(components.max(1) as f64);
        let worst = self.largest.largest() / T::of(SHARE);
        if worst > mean { worst } else { mean }.sqrt()
    }
}

/// The worst component weighs in the norm as one of at most so many. In a plain mean over 449 species, one of them may be wrong by 21 times its
/// tolerance (HCl and Cl⁺ of the complete OSU network were, by 3 % at rtol 1e-3).
pub(crate) const SHARE: f64 = 30.0;

#[inline(always)]
fn norm<T: Scalar, const W: usize>(
    x: &[[T; W]],
    y: &[[T; W]],
    z: &[[T; W]],
    atol: &[T],
    rtol: impl Fn(usize) -> T,
) -> [T; W] {
    let n = x.len();
    let (y, z, atol) = (&y[..n], &z[..n], &atol[..n]);
    // Four partial sums: a single one would chain n additions, one after the other.
    let mut sums = [[T::zero(); W]; 4];
    let mut largest = [T::zero(); W];
    for i in 0..n {
        let (x, y, z) = (x[i], y[i], z[i]);
        let sum = &mut sums[i % 4];
        for l in 0..W {
            let (a, b) = (y[l].abs(), z[l].abs());
            let scale = atol[i] + rtol(i) * if a > b { a } else { b };
            // A zero scale (component 0, atol 0) judges an exact zero as right.
            let q = if scale == T::zero() && x[l] == T::zero() {
                T::zero()
            } else {
                x[l] / scale
            };
            let square = q * q;
            sum[l] += square;
            largest[l] = if square > largest[l] {
                square
            } else {
                largest[l]
            };
        }
    }
    let count = T::of(n.max(1) as f64);
    each_lane!(T::zero(), |l| {
        let mean = (sums[0][l] + sums[1][l] + sums[2][l] + sums[3][l]) / count;
        let worst = largest[l] / T::of(SHARE);
        if worst > mean { worst } else { mean }.sqrt()
    })
}

#[cfg(test)]
mod tests {
    use super::{norm, rms_and_finite};
    use proptest::prelude::*;

    proptest! {
        /// In registers as one by one, but for the order of additions.
        #[test]
        fn one_lane_has_the_same_norm(
            rows in prop::collection::vec(
                (-1.0..1.0f64, -1e3..1e3f64, -1e3..1e3f64, 1e-6..1.0f64, 1e-6..1.0f64),
                1..40,
            ),
            zeros in prop::collection::vec(0usize..40, 0..3),
            spoiled in prop::option::of(0usize..40),
        ) {
            let one = |of: fn(&(f64, f64, f64, f64, f64)) -> f64| -> Vec<f64> {
                rows.iter().map(of).collect()
            };
            let (mut x, mut y, mut z) = (one(|r| r.0), one(|r| r.1), one(|r| r.2));
            let (mut atol, rtol) = (one(|r| r.3), one(|r| r.4));
            // Components that are 0 and stay so, without tolerance.
            for at in zeros {
                let at = at % rows.len();
                (x[at], y[at], z[at], atol[at]) = (0.0, 0.0, 0.0, 0.0);
            }
            let lanes = |x: &[f64]| -> Vec<[f64; 1]> { x.iter().map(|&x| [x]).collect() };
            let (x, y, mut z) = (lanes(&x), lanes(&y), lanes(&z));
            let [right] = norm(&x, &y, &z, &atol, |i| rtol[i]);
            let ([found], finite) = rms_and_finite(&x, &y, &z, &atol, &rtol);
            prop_assert!((found / right - 1.0).abs() < 1e-14 || found == right);
            prop_assert_eq!(finite, [true]);
            let [right] = norm(&x, &y, &z, &atol, |_| rtol[0]);
            let ([found], _) = rms_and_finite(&x, &y, &z, &atol, &rtol[..1]);
            prop_assert!((found / right - 1.0).abs() < 1e-14 || found == right);
            if let Some(at) = spoiled {
                z[at % rows.len()] = [f64::NAN];
                let (_, finite) = rms_and_finite(&x, &y, &z, &atol, &rtol);
                prop_assert_eq!(finite, [false]);
            }
        }
    }
}
