//! The page around the figures: one self-contained HTML file, styles inline, nothing fetched.

use super::data::{ModelCurves, ReportData, Score};
use super::style;
use super::{Rendered, ReportError, figures};
use std::fmt::Write as _;

/// Style sheet of the page.
pub(super) const STYLE: &str = include_str!("report.css");

/// Escapes text for HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A number with a true minus sign and a fixed number of decimals; a dash where it is not finite.
pub(super) fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() {
        format!("{value:.decimals$}").replace('-', "−")
    } else {
        "–".to_owned()
    }
}

fn score(score: Option<Score>) -> String {
    score.map_or_else(
        || "–".to_owned(),
        |s| {
            format!(
                "{} <span class=\"std\">({})</span>",
                number(s.mean, 2),
                number(s.std, 2)
            )
        },
    )
}

/// Seconds in the unit a reader would choose.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if !s.is_finite() => "–".to_owned(),
        s if s >= 60.0 => format!("{:.1} min", s / 60.0),
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.2} µs", s * 1e6),
    }
}

/// The whole page.
pub fn page(data: &ReportData) -> Result<Rendered, ReportError> {
    let mut out = Page::default();
    let title = escape(&data.title);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head>\n<body><main>\n<h1>{title}</h1>\n"
    );
    key_figures(&mut out, data);
    out.push_str(
        "<nav><a href=\"#done\">What was done</a><a href=\"#verdict\">Verdict</a><a href=\"#abundances\">Abundances</a>\
         <a href=\"#latent\">Latent species</a><a href=\"#network\">Latent network</a><a href=\"#training\">Training</a>\
         <a href=\"#starts\">Random starts</a><a href=\"#timings\">Timings</a></nav>\n",
    );
    what_was_done(&mut out, data);
    verdict(&mut out, data)?;
    abundances(&mut out, data)?;
    latent(&mut out, data)?;
    latent_network(&mut out, data);
    training(&mut out, data)?;
    random_start(&mut out, data);
    timings(&mut out, data);
    out.push_str("</main></body></html>\n");
    Ok(Rendered {
        html: out.html,
        figures: out.figures,
    })
}

/// The page under way, and the figures it holds.
#[derive(Default)]
pub(super) struct Page {
    /// Text so far.
    pub html: String,
    /// Figures by name.
    pub figures: Vec<(String, String)>,
}

impl Page {
    /// Adds text.
    pub fn push_str(&mut self, text: &str) {
        self.html.push_str(text);
    }

    /// Adds a figure, also under a name of its own.
    pub fn figure(&mut self, name: String, svg: String, caption: &str) {
        let inline = svg.replacen("<svg ", "<svg role=\"img\" ", 1);
        let _ = writeln!(
            self.html,
            "<figure>{inline}<figcaption>{caption}</figcaption></figure>"
        );
        self.figures.push((name, svg));
    }
}

impl std::fmt::Write for Page {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.html.write_str(text)
    }
}

fn key_figures(out: &mut Page, data: &ReportData) {
    let mut items: Vec<(String, String)> = Vec::new();
    if let Some((mean, _)) = data.average(|v| Some(v.rollout)) {
        items.push((
            number(mean, 2),
            "mean log10 Δr of the rollout, averaged over species".into(),
        ));
    }
    if let Some((better, of)) = data.better_than_paper() {
        items.push((
            format!("{better} of {of}"),
            "species better than Grassi et al. 2021".into(),
        ));
    }
    if let Some((mean, _)) = data.average(|v| v.interpolation) {
        items.push((number(mean, 2), "the same for plain interpolation".into()));
    }
    out.push_str("<ul class=\"key\">");
    for (value, label) in items {
        let _ = write!(
            out,
            "<li><b>{value}</b><span>{}</span></li>",
            escape(&label)
        );
    }
    out.push_str("</ul>\n");
}

fn what_was_done(out: &mut Page, data: &ReportData) {
    out.push_str("<h2 id=\"done\">What was done</h2>\n<p>A chemical network was integrated for many initial states; an autoencoder \
        compressed its number densities into a few latent species, and a small chemical network was fitted to their evolution. \
        A prediction encodes one state, integrates the latent network and decodes: below, “rollout”.</p>\n<table><tbody>");
    for (name, value) in &data.summary {
        let _ = write!(
            out,
            "<tr><td>{}</td><td class=\"left\">{}</td></tr>",
            escape(name),
            escape(value)
        );
    }
    out.push_str("</tbody></table>\n");
}

