//! POLLU: the chemistry of an air pollution model, 20 species in 25 reactions, a small sparse network.
use crate::{Jacobian, SparsityPattern, System};

/// Air pollution chemistry of the RIVM (Verwer 1994, SIAM J. Sci. Comput. 15, 1243), problem POLLU of the IVP test set. Span 0 to 60 minutes, published
/// with atol equal to rtol, which leaves the radicals (1e-17 to 1e-6) to follow the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Pollu {
    pattern: SparsityPattern,
    /// (position in the pattern, rate coefficient with sign, the other reactant).
    terms: Vec<(usize, f64, Option<usize>)>,
}

/// Rate coefficient, reactants, products (species counted from 0).
const REACTIONS: [(f64, &[usize], &[usize]); 25] = [
    (0.35, &[0], &[1, 2]),
    (26.6, &[1, 3], &[0]),
    (1.23e4, &[4, 1], &[5, 0]),
    (8.6e-4, &[6], &[4, 4, 7]),
    (8.2e-4, &[6], &[7]),
    (1.5e4, &[6, 5], &[4, 7]),
    (1.3e-4, &[8], &[4, 7, 9]),
    (2.4e4, &[8, 5], &[10]),
    (1.65e4, &[10, 1], &[0, 9, 11]),
    (9e3, &[10, 0], &[12]),
    (0.022, &[12], &[10, 0]),
    (1.2e4, &[9, 1], &[13, 0]),
    (1.88, &[13], &[4, 6]),
    (1.63e4, &[0, 5], &[14]),
    (4.8e6, &[2], &[3]),
    (3.5e-4, &[3], &[15]),
    (0.0175, &[3], &[2]),
    (1e8, &[15], &[5, 5]),
    (4.44e11, &[15], &[2]),
    (1.24e3, &[16, 5], &[4, 17]),
    (2.1, &[18], &[1]),
    (5.78, &[18], &[0, 2]),
    (0.0474, &[0, 3], &[18]),
    (1.78e3, &[18, 0], &[19]),
    (3.12, &[19], &[18, 0]),
];

impl Pollu {
    /// Initial state, in ppm.
    pub const START: [f64; 20] = [
        0.0, 0.2, 0.0, 0.04, 0.0, 0.0, 0.1, 0.3, 0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.007,
        0.0, 0.0, 0.0,
    ];
    /// End of the published span, in minutes.
    pub const END: f64 = 60.0;
    /// atol over rtol, as published.
    pub const ATOL_OVER_RTOL: f64 = 1.0;
    /// Solution at the end, from the IVP test set (Mazzia & Magherini, release 2.4, 2008, II-2); checked by `tests/fixtures/references.py`.
    pub const AT_END: [f64; 20] = [
        0.564_625_548_002_276_9e-1,
        0.134_248_413_042_233_9,
        0.413_973_433_109_942_7e-8,
        0.552_314_020_748_435_9e-2,
        0.201_897_726_230_219_6e-6,
        0.146_454_186_349_396_6e-6,
        0.778_424_911_899_796_4e-1,
        0.324_507_535_339_601_8,
        0.749_401_338_388_040_6e-2,
        0.162_229_315_730_156_1e-7,
        0.113_586_383_325_707_5e-7,
        0.223_050_597_572_135_9e-2,
        0.208_716_288_279_863e-3,
        0.139_692_101_684_015_8e-4,
        0.896_488_485_689_829_5e-2,
        0.435_284_636_933_010_3e-17,
        0.689_921_969_626_340_5e-2,
        0.100_780_303_736_594_6e-3,
        0.177_214_651_396_998_4e-5,
        0.568_294_329_231_639_2e-4,
    ];

    /// The problem, with its pattern laid out.
    pub fn new() -> Self {
        let mut entries = Vec::new();
        for (k, reactants, products) in REACTIONS {
            for (at, &column) in reactants.iter().enumerate() {
                let other = reactants.get(1 - at).copied();
                entries.extend(reactants.iter().map(|&i| (column, i, -k, other)));
                entries.extend(products.iter().map(|&i| (column, i, k, other)));
            }
        }
        let mut positions: Vec<(usize, usize)> = entries.iter().map(|e| (e.0, e.1)).collect();
        positions.sort_unstable();
        positions.dedup();
        let offsets: Vec<usize> = (0..=20)
            .map(|column| positions.partition_point(|p| p.0 < column))
            .collect();
        let rows: Vec<usize> = positions.iter().map(|p| p.1).collect();
        let slot = |column, row| positions.partition_point(|&p| p < (column, row));
        Self {
            pattern: SparsityPattern::known(&offsets, &rows),
            terms: entries
                .into_iter()
                .map(|(column, row, k, other)| (slot(column, row), k, other))
                .collect(),
        }
    }
}

impl Default for Pollu {
    fn default() -> Self {
        Self::new()
    }
}

impl System for Pollu {
    fn dim(&self) -> usize {
        20
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        d.fill(0.0);
        for (k, reactants, products) in REACTIONS {
            let rate = reactants.iter().fold(k, |rate, &i| rate * y[i]);
            reactants.iter().for_each(|&i| d[i] -= rate);
            products.iter().for_each(|&i| d[i] += rate);
        }
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}

impl Jacobian for Pollu {
    fn sparsity(&self) -> SparsityPattern {
        self.pattern.clone()
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        values.fill(0.0);
        for &(slot, k, other) in &self.terms {
            values[slot] += k * other.map_or(1.0, |i| y[i]);
        }
    }
}
