//! `surrogate network check` and `latent-network`: their interfaces and what they refuse.

mod support;

use support::{call, write};

#[test]
fn the_embedded_network_is_what_the_paper_says() {
    let folder = tempfile::tempdir().unwrap();
    let json = call(folder.path(), "network check osu224 --json")
        .expect(0)
        .json();
    let number = |key: &str| {
        json[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key} in {json}"))
    };
    assert_eq!(json["format"], "native");
    assert_eq!(
        (number("rows"), number("reactions"), number("species")),
        (224, 224, 29)
    );
    assert_eq!(
        (
            number("unbalanced"),
            number("duplicates"),
            number("jacobian_nonzeros")
        ),
        (0, 0, 581)
    );
    // H, O, C and charge.
    assert_eq!(number("conservation_laws"), 4);
    assert_eq!(json["unsupported"].as_array().unwrap().len(), 0);
    let text = call(folder.path(), "network check osu224").expect(0).stdout;
    assert!(text.contains("224") && text.contains("581"), "{text}");
}

#[test]
fn the_complete_osu_file_is_read() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/networks/osu_09_2008.osu"
    );
    if !std::path::Path::new(path).exists() {
        println!("skipped: {path} is not there");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let json = call(folder.path(), &format!("network check {path} --json"))
        .expect(0)
        .json();
    assert_eq!(json["format"], "osu");
    assert_eq!(
        (json["rows"].as_u64(), json["unbalanced"].as_u64()),
        (Some(4457), Some(0))
    );
    write(folder.path(), "initial.csv", "H2,C\n1e4,1\n");
    let solve = format!("solve --network {path} --initial initial.csv --t-end 1e3 --points 9");
    let work = |options: &str| {
        let json = call(folder.path(), &format!("{solve} {options} --json"))
            .expect(0)
            .json();
        (json["steps"].clone(), json["rejected"].clone())
    };
    assert_ne!(
        work("--visual-extinction 10 --radiation-field 1"),
        work("--visual-extinction 0 --radiation-field 1")
    );
    // What photoreactions need has no default.
    call(folder.path(), &solve).refused(1, &["photo of ", "--visual-extinction"]);
    call(folder.path(), &format!("{solve} --visual-extinction 1"))
        .refused(1, &["photo of ", "--radiation-field"]);
    write(
        folder.path(),
        "initial.csv",
        "H2,C,visual_extinction,radiation_field\n1e4,1,3,1\n1e4,1,5,2\n",
    );
    call(folder.path(), &solve).expect(0);
}

#[test]
fn a_malformed_line_is_named_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let network = |reaction: &str| {
        format!(
            "chem-network 1\ntitle: a test\n\n[species]\nH\nC\nCH\n\n[reactions]\n{reaction} ; kooij alpha=1e-17 beta=0 gamma=0\n"
        )
    };
    write(folder.path(), "good.network", &network("H + C -> CH"));
    let json = call(folder.path(), "network check good.network --json")
        .expect(0)
        .json();
    assert_eq!(json["reactions"].as_u64(), Some(1));
    for (reaction, words) in [
        ("H + C -> CHx", "CHx"),
        ("H + C = CH", "H + C = CH"),
        ("H + O -> CH", "O"),
    ] {
        write(folder.path(), "bad.network", &network(reaction));
        call(folder.path(), "network check bad.network").refused(1, &["bad.network:10:", words]);
        call(
            folder.path(),
            "solve --network bad.network --initial missing.csv",
        )
        .refused(1, &["bad.network:10:"]);
    }
    write(folder.path(), "garbage.txt", "no network at all\n");
    call(folder.path(), "network check garbage.txt --json").refused(1, &["garbage.txt"]);
    call(folder.path(), "network check missing.txt").refused(1, &["missing.txt"]);
}

#[test]
fn the_latent_network_of_the_paper() {
    let folder = tempfile::tempdir().unwrap();
    let json = call(folder.path(), "latent-network --json")
        .expect(0)
        .json();
    assert_eq!(json["molecules"].as_array().unwrap().len(), 5);
    assert_eq!(json["reactions"].as_array().unwrap().len(), 12);
    for format in ["table", "latex", "rust", "python"] {
        assert!(
            !call(folder.path(), &format!("latent-network --to {format}"))
                .expect(0)
                .stdout
                .is_empty()
        );
    }
    call(folder.path(), "latent-network --atoms 0").refused(2, &["at least 1"]);
}
