//! Functions of the temperature that KROME defines for every network file and no file defines.

use super::ast::{Expr, Variable};
use super::parser::{Meaning, parse};

macro_rules! shortcuts {
    ($($variant:ident = $name:literal: $text:literal,)*) => {
        /// A built-in function of T, as in KROME's `get_Tshortcut` (Grassi et al. 2014, MNRAS 439,
        /// 2386, section 2.3). KROME multiplies by 1/300 where `T32` divides by 300 here: they
        /// differ by rounding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Shortcut { $($variant),* }

        impl Shortcut {
            /// All shortcuts; each is defined by `Tgas` and those before it.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Its definition.
            pub fn definition(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    };
}

shortcuts! {
    LogT = "logT": "log10(Tgas)",
    LnT = "lnT": "log(Tgas)",
    Te = "Te": "Tgas*8.617343d-5",
    LnTe = "lnTe": "log(Te)",
    T32 = "T32": "Tgas/3d2",
    T3 = "t3": "T32",
    T4 = "t4": "Tgas*1d-4",
    InvT = "invT": "1d0/Tgas",
    InvT32 = "invT32": "1d0/T32",
    InvTgas = "invTgas": "1d0/Tgas",
    InvTe = "invTe": "1d0/Te",
    SqrTgas = "sqrTgas": "sqrt(Tgas)",
    InvSqrT32 = "invsqrT32": "1d0/sqrt(T32)",
    InvSqrT = "invsqrT": "1d0/sqrTgas",
    SqrT32 = "sqrT32": "sqrt(T32)",
    Tgas2 = "Tgas2": "Tgas*Tgas",
    Tgas3 = "Tgas3": "Tgas2*Tgas",
    Tgas4 = "Tgas4": "Tgas3*Tgas",
    T0 = "T0": "2.88d2",
    T02 = "T02": "T0*T0",
    T03 = "T03": "T02*T0",
    T04 = "T04": "T03*T0",
    T0Inv = "T0inv": "1d0/T0",
}

impl Shortcut {
    /// The shortcut of this name; Fortran knows no case.
    pub fn from_name(name: &str) -> Option<Self> {
        let named = |one: &&Self| one.name().eq_ignore_ascii_case(name);
        Self::ALL.iter().find(named).copied()
    }
}

impl Shortcut {
    /// It as an expression of T and earlier shortcuts.
    pub fn tree(self) -> Option<Expr> {
        let names = |name: &str| {
            let earlier = Self::from_name(name).map(Variable::Shortcut);
            Meaning::Is(Expr::Variable(earlier.unwrap_or(Variable::Temperature)))
        };
        parse(self.definition(), &names).ok()
    }
}
