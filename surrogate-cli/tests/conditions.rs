//! `surrogate solve` along conditions that vary in time, until rest, with pathways and one model at a time; `network check` of
//! reachability.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use latent_ode::Solutions;
use support::{call, initial, write};

/// The values of one output of one model, by species.
fn state(folder: &std::path::Path, file: &str, model: usize, output: usize) -> Vec<f64> {
    let solutions = Solutions::read(folder.join(file)).unwrap();
    solutions.data.state(model, output).to_vec()
}

#[test]
fn constant_conditions_by_table_are_those_by_option() {
    let folder = tempfile::tempdir().unwrap();
    initial(folder.path(), 2);
    write(
        folder.path(),
        "conditions.csv",
        "# a tracer\ntime,temperature,density\n0,20,2e4\n1e3,20,2e4\n",
    );
    let common =
        "solve --initial initial.csv --t-end 1e5 --points 11 --rtol 1e-6 --atol 1e-16 --json";
    call(
        folder.path(),
        &format!("{common} --conditions conditions.csv --out a.h5"),
    )
    .expect(0);
    call(
        folder.path(),
        &format!("{common} --temperature 20 --out b.h5"),
    )
    .expect(0);
    call(
        folder.path(),
        &format!("{common} --temperature 20 --batch off --out c.h5"),
    )
    .expect(0);
    for model in 0..2 {
        let a = state(folder.path(), "a.h5", model, 10);
        for other in ["b.h5", "c.h5"] {
            for (a, b) in a.iter().zip(state(folder.path(), other, model, 10)) {
                assert!((a - b).abs() <= 1e-4 * b.abs() + 1e-12, "{a} {b}");
            }
        }
    }
}

#[test]
fn a_compressed_gas_keeps_its_abundances_of_elements() {
    let folder = tempfile::tempdir().unwrap();
    initial(folder.path(), 3);
    // Starts between two rows: n_H is 10^4.5 there, the table of initial states holds what is there at that time.
    write(
        folder.path(),
        "conditions.csv",
        "time,density,temperature\n0,1e4,50\n2e3,1e5,50\n1e4,1e6,12\n",
    );
    call(
        folder.path(),
        "solve --initial initial.csv --conditions conditions.csv --t-start 1e3 --t-end 1e5 --points 5 --out out.h5",
    )
    .expect(0);
    let labels = Solutions::read(folder.path().join("out.h5"))
        .unwrap()
        .labels;
    let network = chem_network::embedded("osu224").unwrap();
    assert!(
        labels
            .iter()
            .map(String::as_str)
            .eq(network.species_names())
    );
    for (what, weights) in network.conserved_quantities() {
        if what == "charge" {
            continue;
        }
        for model in 0..3 {
            let total = |output| -> f64 {
                let n = state(folder.path(), "out.h5", model, output);
                weights.iter().zip(n).map(|(w, n)| w * n).sum()
            };
            let growth = total(4) / total(0);
            assert!(
                (growth / 10f64.powf(1.5) - 1.0).abs() < 1e-9,
                "{what}: {growth}"
            );
        }
    }
}

#[test]
fn bad_conditions_name_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    initial(folder.path(), 1);
    let solve = "solve --initial initial.csv --conditions conditions.csv";
    for (text, words) in [
        ("temperature\n10\n", ["conditions.csv:1", "time"]),
        ("time,heat\n0,1\n", ["conditions.csv:1: column 2", "heat"]),
        (
            "time,temperature\n0,10\n0,20\n",
            ["conditions.csv:3: column 1", "a time after 0 yr"],
        ),
        (
            "time,temperature\n0,-10\n",
            ["conditions.csv:2: column 2", "above 0 K"],
        ),
        (
            "time,temperature\n0,10\n1\n",
            ["conditions.csv:3", "expected 2 as in the header"],
        ),
        ("time,temperature\n", ["conditions.csv:1", "no times below"]),
        ("", ["conditions.csv:1", "empty"]),
        (
            "time,time\n0,0\n",
            ["conditions.csv:1: column 2", "column 1 again"],
        ),
    ] {
        write(folder.path(), "conditions.csv", text);
        call(folder.path(), solve).refused(1, &words);
    }
    write(folder.path(), "conditions.csv", "time,temperature\n0,10\n");
    write(folder.path(), "initial.csv", "H2,temperature\n1e4,20\n");
    call(folder.path(), solve).refused(2, &["--conditions", "all rows"]);
    call(folder.path(), &format!("{solve} --until-steady")).refused(2, &["--conditions"]);
    call(
        folder.path(),
        "solve --initial initial.csv --until-steady -1",
    )
    .expect(2);
}

