//! Published scores to stand beside ours: Grassi et al. 2021, Table F.1.

use super::data::Score;

/// Mean and standard deviation of log10 Δr on the paper's test set, per species of its 29-species network.
const TABLE_F1: [(&str, f64, f64); 29] = [
    ("C", -0.432, 0.307),
    ("C+", -0.415, 0.795),
    ("CH", -0.225, 0.619),
    ("CH+", -0.139, 0.447),
    ("CH2", -0.180, 0.637),
    ("CH2+", -0.383, 0.585),
    ("CH3", -0.074, 0.611),
    ("CH3+", -0.527, 0.714),
    ("CH4", -0.014, 0.603),
    ("CH4+", 0.044, 0.570),
    ("CH5+", -0.199, 0.328),
    ("CO", -0.119, 0.513),
    ("CO+", -0.121, 0.408),
    ("e-", -0.666, 0.598),
    ("H", -0.328, 0.568),
    ("H+", -0.490, 0.544),
    ("H2", -2.962, 0.707),
    ("H2+", -1.181, 0.542),
    ("H2O", -0.257, 0.681),
    ("H2O+", -0.520, 0.537),
    ("H3+", -0.351, 0.386),
    ("H3O+", -0.378, 0.765),
    ("HCO+", -0.228, 0.579),
    ("O", -0.792, 0.560),
    ("O+", -0.341, 0.366),
    ("O2", 0.022, 0.664),
    ("O2+", -0.039, 0.685),
    ("OH", -0.246, 0.640),
    ("OH+", -0.471, 0.512),
];

/// The published score of a species, where all species of the data set are exactly those of the paper's network.
pub fn published(labels: &[String], species: &str) -> Option<Score> {
    let same = labels.len() == TABLE_F1.len() && TABLE_F1.iter().all(|(name, ..)| labels.iter().any(|l| l == name));
    let row = TABLE_F1.iter().find(|(name, ..)| *name == species);
    row.filter(|_| same).map(|&(_, mean, std)| Score { mean, std })
}
