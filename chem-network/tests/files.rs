//! Files as such: packed, in pairs, too large, no text at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::path::Path;

use chem_network::{Error, Format, read_network, read_network_as, read_network_with_species};

const RATES: &str = "1,O,CH,,CO,H,,,1.0E-09,-0.50,10.0,L,10,300,C,\n";
const SPECIES: &str = "1,H,0.4,1.0\n2,CO,0,28.0\n3,CH,0,13.0\n4,O,3e-4,16.0\n5,e-,0,0.0\n";

fn pack(path: &Path, pieces: impl Iterator<Item = impl AsRef<[u8]>>) {
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    for piece in pieces {
        encoder.write_all(piece.as_ref()).unwrap();
    }
    encoder.finish().unwrap();
}

#[test]
fn rates_and_species_packed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("rates_a.d"), RATES).unwrap();
    std::fs::write(path("list"), SPECIES).unwrap();
    let alone = read_network(path("rates_a.d")).unwrap();
    assert_eq!(alone.species().len(), 4);
    let pair = read_network_with_species(path("rates_a.d"), path("list")).unwrap();
    assert_eq!(pair.species()[0].name(), "H");
    assert_eq!(pair.initial_abundances().unwrap()[3], 3e-4);
    pack(&path("species_a.d.gz"), std::iter::once(SPECIES));
    assert!(read_network(path("rates_a.d")).unwrap() == pair);
    pack(&path("rates_b.d.gz"), std::iter::once(RATES));
    std::fs::write(path("species_b.d"), SPECIES).unwrap();
    let packed = read_network(path("rates_b.d.gz")).unwrap();
    assert_eq!(packed.species(), pair.species());
    assert_eq!(packed.initial_abundances(), pair.initial_abundances());
    // Another format has no such list.
    let error = read_network_as(path("rates_a.d"), Format::Umist).unwrap_err();
    assert!(matches!(error, Error::Syntax { .. }), "{error}");
}

#[test]
fn what_is_no_network_is_refused_by_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.gz");
    // 100 MB when unpacked: no more than a MiB of it is.
    let zeros = vec![b'0'; 1 << 20];
    pack(&path, (0..100).map(|_| &zeros));
    assert!(matches!(
        read_network(&path),
        Err(Error::UnknownFormat { .. })
    ));
    let noise: Vec<u8> = (0..=255u8).cycle().take(1 << 21).collect();
    std::fs::write(folder.path().join("noise"), noise).unwrap();
    let error = read_network(folder.path().join("noise")).unwrap_err();
    assert!(error.to_string().contains("byte 0x80"), "{error}");
    std::fs::write(folder.path().join("empty"), "").unwrap();
    let error = read_network(folder.path().join("empty")).unwrap_err();
    assert!(matches!(error, Error::UnknownFormat { .. }), "{error}");
    for format in Format::ALL {
        // An empty text of a given format: refused, or a network of nothing.
        match read_network_as(folder.path().join("empty"), *format) {
            Ok(network) => assert!(network.reactions().is_empty(), "{format}"),
            Err(error) => assert!(error.to_string().contains("empty"), "{format}: {error}"),
        }
    }
}

#[test]
fn a_text_larger_than_any_network_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("comments.gz");
    let head = std::iter::once(RATES.to_owned());
    let blank = "\n".repeat(1 << 20);
    pack(&path, head.chain((0..257).map(|_| blank.clone())));
    match read_network(&path) {
        Err(Error::TooLarge { limit, .. }) => assert_eq!(limit, 1 << 28),
        other => panic!("{:?}", other.map(|network| network.species().len())),
    }
}

#[test]
fn characters_that_are_cut_by_the_beginning_are_whole() {
    // A character of three bytes across the end of the first MiB.
    let folder = tempfile::tempdir().unwrap();
    let row = "7:NN:O:CH:CO:H:::1:1.0e-09:-0.50:10.0:10:300:L:C:\"\":\"\":\n";
    for shift in 0..3 {
        let mut text = row.repeat((1 << 20) / row.len());
        text.push('#');
        while text.len() < (1 << 20) - shift {
            text.push('x');
        }
        text.push_str("€\n");
        text.push_str(row);
        let path = folder.path().join("text");
        std::fs::write(&path, &text).unwrap();
        let network = read_network(&path).unwrap();
        assert_eq!(network.skipped()[0].lines, 1);
        assert_eq!(network.reactions().len(), (1 << 20) / row.len() + 1);
    }
}
