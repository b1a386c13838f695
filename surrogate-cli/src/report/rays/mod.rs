//! The report of a ray surrogate: what it shows, as plain numbers, and the page around its figures.

mod curves;
mod maps;

use super::html::{Page, STYLE, duration, escape, number};
use super::{Rendered, ReportError, style};
use crate::rays::columns::ColumnMap;
use std::fmt::Write as _;

/// Errors of one kind of prediction \[dex\].
#[derive(Debug, Clone)]
pub struct Row {
    /// What predicted.
    pub name: String,
    /// Overall.
    pub all: Option<f64>,
    /// Above 1e-12.
    pub above: Option<f64>,
    /// By the five bins of A_V.
    pub by_av: [Option<f64>; 5],
}

/// One unseen series, truth and prediction: log10 of abundances, species × points.
#[derive(Debug, Clone)]
pub struct Curves {
    /// How it was chosen: best, median, worst.
    pub chosen_as: String,
    /// Its name in the file.
    pub name: String,
    /// Its mean error \[dex\].
    pub error: f64,
    /// log10 A_V \[mag\], points at A_V = 0 left out.
    pub depth: Vec<f64>,
    /// True; empty lists where nothing is known.
    pub truth: Vec<Vec<f64>>,
    /// Predicted.
    pub predicted: Vec<Vec<f64>>,
}

/// A named curve.
#[derive(Debug, Clone)]
pub struct Named {
    /// Name in the legend.
    pub name: String,
    /// Its points.
    pub points: Vec<(f64, f64)>,
}

/// Everything a report of a ray surrogate shows.
#[derive(Debug, Clone)]
pub struct RayReport {
    /// Title of the page.
    pub title: String,
    /// Key facts, in the order shown.
    pub summary: Vec<(String, String)>,
    /// Errors: the model first, then what it is compared with.
    pub rows: Vec<Row>,
    /// Mean absolute error of log10 T_gas \[dex\], where it is predicted.
    pub gas_temperature: Option<f64>,
    /// Names of the species drawn, the rows of [`Curves::truth`].
    pub shown: Vec<String>,
    /// Series drawn.
    pub series: Vec<Curves>,
    /// (index along the ray, error \[dex\]) of the model and of what it is compared with.
    pub by_index: Vec<Named>,
    /// (spread of log10 abundance, error) \[dex\] of every species, with its name.
    pub by_spread: Vec<(String, f64, f64)>,
    /// Losses over the steps.
    pub losses: Vec<Named>,
    /// Column densities.
    pub maps: Vec<ColumnMap>,
    /// Candidates of an automatic choice: name, validation \[dex\], seconds.
    pub candidates: Vec<(String, Option<f64>, f64)>,
}

fn drawn(
    figure: &'static str,
    svg: Result<String, style::DrawError>,
) -> Result<String, ReportError> {
    svg.map_err(|source| ReportError { figure, source })
}

fn dex(value: Option<f64>) -> String {
    number(value.unwrap_or(f64::NAN), 4)
}

fn head(out: &mut Page, title: &str) {
    let title = escape(title);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><main>\n<h1>{title}</h1>\n"
    );
}

/// A page of predicted lines of sight, `shown` the names of the species in each of them.
pub fn predictions(
    source: &str,
    shown: &[String],
    lines: &[Curves],
) -> Result<String, ReportError> {
    let mut out = Page::default();
    head(&mut out, "Predicted lines of sight");
    let _ = writeln!(out, "<p>{}.</p>", escape(source));
    if lines.iter().all(|l| l.truth.iter().all(Vec::is_empty)) {
        out.push_str(
            "<p class=\"note\">There is nothing to compare with: no abundances are known along these lines. A surrogate holds for the \
             ranges of A_V, density, field and ionisation rate it learned from; beyond them its answer is an extrapolation whose error \
             nobody has measured.</p>\n",
        );
    }
    for one in lines {
        out.figure(
            format!("line-{}", one.chosen_as),
            drawn("abundances along a line", curves::along(shown, one))?,
            &escape(&one.name),
        );
    }
    out.push_str("</main></body></html>\n");
    Ok(out.html)
}