fn verdict(out: &mut Page, data: &ReportData) -> Result<(), ReportError> {
    out.push_str("<h2 id=\"verdict\">The verdict, species by species</h2>\n<p>Mean (standard deviation) of log10 Δr over the unseen \
        test models and all outputs after the first, Δr = |n̂ − n| / n. Smaller is better; −1 is an error of 10 %. \
        “Autoencoder alone” decodes the encoded true state of every output; it is no bound for the rollout where the training has the \
        decoder read integrated latent states.</p>\n");
    out.push_str("<div class=\"wide\"><table><thead><tr><th>species</th><th>rollout</th><th>autoencoder<br>alone</th>\
        <th>Grassi et al. 2021,<br>Table F.1</th><th>rollout better<br>than the paper</th><th>interpolation<br>baseline</th></tr></thead>\n<tbody>");
    for v in &data.verdict {
        let better = v
            .paper
            .map_or("–", |p| if v.rollout.mean < p.mean { "yes" } else { "no" });
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{better}</td><td>{}</td></tr>",
            escape(&style::species(&v.species)),
            score(Some(v.rollout)),
            score(v.autoencoder),
            score(v.paper),
            score(v.interpolation)
        );
    }
    let average = |pick: fn(&super::data::SpeciesVerdict) -> Option<Score>| {
        data.average(pick)
            .map_or("–".to_owned(), |(mean, _)| number(mean, 2))
    };
    let better = data
        .better_than_paper()
        .map_or("–".to_owned(), |(b, of)| format!("{b} of {of}"));
    let _ = writeln!(
        out,
        "</tbody><tfoot><tr><td>average</td><td>{}</td><td>{}</td><td>{}</td><td>{better}</td><td>{}</td></tr></tfoot></table></div>",
        average(|v| Some(v.rollout)),
        average(|v| v.autoencoder),
        average(|v| v.paper),
        average(|v| v.interpolation),
    );
    if data.verdict.iter().any(|v| v.interpolation.is_some()) {
        out.push_str("<p class=\"note\">The baseline interpolates whole trajectories over the few free numbers of the initial states \
            (radial basis functions on the same training set). Where those numbers are few it is hard to beat; it cannot start from \
            any other state, and it has no state to carry on from.</p>\n");
    }
    if !data.scores.is_empty() {
        out.push_str(
            "<p>Other figures of merit of the rollout on the test models:</p>\n<table><tbody>",
        );
        for (name, value) in &data.scores {
            let _ = write!(
                out,
                "<tr><td>{}</td><td>{}</td></tr>",
                escape(name),
                escape(value)
            );
        }
        out.push_str("</tbody></table>\n");
    }
    out.figure(
        "errors".into(),
        figures::errors(data)?,
        "Distribution of the relative error of every species over test models and outputs. Boxes span the quartiles, lines 5 to 95 %, \
         the white bar is the median; crosses and diamonds are means of log10 Δr.",
    );
    Ok(())
}

fn abundances(out: &mut Page, data: &ReportData) -> Result<(), ReportError> {
    let _ = write!(
        out,
        "<h2 id=\"abundances\">Abundances over time</h2>\n<p>Unseen test models: {}.</p>\n",
        escape(&data.choice_rule)
    );
    for model in &data.models {
        out.figure(
            format!("abundances-{}", model.chosen_as),
            figures::abundances(data, model)?,
            &format!(
                "The {} test model (row {}; mean log10 Δr {} over species and outputs). The first output is given.",
                escape(&model.chosen_as),
                model.row,
                number(model.score, 2)
            ),
        );
    }
    Ok(())
}

/// How far encoded and integrated latent states are apart, over species and outputs: the largest difference of a latent abundance
/// relative to the largest abundance, and of Σ m z relative to its integrated value (both %).
fn disagreement(data: &ReportData, model: &ModelCurves) -> (f64, f64) {
    let (mut apart, mut largest) = (0.0_f64, f64::MIN_POSITIVE);
    for (encoded, integrated) in model.encoded.iter().zip(&model.integrated) {
        for (e, z) in encoded.iter().zip(integrated) {
            apart = apart.max((e - z).abs());
            largest = largest.max(z.abs());
        }
    }
    let mass = |rows: &[Vec<f64>], t: usize| -> f64 {
        let terms = rows.iter().zip(&data.latent_masses);
        terms
            .map(|(row, m)| m * row.get(t).unwrap_or(&f64::NAN))
            .sum()
    };
    let masses = (0..data.times.len()).map(|t| {
        let integrated = mass(&model.integrated, t);
        ((mass(&model.encoded, t) - integrated) / integrated).abs()
    });
    (100.0 * apart / largest, 100.0 * masses.fold(0.0, f64::max))
}

