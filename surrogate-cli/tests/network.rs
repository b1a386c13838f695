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

#[test]
fn the_format_is_told_or_given() {
    let folder = tempfile::tempdir().unwrap();
    let row = "7:NN:O:CH:CO:H:::1:1.00e-09:-0.50:10.0:10:300:L:C:\"\":\"\": ! odd\n";
    write(folder.path(), "a.txt", &format!("# comment\n{row}"));
    let json = call(folder.path(), "network check a.txt --json")
        .expect(0)
        .json();
    assert_eq!(json["format"], "umist");
    assert_eq!(json["skipped"][0]["what"], "comment");
    assert_eq!(json["remarks"][0]["line"], 2);
    let text = call(folder.path(), "network check a.txt --format umist").expect(0);
    assert!(text.stdout.contains("! odd"), "{}", text.stdout);
    call(folder.path(), "network check a.txt --format kida").refused(1, &["a.txt:1:"]);
    write(folder.path(), "initial.csv", "O,CH\n1,1\n");
    let solve = "solve --network a.txt --initial initial.csv --t-end 1 --points 3";
    call(folder.path(), &format!("{solve} --format umist")).expect(0);
    call(folder.path(), &format!("{solve} --format osu")).refused(1, &["a.txt:2:"]);
    let unknown = call(folder.path(), "network check a.txt --format excel").expect(2);
    assert!(
        unknown.stderr.contains("uclchem, 3dpdr"),
        "{}",
        unknown.stderr
    );
    call(folder.path(), "network check osu224 --format osu").refused(2, &["embedded"]);
}

#[test]
fn rates_and_species_of_3d_pdr_belong_together() {
    let folder = tempfile::tempdir().unwrap();
    let rates = "1,O,CH,,CO,H,,,1.0E-09,-0.50,10.0,L,10,300,C,\n";
    let species = "1,H,0.4,1.0\n2,CO,0,28.0\n3,CH,0,13.0\n4,O,3e-4,16.0\n5,e-,0,0.0\n";
    write(folder.path(), "rates_a.d", rates);
    let count = |options: &str| {
        let json = call(
            folder.path(),
            &format!("network check rates_a.d {options} --json"),
        )
        .expect(0)
        .json();
        assert_eq!(json["format"], "3dpdr");
        json["species"].as_u64().unwrap()
    };
    assert_eq!(count(""), 4);
    write(folder.path(), "other.d", species);
    assert_eq!(count("--species-list other.d"), 5);
    write(folder.path(), "species_a.d", species);
    assert_eq!(count(""), 5);
    write(
        folder.path(),
        "species_a.d",
        &species.replace("O,3e-4,16.0", "C,3e-4,12.0"),
    );
    call(folder.path(), "network check rates_a.d")
        .refused(1, &["rates_a.d:1:3", "list of species"]);
    call(folder.path(), "network check species_a.d").refused(1, &["list of species of 3D-PDR"]);
    call(
        folder.path(),
        "network check rates_a.d --format kida --species-list other.d",
    )
    .refused(2, &["--species-list"]);
}
