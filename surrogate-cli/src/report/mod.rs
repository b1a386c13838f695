//! The report of a run: figures as SVG, one file each, and the self-contained page around them.

mod abundances;
mod axes;
pub mod data;
mod derivatives;
mod errors;
mod html;
mod latent;
mod losses;
pub mod paper;
pub mod rays;
mod style;

use data::ReportData;

pub use html::duration;

/// What drawing a report may fail with.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the figure “{figure}”")]
pub struct ReportError {
    figure: &'static str,
    source: style::DrawError,
}

/// The figures, each as one `<svg>` element.
mod figures {
    use super::data::{ModelCurves, ReportData};
    use super::{ReportError, abundances, derivatives, errors, latent, losses};

    pub fn abundances(data: &ReportData, model: &ModelCurves) -> Result<String, ReportError> {
        abundances::draw(data, model).map_err(|source| ReportError {
            figure: "abundances over time",
            source,
        })
    }
    pub fn latent(data: &ReportData, model: &ModelCurves) -> Result<String, ReportError> {
        latent::draw(data, model).map_err(|source| ReportError {
            figure: "latent species",
            source,
        })
    }
    pub fn derivatives(data: &ReportData, model: &ModelCurves) -> Result<String, ReportError> {
        derivatives::draw(data, model).map_err(|source| ReportError {
            figure: "latent derivatives",
            source,
        })
    }
    pub fn losses(data: &ReportData) -> Result<String, ReportError> {
        losses::draw(data).map_err(|source| ReportError {
            figure: "losses",
            source,
        })
    }
    pub fn errors(data: &ReportData) -> Result<String, ReportError> {
        errors::draw(data).map_err(|source| ReportError {
            figure: "errors per species",
            source,
        })
    }
}

/// A rendered report: the page, and its figures by name as separate SVG documents.
#[derive(Debug)]
pub struct Rendered {
    /// One HTML page that needs nothing else.
    pub html: String,
    /// (file name without extension, SVG).
    pub figures: Vec<(String, String)>,
}

/// Draws the figures and the page around them.
pub fn render(data: &ReportData) -> Result<Rendered, ReportError> {
    html::page(data)
}

#[cfg(test)]
mod tests;
