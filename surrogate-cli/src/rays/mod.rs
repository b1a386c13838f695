//! Between pdr-data's files and latent-ode's ray surrogates: data sources, judgements, columns, the folder of a training.

pub mod candidates;
pub mod columns;
pub mod cube;
pub mod cube_prediction;
pub mod data;
pub mod files;
pub mod judge;
pub mod lines;
pub mod report;
pub mod shown;
