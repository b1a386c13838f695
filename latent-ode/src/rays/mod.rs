//! Surrogates along lines of sight (Vermariën et al. 2025, "NeuralPDR"): series over A_V, their scaling, division and batches,
//! error statistics, and the families of models that share them.

mod baseline;
mod batching;
mod config;
mod conserve;
mod control;
mod evaluate;
mod model;
mod moments;
mod nearest;
mod node;
mod point;
mod scaling;
mod series;
mod split;
mod statistics;
mod train;

pub use autodiff_ae::train::Record;
pub use baseline::{Interpolated, nearest_cells};
pub use batching::{Batching, Padded};
pub use config::{Family, Inputs, PointConfig, PointLoss, Precision, RayConfig};
pub use conserve::Conservation;
pub use control::RayControl;
pub use evaluate::{
    RayEvaluation, evaluate_baseline, evaluate_cells, evaluate_nearest_cells,
    evaluate_nearest_rays, evaluate_rays,
};
pub use model::{RayDescription, RayModel, RayPrediction};
pub use nearest::NearestRay;
pub use node::{DrivenBy, FeatureSet, LossWeight, NodeConfig, NodeSolver, NodeStage, SolverMethod};
pub use point::Cells;
pub use scaling::{
    ABUNDANCE_OFFSET, EXTINCTION_OFFSET, LogScaling, Pooling, ScaledSeries, ScalingRule,
    SeriesScaling,
};
pub use series::{Quantity, Series, SeriesSet, SeriesSource, position};
pub use split::{Split, SplitRule};
pub use statistics::{EXTINCTION_BINS, Mean, RayErrors, RayScores, TRACE};
pub use train::{RayTrained, train_on_cells, train_on_rays};
