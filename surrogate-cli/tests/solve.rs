//! `surrogate solve`: its interface, its defaults, and what it refuses.

mod support;

use latent_ode::Solutions;
use std::time::Instant;
use support::{call, command, initial, names, write};

#[test]
fn defaults_layout_and_json_are_those_promised() {
    let folder = tempfile::tempdir().unwrap();
    initial(folder.path(), 3);
    let json = call(
        folder.path(),
        "solve --initial initial.csv --out out.h5 --json",
    )
    .expect(0)
    .json();
    for key in [
        "models",
        "failed",
        "steps",
        "rejected",
        "rhs_evaluations",
        "jacobian_evaluations",
        "factorizations",
    ] {
        assert!(json[key].is_u64(), "{key}: {json}");
    }
    assert!(json["seconds"].is_f64() && json["oscillating"].is_null());
    assert_eq!(
        (json["models"].as_u64(), json["failed"].as_u64()),
        (Some(3), Some(0))
    );
    let explicit = "solve --network osu224 --initial initial.csv --temperature 50 --cosmic-ray-rate 1e-16 --t-start 1e-6 \
                    --t-end 1e8 --points 100 --rtol 1e-3 --atol 1e-14 --threads 1 --out explicit.h5 --json";
    call(folder.path(), explicit).expect(0);
    let (a, b) = (
        Solutions::read(folder.path().join("out.h5")).unwrap(),
        Solutions::read(folder.path().join("explicit.h5")).unwrap(),
    );
    assert_eq!(
        a.data, b.data,
        "the values of the interface are the defaults"
    );
    assert_eq!(
        (a.data.samples(), a.data.times(), a.data.quantities()),
        (3, 100, 29)
    );
    assert_eq!((a.timesteps[0], a.timesteps[99]), (1e-6, 1e8));
    let h2 = a.labels.iter().position(|l| l == "H2").unwrap();
    assert_eq!(
        a.data.state(0, 0)[h2],
        1e4,
        "the first output is the initial state"
    );
    let named = a.data.state(0, 0).iter().filter(|n| **n > 0.0).count();
    assert_eq!(named, 5, "everything else starts at 0");
}

#[test]
fn species_not_named_are_counted_on_stderr() {
    let folder = tempfile::tempdir().unwrap();
    initial(folder.path(), 1);
    let call = call(
        folder.path(),
        "solve --initial initial.csv --t-end 1 --points 3 --out out.csv",
    )
    .expect(0);
    assert!(
        call.stderr.contains("24 species not named"),
        "{}",
        call.stderr
    );
    let text = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
    assert!(text.starts_with("model,time_yr,"));
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn rows_override_conditions_and_threads_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "a.csv",
        "H2,C+,E,temperature,cosmic_ray_rate\n1e4,1,1,20,1e-17\n1e4,1,1,50,1e-16\n",
    );
    write(folder.path(), "b.csv", "H2,C+,e-\n1e4,1,1\n");
    call(
        folder.path(),
        "solve --initial a.csv --out a.h5 --threads 2",
    )
    .expect(0);
    call(folder.path(), "solve --initial a.csv --out a1.h5").expect(0);
    call(
        folder.path(),
        "solve --initial b.csv --out b.h5 --temperature 20 --cosmic-ray-rate 1e-17",
    )
    .expect(0);
    let read = |name: &str| Solutions::read(folder.path().join(name)).unwrap().data;
    let (a, b) = (read("a.h5"), read("b.h5"));
    assert_eq!(a, read("a1.h5"));
    assert_ne!(a.sample(0), a.sample(1));
    for (x, y) in a.sample(0).iter().zip(b.sample(0)) {
        assert!((x - y).abs() <= 1e-2 * y.abs() + 1e-10, "{x:e} {y:e}");
    }
}

#[test]
fn relative_abundances_are_times_the_density() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.csv", "H2,C+,e-\n0.5,1e-4,1e-4\n");
    let words = "solve --initial a.csv --abundances relative --t-end 1 --points 2 --out a.h5";
    call(folder.path(), words).refused(2, &["--density"]);
    call(folder.path(), &format!("{words} --density 2e4")).expect(0);
    let a = Solutions::read(folder.path().join("a.h5")).unwrap();
    let h2 = a.labels.iter().position(|l| l == "H2").unwrap();
    assert_eq!(a.data.state(0, 0)[h2], 1e4);
}

