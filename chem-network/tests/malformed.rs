//! Rows that are almost right, in every format of a database: an error at its place, or the right
//! values.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chem_network::{Error, Format, Network, RateLaw, parse_network, parse_network_as};
use proptest::prelude::*;

/// A KIDA row.
fn kida(
    names: [&[&str]; 2],
    numbers: [&str; 3],
    kind: &str,
    range: [&str; 2],
    number: &str,
) -> String {
    let mut fields = [""; 8];
    fields[..names[0].len()].copy_from_slice(names[0]);
    fields[3..3 + names[1].len()].copy_from_slice(names[1]);
    let part = |fields: &[&str]| {
        fields
            .iter()
            .map(|f| format!("{f:<11}"))
            .collect::<String>()
    };
    let names = format!("{} {}  ", part(&fields[..3]), part(&fields[3..]));
    let [itype, formula] = [&kind[..2], &kind[2..]];
    format!(
        "{names}{:>9} {:>10} {:>10} 2.00e+00 0.00e+00 logn {itype} {:>6}{:>7} {formula} {number:>5} 1  1",
        numbers[0], numbers[1], numbers[2], range[0], range[1]
    )
}

const KIDA_NUMBERS: [&str; 3] = ["1.000e-09", "-5.000e-01", "1.000e+01"];
const KIDA_RANGE: [&str; 2] = ["10", "300"];
const UMIST: &str = "7:NN:O:CH:CO:H:::1:1.00e-09:-0.50:10.0:10:300:L:C:\"10.1/x\":\"a note\":";
const UCLCHEM: &str = "O,CH,NAN,CO,H,NAN,NAN,1.0e-09,-0.5,10.0,10.0,300.0,0.0,False";
const PDR: &str = "7,O,CH,,CO,H,,,1.00E-09,-0.50,10.0,L,10,300,C,\"10.1/x\"";

fn kida_row() -> String {
    kida(
        [&["O", "CH"], &["CO", "H"]],
        KIDA_NUMBERS,
        " 4 3",
        KIDA_RANGE,
        "7",
    )
}

fn osu_row() -> String {
    let names: String = ["O", "CH", "", "CO", "H", "", "", ""]
        .map(|n| format!("{n:<8}"))
        .concat();
    format!("{names} 1.00e-09 -5.0e-01 1.00e+01 7   1         *   7*  1.25")
}

/// Every format with a good row: O + CH → CO + H, α = 1e-9, β = −0.5, γ = 10 K.
fn formats() -> Vec<(Format, String)> {
    vec![
        (Format::Osu, osu_row()),
        (Format::Kida, kida_row()),
        (Format::Umist, UMIST.to_owned()),
        (Format::Uclchem, UCLCHEM.to_owned()),
        (Format::Pdr, PDR.to_owned()),
    ]
}

fn read(text: &str, format: Format) -> Result<Network, Error> {
    parse_network_as(text, "file", format)
}

/// Line, column and what was expected of a syntax error.
fn at(text: &str, format: Format) -> (usize, usize, String) {
    match read(text, format) {
        Err(Error::Syntax { at, expected, .. }) => (at.line, at.column, expected),
        other => panic!("{format}: {other:?}\n{text}"),
    }
}

fn law() -> RateLaw {
    RateLaw::Kooij {
        alpha: 1e-9,
        beta: -0.5,
        gamma: 10.0,
    }
}

#[test]
fn good_rows_give_what_they_say() {
    for (format, row) in formats() {
        let network = read(&row, format).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(network.reaction_text(0), "O + CH -> CO + H", "{format}");
        assert_eq!(network.reactions()[0].rate.law(), Some(&law()), "{format}");
        assert_eq!(Format::detect(&row), Some(format));
        let range = network.reactions()[0].rate.fits()[0].range;
        let range = range.map(|range| (range.min(), range.max()));
        assert_eq!(
            range,
            (format != Format::Osu).then_some((10.0, 300.0)),
            "{format}"
        );
    }
}

#[test]
fn a_row_that_is_cut_off_is_an_error_or_complete() {
    for (format, row) in formats() {
        let whole = read(&format!("{row}\n{row}"), format).unwrap();
        for cut in 1..row.len() {
            let text = format!("{row}\n{}", &row[..cut]);
            match read(&text, format) {
                // What was cut off is not kept: references, uncertainties, a blank.
                Ok(network) => assert!(network == whole, "{format}: {text}"),
                Err(Error::Syntax { at, .. }) => assert_eq!(at.line, 2, "{format}: {text}"),
                Err(other) => panic!("{format}: {other}\n{text}"),
            }
        }
    }
}

