//! Published scores to stand beside ours: Grassi et al. 2021, Table F.1.

use super::data::Score;
use latent_ode::TABLE_F1;

/// The published scores in the order of `labels`, where these are exactly the species of the paper's network.
pub fn table(labels: &[String]) -> Option<Vec<Score>> {
    let row = |label: &String| {
        TABLE_F1
            .iter()
            .find(|row| row.0 == label)
            .map(|&(_, mean, std)| Score { mean, std })
    };
    let scores: Vec<Score> = labels.iter().filter_map(row).collect();
    (labels.len() == TABLE_F1.len() && scores.len() == labels.len()).then_some(scores)
}