#[test]
fn bad_tables_are_refused_with_file_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{}\n1\n", "x".repeat(100_000));
    let cases: [(&str, &[&str]); 12] = [
        (
            "H2,Fe\n1,1\n",
            &["t.csv:1", "column 2", "Fe", "a species of the network"],
        ),
        (
            "H2,C\n1,1\n1,-2e-3\n",
            &["t.csv:3", "column 2 (C)", "-2e-3", "0 cm⁻³ or more"],
        ),
        (
            "H2,C\nNaN,1\n",
            &["t.csv:2", "column 1 (H2)", "NaN", "number density"],
        ),
        ("H2,C\ninf,1\n", &["t.csv:2", "inf"]),
        ("H2,C\n1,two\n", &["t.csv:2", "column 2 (C)", "two"]),
        ("H2,C\n1,\n", &["t.csv:2", "column 2 (C)"]),
        ("H2,C\n1\n", &["t.csv:2", "1 columns", "2"]),
        ("H2,C\n", &["t.csv:1", "no models"]),
        ("e-,E\n1,1\n", &["t.csv:1", "column 2", "column 1 again"]),
        (&long, &["t.csv:1", "xxx…”"]),
        (
            "H2,temperature\n1e4,50\n1e4,1e-300\n",
            &["row 1 (from 0)", "inf"],
        ),
        (
            "H2,temperature\n1,0\n",
            &["t.csv:2", "temperature", "above 0 K"],
        ),
    ];
    for (text, words) in cases {
        write(folder.path(), "t.csv", text);
        let call = call(folder.path(), "solve --initial t.csv --out out.h5").refused(1, words);
        assert!(call.stderr.len() < 1000, "{}", call.stderr);
        assert_eq!(
            names(folder.path()),
            ["t.csv"],
            "nothing is written for {text:?}"
        );
    }
    write(folder.path(), "t.csv", "");
    call(folder.path(), "solve --initial t.csv --out out.h5").refused(1, &["t.csv:1", "empty"]);
    call(folder.path(), "solve --initial missing.csv --out out.h5").refused(1, &["missing.csv"]);
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    initial(folder.path(), 1);
    for words in [
        "solve",
        "solve --initial initial.csv --points 1",
        "solve --initial initial.csv --t-start 0",
        "solve --initial initial.csv --t-end 1e-7",
        "solve --initial initial.csv --rtol -1",
        "solve --initial initial.csv --cosmic-ray-rate -1e-17",
        "solve --initial initial.csv --density 0",
        "solve --initial initial.csv --temperature 0",
        "solve --initial initial.csv --temperature warm",
        "solve --initial initial.csv --out result.txt",
        "solve --initial initial.csv --network nosuch",
        "solve --initial initial.csv --threads 0",
        "nosuch",
        "",
    ] {
        assert_eq!(call(folder.path(), words).code, 2, "{words}");
    }
}

#[test]
fn a_model_that_fails_is_named_and_the_others_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "t.csv",
        "H2,C+,e-\n1e4,1,1\n1e300,1e300,1e300\n1e4,0.1,0.1\n",
    );
    let call = call(folder.path(), "solve --initial t.csv --out out.h5 --json").expect(3);
    assert!(call.stderr.contains("row 1 failed: "), "{}", call.stderr);
    assert_eq!(
        (
            call.json()["models"].as_u64(),
            call.json()["failed"].as_u64()
        ),
        (Some(3), Some(1))
    );
    let out = Solutions::read(folder.path().join("out.h5")).unwrap();
    assert!(out.data.sample(1).iter().all(|n| n.is_nan()));
    assert!(
        out.data
            .sample(0)
            .iter()
            .chain(out.data.sample(2))
            .all(|n| n.is_finite())
    );
}

#[test]
fn seconds_are_most_of_a_long_solve_and_no_more_than_the_process() {
    let folder = tempfile::tempdir().unwrap();
    initial(folder.path(), 50);
    let mut rows = 50;
    loop {
        initial(folder.path(), rows);
        let start = Instant::now();
        let json = call(
            folder.path(),
            "solve --initial initial.csv --rtol 1e-6 --atol 1e-18 --json",
        )
        .json();
        let wall = start.elapsed().as_secs_f64();
        let seconds = json["seconds"].as_f64().unwrap();
        assert!(seconds > 0.0 && seconds <= wall, "{seconds} s of {wall} s");
        if wall > 2.0 {
            assert!(seconds > 0.8 * wall, "{seconds} s of {wall} s");
            return;
        }
        rows = (rows as f64 * (3.0 / wall).clamp(2.0, 20.0)) as usize;
    }
}

