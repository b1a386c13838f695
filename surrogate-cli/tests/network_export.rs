//! `surrogate network export`: forms, files, and what is refused.

mod support;

use support::{call, write};

/// A KROME file with a rate that has no implementation.
const KROME: &str = "@common:user_Av
@format:idx,R,R,P,P,Tmin,Tmax,rate
1,H,E,H+,E,NONE,NONE,1d-10*T32**(-.5)*exp(-2d0*user_Av)
2,H+,E,H,,1d1,1d4,1d-12*invsqrT
3,H,H,H2,,NONE,NONE,krome_fshield(n,Tgas)
";

#[test]
fn every_form_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (form, word) in [
        ("native", "chem-network 1"),
        ("latex", "\\begin{longtable}"),
        ("krome", "@format:idx,R,"),
        ("rust", "pub fn rhs("),
        ("c", "void rhs(const double *k"),
        ("cuda", "__device__ void rhs("),
        ("python", "import numpy as np"),
        ("jax", "import jax.numpy as np"),
    ] {
        let printed = call(folder.path(), &format!("network export osu224 --to {form}"));
        let printed = printed.expect(0).stdout;
        assert!(printed.contains(word), "{form}: {word} is missing");
        let file = format!("network.{form}");
        let written = call(
            folder.path(),
            &format!("network export osu224 --to {form} --out {file} --json"),
        );
        let json = written.expect(0).json();
        assert_eq!(json["files"][0], file.as_str());
        assert_eq!(json["reactions"], 224);
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert_eq!(text.trim_end(), printed.trim_end());
    }
    // What has been written is read again.
    for form in ["native", "krome"] {
        let json = call(
            folder.path(),
            &format!("network check network.{form} --json"),
        );
        let json = json.expect(0).json();
        assert_eq!(
            (json["format"].as_str(), json["reactions"].as_u64()),
            (Some(form), Some(224))
        );
    }
}

#[test]
fn matrices_go_to_three_files() {
    let folder = tempfile::tempdir().unwrap();
    call(folder.path(), "network export osu224 --to matrix-market").refused(2, &["--out"]);
    let json = call(
        folder.path(),
        "network export osu224 --to matrix-market --out osu224.mtx --json",
    )
    .expect(0)
    .json();
    let names = [
        "osu224.reactants.mtx",
        "osu224.products.mtx",
        "osu224.net.mtx",
    ];
    assert_eq!(json["files"], serde_json::json!(names));
    for name in names {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(text.starts_with("%%MatrixMarket matrix coordinate integer general\n"));
    }
}

#[test]
fn rates_without_an_implementation_are_refused_unless_dropped() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "test.krome", KROME);
    for form in ["c", "rust", "python", "krome"] {
        let export = format!("network export test.krome --to {form}");
        call(folder.path(), &export).refused(1, &["krome_fshield", "line 5", "--drop-unsupported"]);
        let kept = call(
            folder.path(),
            &format!("{export} --drop-unsupported --json"),
        );
        let kept = kept.expect(0);
        assert!(kept.stderr.contains("1 reactions"), "{}", kept.stderr);
        let json = kept.json();
        assert_eq!(
            (json["reactions"].as_u64(), json["dropped"].as_u64()),
            (Some(2), Some(1))
        );
    }
    // Where the row can be kept as what it is, it is.
    let native = call(folder.path(), "network export test.krome --to native").expect(0);
    assert!(native.stdout.contains("unsupported krome_fshield(n,Tgas)"));
}

#[test]
fn wrong_usage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    call(folder.path(), "network export osu224 --to fortran77").expect(2);
    call(folder.path(), "network export osu224").expect(2);
    call(folder.path(), "network export nowhere.osu --to c").refused(1, &["nowhere.osu"]);
    let missing = "network export osu224 --to c --out no/such/folder/x.c";
    call(folder.path(), missing).refused(1, &["no/such/folder"]);
}

#[test]
fn the_policy_outside_ranges_is_the_callers() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "test.krome", KROME);
    let rate = |options: &str| {
        let export = format!("network export test.krome --to c --drop-unsupported {options}");
        let text = call(folder.path(), &export).expect(0).stdout;
        let line = text.lines().find(|line| line.starts_with("    k[1] = "));
        line.unwrap().to_owned()
    };
    assert!(rate("").contains("0.0"), "{}", rate(""));
    assert_eq!(
        rate("--extrapolation extrapolate"),
        "    k[1] = 1e-12*invsqrT; // H+ + e- -> H"
    );
    assert_ne!(rate("--extrapolation clamp"), rate(""));
}

#[test]
fn krome_files_are_checked_and_solved() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "test.krome", KROME);
    let text = call(folder.path(), "network check test.krome")
        .expect(0)
        .stdout;
    assert!(
        text.contains("krome_fshield(n,Tgas) has no implementation"),
        "{text}"
    );
    write(folder.path(), "initial.csv", "H,e-,H+\n1e4,1,1\n");
    let solve = "solve --network test.krome --initial initial.csv --t-end 1e3 --points 5 --drop-unsupported";
    call(folder.path(), solve).refused(1, &["user_Av", "--set user_Av="]);
    call(folder.path(), &format!("{solve} --set user_Av=1.5")).expect(0);
}