#[test]
fn shifted_columns_are_an_error() {
    for (format, row) in [(Format::Osu, osu_row()), (Format::Kida, kida_row())] {
        for shifted in [format!(" {row}"), row[1..].to_owned(), format!("   {row}")] {
            let (line, ..) = at(&format!("{row}\n{shifted}"), format);
            assert_eq!(line, 2, "{format}");
        }
        // A blank more or less anywhere in front of the last number that is kept.
        for place in (1..64).step_by(7) {
            let more = format!("{} {}", &row[..place], &row[place..]);
            assert_eq!(
                at(&format!("{row}\n{more}"), format).0,
                2,
                "{format} {place}"
            );
        }
    }
}

#[test]
fn numbers_that_are_none() {
    for text in [
        "NaN", "inf", "-inf", "1e999", "1e-999", "", "x", "1,5", "--1",
    ] {
        for (format, row) in formats() {
            let number = match format {
                Format::Osu => " 1.00e-09",
                Format::Kida => "1.000e-09",
                Format::Uclchem => "1.0e-09",
                Format::Pdr => "1.00E-09",
                _ => "1.00e-09",
            };
            if text.contains(',') && matches!(format, Format::Uclchem | Format::Pdr) {
                continue;
            }
            let column = row.find(number).unwrap();
            let bad = row.replacen(number, &format!("{text:>width$}", width = number.len()), 1);
            let bad = match format {
                Format::Osu | Format::Kida => bad,
                _ => row.replacen(number, text, 1),
            };
            let (line, found, expected) = at(&format!("{row}\n{bad}"), format);
            assert_eq!(line, 2, "{format} {text}");
            assert!(
                (column..=column + 10).contains(&found),
                "{format} {text}: {found}"
            );
            let name = if format == Format::Kida { "A" } else { "α" };
            assert!(expected.contains(name), "{format} {text}: {expected}");
        }
    }
}

#[test]
fn negative_alpha_is_an_error() {
    for (format, row) in formats() {
        let bad = row
            .replacen(" 1.00", "-1.00", 1)
            .replacen("  1.000e-09", " -1.000e-09", 1)
            .replacen(":1.00e-09", ":-1.00e-09", 1)
            .replacen(",1.0", ",-1.0", 1);
        assert_ne!(bad, row);
        assert_eq!(at(&bad, format).0, 1, "{format}: {bad}");
    }
}

#[test]
fn exponents_as_fortran_writes_them() {
    for (format, row) in formats() {
        let fortran = row
            .replace("e-", "D-")
            .replace("E-", "d-")
            .replace("e+", "d+");
        assert_ne!(fortran, row);
        assert!(
            read(&fortran, format).unwrap() == read(&row, format).unwrap(),
            "{format}"
        );
    }
}

#[test]
fn line_ends_blank_lines_and_comments() {
    for (format, row) in formats() {
        let plain = read(&format!("{row}\n{row}\n"), format).unwrap();
        let crlf = read(&format!("{row}\r\n\r\n{row}\r\n"), format).unwrap();
        assert!(plain == crlf, "{format}");
        assert_eq!(crlf.skipped().len(), 1);
        let comment = match format {
            Format::Umist => "# comment",
            Format::Pdr => continue,
            _ => "! comment",
        };
        let text = format!("{comment}\n{row}\n   \n{row}");
        let commented = read(&text, format).unwrap();
        assert!(plain == commented, "{format}");
        let lines: usize = commented.skipped().iter().map(|class| class.lines).sum();
        assert_eq!(lines, 2, "{format}");
        assert_eq!(Format::detect(&text), Some(format));
    }
}

#[test]
fn tabs_and_characters_of_other_alphabets() {
    for (format, row) in formats() {
        let name = row.find("CH").unwrap();
        for odd in ["C\tH", "Cé", "C\u{0}H", "Ｃ", "C\u{a0}H"] {
            let bad = format!("{}{odd}{}", &row[..name], &row[name + 2..]);
            let (line, column, _) = at(&format!("{row}\n{bad}"), format);
            assert_eq!(line, 2, "{format} {odd:?}");
            assert!(
                (name..name + 4).contains(&column),
                "{format} {odd:?}: {column}"
            );
        }
    }
    // In a reference they do no harm.
    let note = UMIST.replace("a note", "Vériten\u{2014}Å");
    assert!(read(&note, Format::Umist).is_ok());
}

