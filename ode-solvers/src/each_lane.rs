//! Arrays over lanes, filled by loops.

/// The value of every lane, filled over a blank. [`std::array::from_fn`] does the same by four functions for every closure and number of lanes: a tenth of
/// what a program with solvers in it has to compile.
macro_rules! each_lane {
    ($blank:expr, |$lane:ident| $value:expr) => {{
        let mut lanes = [$blank; _];
        for $lane in 0..lanes.len() {
            lanes[$lane] = $value;
        }
        lanes
    }};
}
