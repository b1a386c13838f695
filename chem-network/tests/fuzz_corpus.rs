//! Replays the corpus of the fuzz targets, findings included, on stable Rust.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../fuzz/entry.rs"]
mod entry;

use std::path::Path;

use chem_network::{Format, parse_network, parse_network_as};

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    std::fs::read_dir(folder.join(target))
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            (path.display().to_string(), std::fs::read(&path).unwrap())
        })
        .collect()
}

#[test]
fn every_target_survives_its_corpus() {
    for target in entry::TARGETS {
        let files = corpus(target);
        assert!(!files.is_empty(), "{target}");
        for (name, bytes) in files {
            println!("{name}");
            entry::run(target, &bytes);
        }
    }
}

#[test]
fn every_target_has_a_file_that_is_read_whole() {
    // A corpus of refused files alone would explore nothing behind the first line.
    for target in entry::TARGETS {
        let read = |bytes: &[u8]| {
            let Ok(text) = std::str::from_utf8(bytes) else {
                return false;
            };
            match target {
                "expression" => text.parse::<chem_network::Expression>().is_ok(),
                "pdr" => parse_network(text, "corpus").is_ok(),
                name => parse_network_as(text, "corpus", Format::from_name(name).unwrap()).is_ok(),
            }
        };
        let accepted = corpus(target)
            .iter()
            .filter(|(_, bytes)| read(bytes))
            .count();
        assert!(accepted > 0, "{target}");
    }
}