/// A limit on file size stands in for a full disk: writing fails halfway.
#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_the_old_result_stays() {
    let folder = tempfile::tempdir().unwrap();
    initial(folder.path(), 30);
    write(folder.path(), "out.h5", "the old result");
    let script = format!(
        "trap '' XFSZ; ulimit -f 8; exec {} solve --initial initial.csv --out out.h5 --json",
        env!("CARGO_BIN_EXE_surrogate")
    );
    let run = |script: &str| -> support::Call {
        std::process::Command::new("sh")
            .args(["-c", script])
            .current_dir(folder.path())
            .output()
            .unwrap()
            .into()
    };
    let call = run(&script).refused(1, &["out.h5"]);
    assert!(call.json()["error"].is_string());
    assert_eq!(
        std::fs::read_to_string(folder.path().join("out.h5")).unwrap(),
        "the old result"
    );
    assert_eq!(
        names(folder.path()),
        ["initial.csv", "out.h5"],
        "no half-written file is left"
    );
    call_missing_folder(folder.path());
}

fn call_missing_folder(folder: &std::path::Path) {
    call(
        folder,
        "solve --initial initial.csv --out no/such/folder/out.h5",
    )
    .refused(1, &["no/such/folder"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = command(folder.path())
        .args(["latent-network", "--json"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("standard output"));
}

/// Two initial states of the paper's distribution; the second ends in a limit cycle, which a loose solve steps over.
#[test]
fn oscillating_rows_are_found_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "t.csv",
        "H2,C,C+,O,e-\n1e4,1,1,2,1\n1e4,0.01832245,0.0277318,0.04605425,0.0277318\n",
    );
    let json = call(
        folder.path(),
        "solve --initial t.csv --check-oscillation --json",
    )
    .expect(0)
    .json();
    assert_eq!(json["oscillating"], serde_json::json!([1]));
}

/// A network of one reaction with each law that needs more than T and ζ, and one without an implementation.
const LAWS: &str = "chem-network 1\n[species]\nH\nH2\nC\nC+\ne-\nCO\nO\n[reactions]\n\
    H + H -> H2 ; grain-h2-ct02\n\
    H2 -> H + H ; photo-h2 5.18e-11\n\
    C -> C+ + e- ; photo-c 3e-10 3.0\n\
    C+ + e- -> C ; T=10..300 kooij 4e-12 -0.6 0\n\
    C -> C+ + e- ; cosmic-ray-photon 1.3e-17 0 510 reference=1.3e-17\n\
    C + O -> CO ; unsupported formula 99\n";

#[test]
fn every_condition_is_an_option_and_a_column_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "laws.network", LAWS);
    write(folder.path(), "t.csv", "H,H2,C,e-\n1e3,1e2,1,1\n");
    let conditions = [
        ("temperature", "60"),
        ("density", "1e3"),
        ("dust_temperature", "15"),
        ("doppler_width", "1e5"),
        ("h2_column", "1e18"),
        ("c_column", "1e15"),
        ("visual_extinction", "0.5"),
        ("radiation_field", "2"),
        ("grain_albedo", "0.5"),
    ];
    let base = "solve --network laws.network --initial t.csv --drop-unsupported --t-end 1e3 --points 5 --out a.csv";
    let options = |left_out: Option<&str>| {
        conditions
            .iter()
            .filter(|(name, _)| Some(*name) != left_out)
            .map(|(name, value)| format!(" --{} {value}", name.replace('_', "-")))
            .collect::<String>()
    };
    for (name, _) in &conditions[1..] {
        let option = format!("--{}", name.replace('_', "-"));
        call(folder.path(), &format!("{base}{}", options(Some(name)))).refused(1, &[&option]);
    }
    let by_option = call(folder.path(), &format!("{base}{} --json", options(None))).expect(0);
    assert_eq!(by_option.json()["dropped_unsupported"].as_u64(), Some(1));
    assert_eq!(
        by_option.json()["cosmic_rays"][0]["reference_per_s"].as_f64(),
        Some(1.3e-17)
    );
    assert!(
        by_option.stderr.contains("1 reactions without"),
        "{}",
        by_option.stderr
    );
    let first = std::fs::read_to_string(folder.path().join("a.csv")).unwrap();
    let (names, values): (Vec<_>, Vec<_>) = conditions.iter().copied().unzip();
    write(
        folder.path(),
        "t.csv",
        &format!(
            "H,H2,C,e-,{}\n1e3,1e2,1,1,{}\n",
            names.join(","),
            values.join(",")
        ),
    );
    let by_column = call(folder.path(), base).expect(0);
    assert!(
        by_column
            .stdout
            .contains("1 reactions with α for ζ = 1.3e-17"),
        "{}",
        by_column.stdout
    );
    assert_eq!(
        first,
        std::fs::read_to_string(folder.path().join("a.csv")).unwrap()
    );
    // Where one row is wrong it is named.
    write(folder.path(), "t.csv", "H,c_column\n1,-1\n");
    call(folder.path(), base).refused(1, &["t.csv:2", "c_column", "0 cm⁻² or more"]);
}