#[test]
fn a_model_at_rest_stops_and_repeats_its_state() {
    let folder = tempfile::tempdir().unwrap();
    // Two models of which neither ends in an oscillation.
    let rows = "H2,C,C+,O,E\n1e4,1,1,2,1\n1e4,0.1,0.1,0.2,0.1\n";
    write(folder.path(), "initial.csv", rows);
    let common = "solve --initial initial.csv --t-end 1e10 --points 61 --json";
    let rest = call(
        folder.path(),
        &format!("{common} --until-steady 1e-4 --out rest.h5"),
    )
    .expect(0)
    .json();
    call(folder.path(), &format!("{common} --out full.h5")).expect(0);
    let times = Solutions::read(folder.path().join("rest.h5"))
        .unwrap()
        .timesteps;
    for model in 0..2 {
        let at = rest["steady_at_yr"][model].as_f64().expect("at rest");
        assert!(at > 1e4 && at < 1e10, "{at}");
        let last = state(folder.path(), "rest.h5", model, 60);
        let after = times.iter().position(|t| *t > at).expect("outputs after");
        assert_eq!(state(folder.path(), "rest.h5", model, after), last);
        for (a, b) in last.iter().zip(state(folder.path(), "full.h5", model, 60)) {
            assert!((a - b).abs() <= 2e-2 * b.abs() + 1e-9, "{a} {b}");
        }
    }
    let never = call(folder.path(), common).expect(0).json();
    assert!(never["steady_at_yr"].is_null());
}

#[test]
fn pathways_sum_to_the_net_rate() {
    let folder = tempfile::tempdir().unwrap();
    initial(folder.path(), 2);
    let solve = "solve --initial initial.csv --t-end 1e5 --points 5 --paths CO --paths E";
    let json = call(folder.path(), &format!("{solve} --json"))
        .expect(0)
        .json();
    let paths = json["paths"].as_array().unwrap();
    assert_eq!(paths.len(), 4);
    for path in paths {
        let sum = |key: &str| -> f64 {
            let list = path[key].as_array().unwrap().iter();
            list.map(|share| share["rate"].as_f64().unwrap()).sum()
        };
        let (gain, loss) = (sum("formation"), sum("destruction"));
        let net = path["net"].as_f64().unwrap();
        assert!(gain > 0.0 && loss < 0.0);
        assert!((gain + loss - net).abs() < 1e-12 * gain);
    }
    let text = call(folder.path(), solve).expect(0).stdout;
    assert!(
        text.contains("CO, row 1") && text.contains("destroyed by"),
        "{text}"
    );
    call(folder.path(), "solve --initial initial.csv --paths Fe").refused(2, &["--paths Fe"]);
}

#[test]
fn what_cannot_appear_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let json = call(folder.path(), "network check osu224 --initial H2,C --json")
        .expect(0)
        .json();
    let names = json["unreachable"].as_array().unwrap();
    assert!(
        names.len() == 12 && names.iter().all(|n| n.as_str().unwrap().contains('O')),
        "{json}"
    );
    let basis = json["conservation_basis"].as_array().unwrap();
    assert_eq!(basis.len(), 4);
    let text = call(folder.path(), "network check osu224 --initial H2,C")
        .expect(0)
        .stdout;
    for words in [
        "unreachable from H2, C: 12",
        "conserved:",
        "neutral-neutral",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    call(folder.path(), "network check osu224 --initial Xx").refused(1, &["Xx"]);
}