#[test]
fn unknown_species_gaps_and_pseudo_reactants() {
    let cases = [
        (
            Format::Umist,
            UMIST.replacen(":O:", ":Q:", 1),
            6,
            "reactant",
        ),
        (
            Format::Umist,
            UMIST.replacen(":O:CH:", "::CH:", 1),
            7,
            "empty",
        ),
        (
            Format::Umist,
            UMIST.replacen(":CO:H:", ":::", 1),
            11,
            "product",
        ),
        (
            Format::Umist,
            UMIST.replacen(":NN:", ":PH:", 1),
            3,
            "PHOTON",
        ),
        (Format::Umist, UMIST.replacen(":CH:", ":CRP:", 1), 3, "CRP"),
        (
            Format::Umist,
            UMIST.replacen(":1:", ":0:", 1),
            18,
            "1 to 64",
        ),
        (
            Format::Umist,
            UMIST.replacen(":1:", ":2:", 1),
            69,
            "nine fields",
        ),
        (
            Format::Umist,
            format!("{UMIST}1.0:2:3"),
            69,
            "no more than 1",
        ),
        (
            Format::Umist,
            UMIST.replacen(":10:300:", ":300:10:", 1),
            40,
            "temperature range",
        ),
        (
            Format::Uclchem,
            UCLCHEM.replacen("O,CH", "NAN,CH", 1),
            5,
            "NAN before",
        ),
        (
            Format::Uclchem,
            UCLCHEM.replacen("CH,NAN", "CH,CRP,NAN", 1),
            60,
            "12 to 14",
        ),
        (
            Format::Uclchem,
            UCLCHEM.replacen("False", "Maybe", 1),
            56,
            "True or False",
        ),
        (
            Format::Uclchem,
            UCLCHEM.replacen("CO,H,", "NAN,NAN,", 1),
            10,
            "product",
        ),
        (
            Format::Uclchem,
            UCLCHEM.replacen("O,CH", "CRP,PHOTON", 1),
            5,
            "one keyword",
        ),
        (Format::Pdr, PDR.replacen(",O,CH,", ",,CH,", 1), 4, "empty"),
        (
            Format::Pdr,
            PDR.replacen(",L,", ",LL,", 1),
            36,
            "one letter",
        ),
        (Format::Pdr, PDR.replacen("7,", "x,", 1), 1, "number"),
        (
            Format::Pdr,
            PDR.replacen("\"10", "\"\"10", 1).replace("x\"", "x"),
            47,
            "quotation",
        ),
    ];
    let mut wrong = Vec::new();
    for (format, row, column, part) in cases {
        let found = at(&row, format);
        if (found.0, found.1) != (1, column) || !found.2.contains(part) {
            wrong.push(format!(
                "{format}: {found:?}, wanted {column} {part}\n{row}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn formulae_of_kida_that_do_not_fit() {
    let zero = ["1.000e+00", "0.000e+00", "0.000e+00"];
    let row = |names, numbers, kind| kida(names, numbers, kind, ["-9999", "9999"], "1");
    let direct: [&[&str]; 2] = [&["H", "CR"], &["H+", "e-"]];
    let cases = [
        (row(direct, zero, " 1 3"), 165, "a formula that fits"),
        (
            row([&["H", "CH"], &["C", "H2"]], zero, " 1 1"),
            165,
            "a formula that fits",
        ),
        (row(direct, KIDA_NUMBERS, " 1 1"), 102, "has no B"),
        (
            row([&["H", "CR", "CRP"], &["H+", "e-"]], zero, " 1 1"),
            23,
            "only one keyword",
        ),
        (
            row([&["CR"], &["H+", "e-"]], zero, " 1 1"),
            1,
            "a species among",
        ),
        (
            row([&["H", "CR"], &["Photon"]], zero, " 1 1"),
            35,
            "a species among",
        ),
    ];
    for (text, column, part) in cases {
        let found = at(&text, Format::Kida);
        assert!(
            (found.0, found.1) == (1, column) && found.2.contains(part),
            "{found:?}\n{text}"
        );
    }
    let troe = read(&row([&["H", "CH"], &["CH2"]], zero, " 6 6"), Format::Kida).unwrap();
    assert!(
        troe.unsupported()[0].reason.contains("Troe"),
        "{:?}",
        troe.unsupported()
    );
}

#[test]
fn rows_of_one_number_are_fits_and_open_ends_are_open() {
    let row = |range, number| {
        kida(
            [&["O", "CH"], &["CO", "H"]],
            KIDA_NUMBERS,
            " 4 3",
            range,
            number,
        )
    };
    let text = [
        row(["-9999", "300"], "7"),
        row(["301", "9999"], "7"),
        row(["-9999", "9999"], "8"),
    ]
    .join("\n");
    let network = read(&text, Format::Kida).unwrap();
    assert_eq!(network.reactions().len(), 2);
    let ends = |j: usize| -> Vec<Option<(f64, f64)>> {
        let fits = network.reactions()[j].rate.fits().iter();
        fits.map(|fit| fit.range.map(|range| (range.min(), range.max())))
            .collect()
    };
    assert_eq!(ends(0), [Some((0.0, 300.0)), Some((301.0, f64::INFINITY))]);
    assert_eq!(ends(1), [None]);
    // The same reaction under another number is another row: reported.
    assert_eq!(network.duplicates(), [(0, 1)]);
}

#[test]
fn lists_of_species_of_3d_pdr() {
    let good = "1,O,1.0E-04,16.0\n2,CH,0,13.0\n3,CO,0,28.0\n4,H,4e-1,1.0\n5,e-,0.0,0.0\n";
    let with = |species: &str| {
        chem_network::format::pdr::parse_with_species((PDR, "rates.d"), (species, "species.d"))
    };
    let network = with(good).unwrap();
    let names: Vec<&str> = network.species_names().collect();
    assert_eq!(names, ["O", "CH", "CO", "H", "e-"]);
    assert_eq!(
        network.initial_abundances().unwrap(),
        [1e-4, 0.0, 0.0, 0.4, 0.0]
    );
    let cases = [
        (
            good.replace("5,e-,0.0,0.0\n", ""),
            "species.d:4:",
            "electron in the last line",
        ),
        (
            format!("{good}6,C,0,12.0\n"),
            "species.d:5:",
            "electron in the last line",
        ),
        (
            good.replace("3,CO,0,28.0", "3,CH,0,13.0"),
            "species.d:3:3",
            "not listed before",
        ),
        (good.replace("28.0", "27.0"), "species.d:3:", "mass of CO"),
        (good.replace("28.0", "27.5"), "", ""),
        (good.replace("2,CH", "2,C2H"), "species.d:2:", "mass of C2H"),
        (
            good.replace("2,CH,0,13.0\n", ""),
            "rates.d:1:5",
            "list of species",
        ),
        (
            good.replace("1.0E-04", "-1.0E-04"),
            "species.d:1:5",
            "abundance",
        ),
        (
            good.replace(",16.0", ""),
            "species.d:1:",
            "number, name, abundance",
        ),
    ];
    for (species, place, part) in cases {
        match with(&species) {
            Ok(_) => assert_eq!(place, "", "{species}"),
            Err(error) => {
                let text = error.to_string();
                assert!(
                    text.starts_with(place) && text.contains(part),
                    "{text}, not {place} {part}"
                );
            }
        }
    }
    // Alone it is no network, and the error says what it is.
    let error = parse_network(good, "species.d").unwrap_err();
    assert!(
        error.to_string().contains("list of species of 3D-PDR"),
        "{error}"
    );
}

#[test]
fn lines_without_end() {
    for (format, row) in formats() {
        for filler in ["x", ":", ",", "\"", " ", "9", "é"] {
            let endless = format!("{row}\n{row}{}", filler.repeat(100_000));
            let error = read(&endless, format).unwrap_err().to_string();
            assert!(
                error.starts_with("file:2:") && error.len() < 500,
                "{format} {filler}: {error}"
            );
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(
        texts in proptest::collection::vec("[ -~]{0,40}|\\PC{0,8}", 0..4),
        cut in any::<prop::sample::Index>(),
        which in 0usize..5,
    ) {
        let (format, row) = formats().swap_remove(which);
        // A good row with pieces of garbage put into it.
        let mut text = format!("{row}\n{row}");
        for piece in texts {
            let mut at = cut.index(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, &piece);
        }
        let _ = Format::detect(&text);
        if let Err(error) = read(&text, format) {
            let known = matches!(error, Error::Syntax { .. } | Error::Fits(_));
            prop_assert!(known, "{}", error);
        }
    }

    #[test]
    fn numbers_survive_the_way_through_a_file(
        alpha in 1e-300..1e10f64,
        beta in -10.0..10.0f64,
        gamma in -1e4..1e5f64,
    ) {
        let expected = RateLaw::Kooij { alpha, beta, gamma };
        let umist = UMIST.replacen("1.00e-09:-0.50:10.0", &format!("{alpha:e}:{beta}:{gamma}"), 1);
        let uclchem = UCLCHEM.replacen("1.0e-09,-0.5,10.0", &format!("{alpha:e},{beta},{gamma}"), 1);
        let pdr = PDR.replacen("1.00E-09,-0.50,10.0", &format!("{alpha:E},{beta},{gamma}"), 1);
        for (format, row) in [
            (Format::Umist, umist),
            (Format::Uclchem, uclchem),
            (Format::Pdr, pdr),
        ] {
            let network = read(&row, format).unwrap();
            prop_assert_eq!(&network.reactions()[0].rate.fits()[0].law, &expected);
        }
    }
}
