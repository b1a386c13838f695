//! Numbers that carry a derivative: value and d/dT of an expression in one pass.

/// The arithmetic that an evaluation needs; a plain number or a number with its derivative.
pub(super) trait Number: Copy {
    /// A constant.
    fn constant(value: f64) -> Self;
    /// The temperature, whose derivative is 1.
    fn temperature(value: f64) -> Self;
    /// The value alone.
    fn value(self) -> f64;
    /// f(x), given the value and f′(x).
    fn map(self, value: f64, slope: impl FnOnce() -> f64) -> Self;
    fn negative(self) -> Self;
    fn add(self, other: Self) -> Self;
    fn subtract(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
    fn divide(self, other: Self) -> Self;
    fn power(self, exponent: Self) -> Self;
}

/// a**b; b of small whole numbers as products.
fn power(a: f64, b: f64) -> f64 {
    if b.fract() == 0.0 && b.abs() <= 64.0 {
        a.powi(b as i32)
    } else {
        a.powf(b)
    }
}

impl Number for f64 {
    fn constant(value: f64) -> Self {
        value
    }
    fn temperature(value: f64) -> Self {
        value
    }
    fn value(self) -> f64 {
        self
    }
    fn map(self, value: f64, _slope: impl FnOnce() -> f64) -> Self {
        value
    }
    fn negative(self) -> Self {
        -self
    }
    fn add(self, other: Self) -> Self {
        self + other
    }
    fn subtract(self, other: Self) -> Self {
        self - other
    }
    fn multiply(self, other: Self) -> Self {
        self * other
    }
    fn divide(self, other: Self) -> Self {
        self / other
    }
    fn power(self, exponent: Self) -> Self {
        power(self, exponent)
    }
}

/// A value and its derivative with respect to T.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dual {
    pub value: f64,
    pub slope: f64,
}

impl Number for Dual {
    fn constant(value: f64) -> Self {
        Self { value, slope: 0.0 }
    }
    fn temperature(value: f64) -> Self {
        Self { value, slope: 1.0 }
    }
    fn value(self) -> f64 {
        self.value
    }
    fn map(self, value: f64, slope: impl FnOnce() -> f64) -> Self {
        // A constant has no slope, even where f has none that is finite (√0).
        let slope = if self.slope == 0.0 {
            0.0
        } else {
            slope() * self.slope
        };
        Self { value, slope }
    }
    fn negative(self) -> Self {
        Self {
            value: -self.value,
            slope: -self.slope,
        }
    }
    fn add(self, other: Self) -> Self {
        Self {
            value: self.value + other.value,
            slope: self.slope + other.slope,
        }
    }
    fn subtract(self, other: Self) -> Self {
        self.add(other.negative())
    }
    fn multiply(self, other: Self) -> Self {
        Self {
            value: self.value * other.value,
            slope: self.slope * other.value + self.value * other.slope,
        }
    }
    fn divide(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self {
            value,
            slope: (self.slope - value * other.slope) / other.value,
        }
    }
    fn power(self, exponent: Self) -> Self {
        let (a, b) = (self.value, exponent.value);
        let value = power(a, b);
        let mut slope = 0.0;
        if self.slope != 0.0 {
            slope += b * power(a, b - 1.0) * self.slope;
        }
        // a^b ln a goes to 0 with a; as 0 · ln 0 it would be no number.
        if exponent.slope != 0.0 && value != 0.0 {
            slope += value * a.ln() * exponent.slope;
        }
        Self { value, slope }
    }
}