#[test]
fn unsupported_rows_are_listed_with_their_line_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "laws.network", LAWS);
    write(folder.path(), "t.csv", "H,H2,C,e-\n1e3,1e2,1,1\n");
    let words = &["--drop-unsupported", "line 16: C + O -> CO", "formula 99"];
    call(
        folder.path(),
        "solve --network laws.network --initial t.csv",
    )
    .refused(1, words);
    call(folder.path(), "generate --network laws.network --out d.h5").refused(1, words);
    call(folder.path(), "run --network laws.network --out r").refused(1, words);
    assert_eq!(names(folder.path()), ["laws.network", "t.csv"]);
}

#[test]
fn the_policy_outside_temperature_ranges_is_the_one_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "one.network",
        "chem-network 1\n[species]\nC\nC+\ne-\n[reactions]\nC+ + e- -> C ; T=10..300 kooij 1e-9 1 0\n",
    );
    write(folder.path(), "t.csv", "C+,e-\n1,1\n");
    let left = |options: &str| {
        let base = "solve --network one.network --initial t.csv --t-end 100 --points 2 --rtol 1e-8 --atol 1e-16 --out a.h5";
        call(folder.path(), &format!("{base} {options}")).expect(0);
        let solved = Solutions::read(folder.path().join("a.h5")).unwrap();
        let ion = solved.labels.iter().position(|l| l == "C+").unwrap();
        solved.data.state(0, 1)[ion]
    };
    // dn/dt = -k n²: n = 1/(1 + k t).
    let exact = |k: f64| 1.0 / (1.0 + k * (100.0 - 1e-6) * 3.15576e7);
    for (options, k) in [
        ("--temperature 200", 2e-9 / 3.0),
        ("--temperature 600", 2e-9),
        ("--temperature 600 --extrapolation extrapolate", 2e-9),
        ("--temperature 600 --extrapolation clamp", 1e-9),
        ("--temperature 600 --extrapolation zero", 0.0),
    ] {
        let (found, expected) = (left(options), exact(k));
        assert!(
            (found - expected).abs() < 1e-6 * expected,
            "{options}: {found} {expected}"
        );
    }
    call(folder.path(), "solve --initial t.csv --extrapolation never").expect(2);
    call(folder.path(), "solve --initial t.csv --set user_Av").refused(2, &["NAME=VALUE"]);
    call(folder.path(), "solve --initial t.csv --set user_Av=x").refused(2, &["NAME=VALUE"]);
}

#[test]
fn shielding_of_co_is_a_table() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "co.network",
        "chem-network 1\n[species]\nCO\nC\nO\n[reactions]\nCO -> C + O ; photo-co 2e-10\n",
    );
    write(folder.path(), "t.csv", "CO,co_column\n1,1e14\n1,1e30\n");
    // A tenth per factor of a hundred in N(CO), nothing by H2; A_V = 0: no dust.
    let table = "# made up\nfactor,co_column,h2_column\n0.01,1e16,1e18\n1,1e12,1e18\n1,1e12,1e20\n0.01,1e16,1e20\n";
    write(folder.path(), "f.csv", table);
    let base = "solve --network co.network --initial t.csv --visual-extinction 0 --radiation-field 1 --h2-column 1e19 \
                --t-end 10 --points 2 --rtol 1e-8 --atol 1e-16 --out a.h5";
    call(folder.path(), base).refused(1, &["photo-co", "--co-shielding"]);
    call(folder.path(), &format!("{base} --co-shielding f.csv")).expect(0);
    let solved = Solutions::read(folder.path().join("a.h5")).unwrap();
    for (row, factor) in [(0, 0.1), (1, 0.01)] {
        let expected = f64::exp(-2e-10 * factor * (10.0 - 1e-6) * 3.15576e7);
        let found = solved.data.state(row, 1)[0];
        assert!(
            (found - expected).abs() < 1e-6 * expected,
            "{row}: {found} {expected}"
        );
    }
    for (text, words) in [
        (
            "co_column,factor\n1e12,1\n",
            &["f.csv:1", "co_column, h2_column, factor"][..],
        ),
        (
            "co_column,h2_column,factor\n1e12,1e18,x\n",
            &["f.csv:2", "column 3 (factor)", "above 0"],
        ),
        (
            "co_column,h2_column,factor\n1e12,1e18,1\n1e13,1e19,1\n",
            &["2 values of co_column"],
        ),
        ("co_column,h2_column,factor\n1e12,1e18\n", &["f.csv:2"]),
        ("co_column,h2_column,factor\n", &["no grid points below"]),
        ("", &["f.csv:1"]),
    ] {
        write(folder.path(), "f.csv", text);
        call(folder.path(), &format!("{base} --co-shielding f.csv")).refused(1, words);
    }
}
