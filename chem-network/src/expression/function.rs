//! The intrinsic functions of Fortran that rate expressions use.

macro_rules! functions {
    ($($variant:ident = $name:literal $(| $alias:literal)* takes $least:literal ..= $most:literal,)*) => {
        /// An intrinsic function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Function { $($variant),* }

        impl Function {
            /// The function of this name (lower case), the double-precision names included.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $alias)* => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The generic name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Least and greatest number of arguments.
            pub fn arguments(self) -> (usize, usize) {
                match self { $(Self::$variant => ($least, $most)),* }
            }
        }
    };
}

functions! {
    Exp = "exp" | "dexp" takes 1..=1,
    Log = "log" | "dlog" | "alog" takes 1..=1,
    Log10 = "log10" | "dlog10" | "alog10" takes 1..=1,
    Sqrt = "sqrt" | "dsqrt" takes 1..=1,
    Abs = "abs" | "dabs" takes 1..=1,
    Sin = "sin" | "dsin" takes 1..=1,
    Cos = "cos" | "dcos" takes 1..=1,
    Tan = "tan" | "dtan" takes 1..=1,
    Asin = "asin" | "dasin" takes 1..=1,
    Acos = "acos" | "dacos" takes 1..=1,
    Atan = "atan" | "datan" takes 1..=1,
    Sinh = "sinh" | "dsinh" takes 1..=1,
    Cosh = "cosh" | "dcosh" takes 1..=1,
    Tanh = "tanh" | "dtanh" takes 1..=1,
    Real = "dble" | "real" takes 1..=1,
    Min = "min" | "dmin1" | "amin1" takes 2..=32,
    Max = "max" | "dmax1" | "amax1" takes 2..=32,
    Merge = "merge" takes 3..=3,
}

impl Function {
    /// Whether integer arguments give an integer.
    pub fn keeps_type(self) -> bool {
        matches!(self, Self::Abs | Self::Min | Self::Max)
    }
}