fn latent(out: &mut Page, data: &ReportData) -> Result<(), ReportError> {
    out.push_str("<h2 id=\"latent\">Latent species over time</h2>\n<p>Circles: the encoder applied to every state of the full chemistry. \
        Lines: the latent network integrated from the first encoded state alone, which conserves Σ m z exactly; a prediction decodes \
        the lines. The two agree as far as the losses of the training ask for it; the axis of Σ m z is stretched to show how far.</p>\n");
    for model in &data.models {
        let (species, mass) = disagreement(data, model);
        let caption = format!(
            "The {} test model (row {}). Encoded and integrated differ by at most {species:.2} % of the largest latent abundance, \
             Σ m z by at most {mass:.2} %.",
            escape(&model.chosen_as),
            model.row
        );
        out.figure(
            format!("latent-{}", model.chosen_as),
            figures::latent(data, model)?,
            &caption,
        );
    }
    if let Some(model) = data
        .models
        .iter()
        .find(|m| m.chosen_as.contains("median"))
        .or(data.models.first())
    {
        out.figure(
            "derivatives".into(),
            figures::derivatives(data, model)?,
            &format!(
                "Latent time derivative from the latent network, g(φ(x)), against that of the encoded full chemistry, its ẋ differenced on the grid of outputs, the {} test model (row {}).",
                escape(&model.chosen_as),
                model.row
            ),
        );
    }
    Ok(())
}

fn latent_network(out: &mut Page, data: &ReportData) {
    out.push_str("<h2 id=\"network\">The latent network</h2>\n");
    if data.latent_reactions.is_empty() {
        out.push_str("<p>This model's latent dynamics is not a reaction network.</p>\n");
        return;
    }
    let masses: Vec<String> = data
        .latent_names
        .iter()
        .zip(&data.latent_masses)
        .map(|(n, m)| format!("{n} (mass {m})"))
        .collect();
    let _ = write!(
        out,
        "<p>Latent molecules: {}. Rate coefficients are per unit of normalised time, the whole span being 1.</p>\n\
        <table><thead><tr><th>#</th><th class=\"left\">reaction</th><th>rate coefficient</th></tr></thead><tbody>",
        escape(&masses.join(", "))
    );
    for (i, r) in data.latent_reactions.iter().enumerate() {
        let _ = write!(
            out,
            "<tr><td>{}</td><td class=\"left\">{}</td><td>{}</td></tr>",
            i + 1,
            escape(&r.equation),
            coefficient(r.coefficient)
        );
    }
    out.push_str("</tbody></table>\n");
}

fn coefficient(value: f64) -> String {
    if value == 0.0 || (1e-3..1e4).contains(&value.abs()) {
        let decimals = if value == 0.0 {
            0
        } else {
            (3 - value.abs().log10().floor() as i32).clamp(0, 6) as usize
        };
        number(value, decimals)
    } else {
        let exponent = value.abs().log10().floor();
        format!(
            "{} × {}",
            number(value / 10f64.powf(exponent), 3),
            style::power_of_ten(exponent as i64)
        )
    }
}

fn training(out: &mut Page, data: &ReportData) -> Result<(), ReportError> {
    out.push_str("<h2 id=\"training\">Training</h2>\n");
    if data.losses.is_empty() {
        out.push_str("<p>The model file holds no training history.</p>\n");
        return Ok(());
    }
    out.figure(
        "losses".into(),
        figures::losses(data)?,
        "Terms of the loss on the training set, and the geometric mean of Δr of true rollouts on the validation set, per epoch.",
    );
    Ok(())
}

fn random_start(out: &mut Page, data: &ReportData) {
    out.push_str("<h2 id=\"starts\">Started at a random time of an unseen trajectory</h2>\n");
    let Some(r) = &data.random_start else {
        out.push_str("<p>Not scored for this data set.</p>\n");
        return;
    };
    let _ = write!(
        out,
        "<p>{} rollouts of unseen test models, each started from the true state at a random output and scored on the later ones. \
         The interpolation baseline has no answer here: its input is the state at the first output.</p>\n\
         <table><thead><tr><th>start</th><th>mean log10 Δr</th><th>mean |Δ log10 n| [dex]</th></tr></thead><tbody>\
         <tr><td>random output</td><td>{}</td><td>{}</td></tr><tr><td>first output</td><td>{}</td><td>{}</td></tr></tbody></table>\n",
        r.rollouts,
        number(r.surrogate, 2),
        number(r.surrogate_mae_dex, 3),
        number(r.from_first, 2),
        number(r.from_first_mae_dex, 3)
    );
}

fn timings(out: &mut Page, data: &ReportData) {
    out.push_str(
        "<h2 id=\"timings\">Timings</h2>\n<p>Seconds per model, all outputs, one thread, measured in this run on this machine. Test \
        models that oscillate at late times take many times the steps of the others and are left out.</p>\n\
        <table><thead><tr><th>step</th><th>time per model</th><th>times faster than the<br>fastest full solve</th></tr></thead><tbody>",
    );
    let fastest = data
        .timings
        .iter()
        .filter(|t| t.full)
        .map(|t| t.seconds)
        .fold(f64::NAN, f64::min);
    for t in &data.timings {
        let ratio = fastest / t.seconds;
        let ratio = if ratio.is_finite() {
            format!("×{}", number(ratio, if ratio < 10.0 { 1 } else { 0 }))
        } else {
            "–".into()
        };
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{ratio}</td></tr>",
            escape(&t.what),
            duration(t.seconds)
        );
    }
    out.push_str("</tbody></table>\n");
}
