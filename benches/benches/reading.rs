//! From the text of a database to a checked network: RATE22 read, balanced, searched for duplicates; the other
//! files read; garbage refused. The files are those of `../shared`; without them nothing is timed.
#![allow(missing_docs, clippy::unwrap_used)]

use chem_network::{Format, parse_network, read_network};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::PathBuf;

fn shared(name: &str) -> Option<PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/networks");
    let path = PathBuf::from(root).join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not here", path.display());
        return None;
    }
    Some(path)
}

/// Reading RATE22, balance of every reaction, duplicates: the three together have 100 ms.
fn rate22(c: &mut Criterion) {
    let Some(path) = shared("umist_rate22.rates") else {
        return;
    };
    let text = std::fs::read_to_string(&path).unwrap();
    let network = parse_network(&text, "rate22").unwrap();
    let mut group = c.benchmark_group("rate22");
    group.bench_function("file_to_findings", |b| {
        b.iter(|| {
            let network = read_network(black_box(&path)).unwrap();
            (network.unbalanced().len(), network.duplicates().len())
        })
    });
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse", |b| {
        b.iter(|| parse_network(black_box(&text), "rate22").unwrap())
    });
    group.bench_function("balance", |b| b.iter(|| network.unbalanced().len()));
    group.bench_function("duplicates", |b| b.iter(|| network.duplicates().len()));
    group.finish();
}

fn other_files(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    for name in [
        "osu_09_2008.osu",
        "kida.uva.2024.dat",
        "krome_react_Semenov",
        "uclchem_small_gas.csv",
        "3dpdr_rates_full.d",
    ] {
        let Some(path) = shared(name) else { continue };
        let text = std::fs::read_to_string(path).unwrap();
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| parse_network(black_box(&text), name).unwrap())
        });
    }
    group.finish();
}

/// 100 MB that are no network, beside reading the bytes alone: bytes that are no text, text that is no network, one
/// endless line, and garbage behind a good beginning.
fn garbage(c: &mut Criterion) {
    const SIZE: usize = 100_000_000;
    let folder = std::env::temp_dir().join(format!("chem-network-garbage-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let noise: Vec<u8> = (0..SIZE as u64)
        .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect();
    let row = "1:NN:O:CH:CO:H:::1:1.00e-09:-0.50:10.0:10:300:L:C:\"\":\"\":\n";
    let words = "no network at all, only words\n".repeat(SIZE / 30);
    let head = row.repeat(20_000);
    let files = [
        ("noise", noise),
        ("words", words.clone().into_bytes()),
        ("one_line", vec![b'x'; SIZE]),
        ("behind_a_good_head", (head + &words).into_bytes()),
    ];
    let mut group = c.benchmark_group("garbage_100_mb");
    group.sample_size(10);
    for (name, bytes) in files {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        group.bench_function(format!("{name}/refused"), |b| {
            b.iter(|| read_network(black_box(&path)).unwrap_err())
        });
        group.bench_function(format!("{name}/bytes_alone"), |b| {
            b.iter(|| std::fs::read(black_box(&path)).unwrap().len())
        });
    }
    group.finish();
    let forced = folder.join("noise");
    c.bench_function("garbage_100_mb/noise/refused_as_kida", |b| {
        b.iter(|| chem_network::read_network_as(black_box(&forced), Format::Kida).unwrap_err())
    });
    std::fs::remove_dir_all(folder).unwrap();
}

criterion_group!(benches, rate22, other_files, garbage);
criterion_main!(benches);