/// The whole page.
pub fn page(data: &RayReport) -> Result<Rendered, ReportError> {
    let mut out = Page::default();
    head(&mut out, &data.title);
    out.push_str("<ul class=\"key\">");
    for row in &data.rows {
        let _ = write!(
            out,
            "<li><b>{}</b><span>dex, {}</span></li>",
            dex(row.all),
            escape(&row.name)
        );
    }
    out.push_str("</ul>\n<table><tbody>");
    for (name, value) in &data.summary {
        let _ = write!(
            out,
            "<tr><td>{}</td><td class=\"left\">{}</td></tr>",
            escape(name),
            escape(value)
        );
    }
    out.push_str("</tbody></table>\n");
    errors(&mut out, data)?;
    series(&mut out, data)?;
    columns(&mut out, data)?;
    training(&mut out, data)?;
    out.push_str("</main></body></html>\n");
    Ok(Rendered {
        html: out.html,
        figures: out.figures,
    })
}

fn errors(out: &mut Page, data: &RayReport) -> Result<(), ReportError> {
    out.push_str(
        "<h2>Errors</h2>\n<p>Mean absolute error of log10(x + 1e-20) over unseen data, in dex; the first point of a ray, where a \
        rollout starts, is left out. Columns after the second are bins of A_V [mag].</p>\n<div class=\"wide\"><table><thead><tr><th></th>\
        <th>all</th><th>x &gt; 1e-12</th><th>&lt; 1e-3</th><th>&lt; 0.1</th><th>&lt; 1</th><th>&lt; 5</th><th>≥ 5</th></tr></thead><tbody>",
    );
    for row in &data.rows {
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td>",
            escape(&row.name),
            dex(row.all),
            dex(row.above)
        );
        for value in row.by_av {
            let _ = write!(out, "<td>{}</td>", dex(value));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>\n");
    if let Some(t) = data.gas_temperature {
        let _ = writeln!(
            out,
            "<p>log10 of the gas temperature: {} dex.</p>",
            number(t, 4)
        );
    }
    out.figure(
        "error-by-depth".into(),
        drawn("error against A_V", curves::by_depth(data))?,
        "Mean absolute error in the bins of A_V.",
    );
    if data.by_index.iter().any(|c| c.points.len() > 1) {
        out.figure(
            "error-by-index".into(),
            drawn("error against the index", curves::by_index(data))?,
            "Mean absolute error at each point along the ray, over series and species.",
        );
    }
    out.figure(
        "error-by-spread".into(),
        drawn("error against the spread", curves::by_spread(data))?,
        "Error of each species against the standard deviation of its true log abundance: species that vary more are harder. \
         The line is the median ratio of the two.",
    );
    Ok(())
}

fn series(out: &mut Page, data: &RayReport) -> Result<(), ReportError> {
    if data.series.is_empty() {
        return Ok(());
    }
    out.push_str("<h2>Along unseen rays</h2>\n");
    for one in &data.series {
        out.figure(
            format!("series-{}", one.chosen_as),
            drawn("abundances along a ray", curves::along(&data.shown, one))?,
            &format!(
                "The {} unseen series ({}, {} dex over all species).",
                escape(&one.chosen_as),
                escape(&one.name),
                number(one.error, 4)
            ),
        );
    }
    Ok(())
}

fn columns(out: &mut Page, data: &RayReport) -> Result<(), ReportError> {
    if data.maps.is_empty() {
        return Ok(());
    }
    out.push_str("<h2>Column densities</h2>\n<p>Along x, from predicted abundances alone.</p>\n");
    for map in &data.maps {
        out.figure(
            format!("column-{}", map.truth.name),
            drawn("column density", maps::draw(map))?,
            &format!(
                "log10 of N({}) [cm⁻²]: 3D-PDR, surrogate, and their difference; median |Δ log10 N| {} dex.",
                escape(&style::species(&map.truth.name)),
                number(map.median, 4)
            ),
        );
    }
    Ok(())
}

fn training(out: &mut Page, data: &RayReport) -> Result<(), ReportError> {
    out.push_str("<h2>Training</h2>\n");
    if data.candidates.len() > 1 {
        out.push_str(
            "<table><thead><tr><th>candidate</th><th>validation [dex]</th><th>time</th></tr></thead><tbody>",
        );
        for (name, validation, seconds) in &data.candidates {
            let _ = write!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(name),
                dex(*validation),
                duration(*seconds)
            );
        }
        out.push_str("</tbody></table>\n");
    }
    out.figure(
        "losses".into(),
        drawn("losses", curves::losses(data))?,
        "Training loss (in standard deviations) and validation error (dex).",
    );
    Ok(())
}
