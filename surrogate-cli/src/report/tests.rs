//! The page from made-up numbers: every section there, nothing fetched, and robust against gaps.

use super::data::*;
use super::{paper, render};

fn wave(rows: usize, times: usize, phase: f64) -> Vec<Vec<f64>> {
    (0..rows)
        .map(|i| {
            (0..times)
                .map(|t| (0.07 * t as f64 + i as f64 + phase).sin() * 3.0 - i as f64 * 0.4 - 3.0)
                .collect()
        })
        .collect()
}

fn sample() -> ReportData {
    let labels: Vec<String> = [
        "H", "H+", "H2", "H2+", "H3+", "O", "O+", "OH+", "OH", "O2", "O2+", "H2O", "H2O+", "H3O+",
        "C", "C+", "CH", "CH+", "CH2", "CH2+", "CH3", "CH3+", "CH4", "CH4+", "CH5+", "CO", "CO+",
        "HCO+", "e-",
    ]
    .map(String::from)
    .to_vec();
    let times: Vec<f64> = (0..100)
        .map(|i| 10f64.powf(-6.0 + 14.0 * i as f64 / 99.0))
        .collect();
    let quantiles = |shift: f64| -> Vec<Quantiles> {
        labels
            .iter()
            .enumerate()
            .map(|(i, _)| {
                let c = -1.0 - (i as f64 * 0.7).sin() * 0.4 + shift;
                [c - 1.2, c - 0.5, c, c + 0.4, c + 0.9]
            })
            .collect()
    };
    let model = |name: &str, row: usize| ModelCurves {
        chosen_as: name.into(),
        row,
        score: -1.0,
        truth: wave(29, 100, 0.0),
        autoencoder: wave(29, 100, 0.02),
        rollout: wave(29, 100, 0.05),
        encoded: wave(5, 100, 0.0)
            .iter()
            .map(|r| r.iter().map(|v| v.abs() * 0.2).collect())
            .collect(),
        integrated: wave(5, 100, 0.03)
            .iter()
            .map(|r| r.iter().map(|v| v.abs() * 0.2).collect())
            .collect(),
        g: wave(5, 100, 0.4),
        encoded_rate: wave(5, 100, 0.45),
    };
    let published = paper::table(&labels);
    ReportData {
        title: "A surrogate of osu224".into(),
        summary: vec![
            ("network".into(), "osu224: 29 species, 224 reactions".into()),
            ("seed <1>".into(), "1".into()),
        ],
        times,
        latent_names: ["A", "AA", "AB", "B", "BB"].map(String::from).to_vec(),
        latent_masses: vec![1.0, 2.0, 2.0, 1.0, 2.0],
        verdict: labels
            .iter()
            .enumerate()
            .map(|(i, l)| SpeciesVerdict {
                species: l.clone(),
                rollout: Score {
                    mean: -1.1,
                    std: 0.5,
                },
                autoencoder: Some(Score {
                    mean: -1.5,
                    std: 0.4,
                }),
                interpolation: Some(Score {
                    mean: -4.0,
                    std: 0.4,
                }),
                paper: published.as_ref().map(|t| t[i]),
            })
            .collect(),
        scores: vec![("mae_dex".into(), "0.05".into())],
        rollout_quantiles: quantiles(0.0),
        autoencoder_quantiles: quantiles(-0.4),
        models: vec![model("best", 3), model("median", 17), model("worst", 41)],
        choice_rule: "the best, the median and the worst of the test set by their mean log10 Δr"
            .into(),
        shown_species: ["C", "C+", "CO", "O", "H2O", "e-", "OH", "CH4", "HCO+"]
            .map(String::from)
            .to_vec(),
        losses: [
            "L0 reconstruction",
            "L1 latent derivative",
            "L2 decoded derivative",
            "validation rollout",
        ]
        .iter()
        .enumerate()
        .map(|(i, n)| LossCurve {
            name: (*n).into(),
            points: (0..80)
                .map(|e| (e as f64, 10f64.powf(-(i as f64) - 0.02 * e as f64)))
                .collect(),
        })
        .collect(),
        random_start: Some(RandomStart {
            rollouts: 50,
            surrogate: -1.0,
            surrogate_mae_dex: 0.06,
            from_first: -1.1,
            from_first_mae_dex: 0.05,
        }),
        latent_reactions: vec![LatentReaction {
            equation: "A + A → AA".into(),
            coefficient: 1.234e-5,
        }],
        timings: vec![
            Timing {
                what: "full solve".into(),
                seconds: 1e-3,
                full: true,
            },
            Timing {
                what: "encode".into(),
                seconds: 2e-6,
                full: false,
            },
        ],
        labels,
    }
}

#[test]
fn page_is_self_contained_and_complete() {
    let rendered = render(&sample()).unwrap();
    let page = rendered.html;
    assert_eq!(rendered.figures.len(), 9);
    for section in [
        "done",
        "verdict",
        "abundances",
        "latent",
        "network",
        "training",
        "starts",
        "timings",
    ] {
        assert!(
            page.contains(&format!("id=\"{section}\"")),
            "section {section} is missing"
        );
    }
    // Three figures of abundances, three of latent species, derivatives, losses, errors.
    assert_eq!(page.matches("<svg ").count(), 9);
    assert_eq!(page.matches("</svg>").count(), 9);
    let fetched = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    for word in ["http:", "https:", "src=", "<script", "@import", "url("] {
        assert!(
            !fetched.contains(word),
            "the page refers to something outside: {word}"
        );
    }
    assert!(page.contains("seed &lt;1&gt;"));
    assert!(
        page.contains("27 of 29"),
        "the paper is better than −1.1 for H2 and H2+ alone"
    );
    if let Some(path) = std::env::var_os("REPORT_SAMPLE") {
        std::fs::write(path, page).unwrap();
    }
}

#[test]
fn gaps_do_not_break_the_page() {
    let mut data = sample();
    for row in &mut data.models[0].rollout {
        row.fill(f64::NAN);
    }
    data.models[0].truth[0][7] = f64::NEG_INFINITY;
    data.models[0].g[0].fill(f64::NAN);
    data.models[0].encoded_rate[0].fill(f64::NAN);
    data.losses.clear();
    data.random_start = None;
    data.latent_reactions.clear();
    data.rollout_quantiles[0] = [f64::NAN; 5];
    let page = render(&data).unwrap().html;
    assert!(!page.contains("NaN") && !page.contains(">inf"));
}

#[test]
fn paper_scores_only_for_the_papers_species() {
    let labels: Vec<String> = vec!["H".into(), "H2".into()];
    assert!(paper::table(&labels).is_none());
}
