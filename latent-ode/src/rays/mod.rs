//! Surrogates along lines of sight (Vermariën et al. 2025, "NeuralPDR"): series over A_V, their scaling, division and batches,
//! error statistics, and the families of models that share them.

mod batching;
mod moments;
mod scaling;
mod series;
mod split;
mod statistics;

pub use batching::{Batching, Padded};
pub use scaling::{
    ABUNDANCE_OFFSET, EXTINCTION_OFFSET, LogScaling, Pooling, ScaledSeries, ScalingRule,
    SeriesScaling,
};
pub use series::{Quantity, Series, SeriesSet, SeriesSource, position};
pub use split::{Split, SplitRule};
pub use statistics::{EXTINCTION_BINS, Mean, RayErrors, RayScores, TRACE};
