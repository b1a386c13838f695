//! Powers and logarithms for step control.

/// log2 of a positive normal number to 1e-7, the same on every machine. A step factor needs no more, and the library's functions cost as much as a
/// stage of a small system.
#[inline(always)]
pub(crate) fn log2(x: f64) -> f64 {
    // x = 2^e m with m in [√½, √2), so that the series below is short.
    let bits = x.to_bits();
    let shifted = bits.wrapping_add(0x3ff0_0000_0000_0000 - 0x3fe6_a09e_667f_3bcd);
    let e = (shifted >> 52) as i64 - 1023;
    let m = f64::from_bits(bits.wrapping_sub((e as u64) << 52));
    let z = (m - 1.0) / (m + 1.0);
    let z2 = z * z;
    e as f64
        + z * (2.885_390_081_777_926_8
            + z2 * (0.961_796_693_925_975_6
                + z2 * (0.577_078_016_355_585_3 + z2 * 0.412_198_583_111_132_4)))
}

/// 2^x for |x| < 1000 to 1e-7.
#[inline(always)]
pub(crate) fn exp2(x: f64) -> f64 {
    // To the nearest whole number, by the rounding of a sum that has no room for the rest.
    const ROOM: f64 = 6_755_399_441_055_744.0;
    let whole = (x + ROOM) - ROOM;
    let r = (x - whole) * std::f64::consts::LN_2;
    let fraction = 1.0
        + r * (1.0
            + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r / 720.0)))));
    fraction * f64::from_bits(((whole as i64 + 1023) as u64) << 52)
}

/// x^e of a positive normal number to about 1e-7 |e|, where the result is one too.
#[inline(always)]
pub(crate) fn power(x: f64, e: f64) -> f64 {
    exp2(e * log2(x))
}

#[cfg(test)]
mod tests {
    use super::{exp2, log2, power};

    #[test]
    fn logarithm_and_power_are_accurate_and_continuous() {
        for k in -4000..4000 {
            let x = f64::from(k) * 0.007_3;
            assert!((exp2(x) / x.exp2() - 1.0).abs() < 2e-7, "2^{x}");
            assert!((log2(x.exp2()) - x).abs() < 2e-7, "log2 of 2^{x}");
        }
    }

    #[test]
    fn powers_are_accurate() {
        for k in 1..2000 {
            let x = 1e-12 * 1.03f64.powi(k);
            for e in [0.8, -0.5, -1.0 / 6.0] {
                let right = x.powf(e);
                assert!((power(x, e) / right - 1.0).abs() < 3e-7, "{x}^{e}");
            }
        }
    }
}
