//! What a report shows, as plain numbers: filled by the command that judged a model, drawn by the figures beside this file.

/// Mean and standard deviation of log10 Δr over models and outputs, Δr = |n̂ − n|/n.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Mean of log10 Δr.
    pub mean: f64,
    /// Standard deviation of log10 Δr.
    pub std: f64,
}

/// One row of the verdict table.
#[derive(Debug, Clone)]
pub struct SpeciesVerdict {
    /// Species name.
    pub species: String,
    /// Rollout of the surrogate from the first output.
    pub rollout: Score,
    /// Decoder of encoder on the true states: what the autoencoder alone loses.
    pub autoencoder: Option<Score>,
    /// Interpolation over the parameters of the initial state, from the same training set.
    pub interpolation: Option<Score>,
    /// Published value, where the network is the published one.
    pub paper: Option<Score>,
}

/// Quantiles of log10 Δr of one species: 5, 25, 50, 75 and 95 %.
pub type Quantiles = [f64; 5];

/// Number densities of one test model over time, species × times, log10 of cm⁻³.
#[derive(Debug, Clone)]
pub struct ModelCurves {
    /// How the model was chosen, for the figure's caption ("best", "median", "worst").
    pub chosen_as: String,
    /// Row of the model in the test set, from 0.
    pub row: usize,
    /// Its mean log10 Δr over species and outputs.
    pub score: f64,
    /// Truth, species × times.
    pub truth: Vec<Vec<f64>>,
    /// Decoder of encoder of the truth, species × times.
    pub autoencoder: Vec<Vec<f64>>,
    /// Rollout from the first output, species × times.
    pub rollout: Vec<Vec<f64>>,
    /// Encoder of the truth, latent × times.
    pub encoded: Vec<Vec<f64>>,
    /// Latent state integrated from the first output, latent × times.
    pub integrated: Vec<Vec<f64>>,
    /// g at the encoded truth, latent × times, per unit normalised time.
    pub g: Vec<Vec<f64>>,
    /// Time derivative of the encoded truth (encoder's tangent along ẋ), latent × times, per unit normalised time.
    pub encoded_rate: Vec<Vec<f64>>,
}

/// One named curve of the training history.
#[derive(Debug, Clone)]
pub struct LossCurve {
    /// Name in the legend.
    pub name: String,
    /// (epoch, value).
    pub points: Vec<(f64, f64)>,
}

/// One reaction of the latent network.
#[derive(Debug, Clone)]
pub struct LatentReaction {
    /// Equation, such as `AA + B → AB + A`.
    pub equation: String,
    /// Fitted rate coefficient in normalised time.
    pub coefficient: f64,
}

/// One row of the timing table.
#[derive(Debug, Clone)]
pub struct Timing {
    /// What was timed.
    pub what: String,
    /// Seconds per model on one thread.
    pub seconds: f64,
    /// Whether it is a solve of the full chemistry.
    pub full: bool,
}

/// Errors of rollouts started at random times of unseen trajectories, averaged over species.
#[derive(Debug, Clone)]
pub struct RandomStart {
    /// Number of rollouts.
    pub rollouts: usize,
    /// Surrogate: mean log10 Δr averaged over species.
    pub surrogate: f64,
    /// Surrogate: mean |Δ log10 n|, dex.
    pub surrogate_mae_dex: f64,
    /// The same models started at the first output, for comparison: mean log10 Δr.
    pub from_first: f64,
    /// The same models started at the first output: mean |Δ log10 n|, dex.
    pub from_first_mae_dex: f64,
}

/// Everything a report shows.
#[derive(Debug, Clone)]
pub struct ReportData {
    /// Title of the page.
    pub title: String,
    /// Key facts of the run, in the order shown.
    pub summary: Vec<(String, String)>,
    /// Output times, yr.
    pub times: Vec<f64>,
    /// Species names in the order of the data.
    pub labels: Vec<String>,
    /// Names of the latent species.
    pub latent_names: Vec<String>,
    /// Masses of the latent species.
    pub latent_masses: Vec<f64>,
    /// The verdict, one row per species.
    pub verdict: Vec<SpeciesVerdict>,
    /// Further figures of merit, in the order shown.
    pub scores: Vec<(String, String)>,
    /// Quantiles per species, in the order of the labels, for the rollout.
    pub rollout_quantiles: Vec<Quantiles>,
    /// Quantiles per species for decoder of encoder.
    pub autoencoder_quantiles: Vec<Quantiles>,
    /// Test models shown in the figures.
    pub models: Vec<ModelCurves>,
    /// How these were chosen, in words.
    pub choice_rule: String,
    /// Species shown over time, by name.
    pub shown_species: Vec<String>,
    /// Losses per epoch.
    pub losses: Vec<LossCurve>,
    /// Random starts, where they were scored.
    pub random_start: Option<RandomStart>,
    /// The latent network.
    pub latent_reactions: Vec<LatentReaction>,
    /// Timings per model.
    pub timings: Vec<Timing>,
}

impl ReportData {
    /// Average of a score's mean over the species that have one, with their number.
    pub fn average(&self, pick: impl Fn(&SpeciesVerdict) -> Option<Score>) -> Option<(f64, usize)> {
        let means: Vec<f64> = self
            .verdict
            .iter()
            .filter_map(|v| pick(v).map(|s| s.mean))
            .collect();
        (!means.is_empty()).then(|| (means.iter().sum::<f64>() / means.len() as f64, means.len()))
    }

    /// In how many species the rollout is better than the published value, of how many that have one.
    pub fn better_than_paper(&self) -> Option<(usize, usize)> {
        let pairs: Vec<(f64, f64)> = self
            .verdict
            .iter()
            .filter_map(|v| v.paper.map(|p| (v.rollout.mean, p.mean)))
            .collect();
        (!pairs.is_empty()).then(|| {
            (
                pairs.iter().filter(|(ours, paper)| ours < paper).count(),
                pairs.len(),
            )
        })
    }
}
