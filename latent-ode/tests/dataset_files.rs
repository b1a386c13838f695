//! Data sets and solutions on disk: reading back what was written, and refusing what is damaged, foreign or impossible.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "hdf5")]

use std::path::Path;

use hdf5_pure::{AttrValue, FileBuilder};
use latent_ode::{Dataset, Error, Part, Solutions, Trajectories};
use proptest::prelude::*;

fn labels() -> Vec<String> {
    ["H2", "CH4+", "e-"].map(String::from).to_vec()
}

fn trajectories(samples: usize, times: usize) -> Trajectories {
    let values = (0..samples * times * 3)
        .map(|i| 1e-20 + (i as f64 * 0.7).exp2().fract() * 1e4 + i as f64)
        .collect();
    Trajectories::new(values, samples, times, 3).unwrap()
}

fn dataset() -> Dataset {
    let mut dataset = Dataset::new(
        labels(),
        vec![1e-6, 1.0, 1e8],
        trajectories(4, 3),
        trajectories(2, 3),
        trajectories(1, 3),
    )
    .unwrap()
    .with_parameters(
        vec!["C".into(), "C+".into()],
        [vec![0.5; 8], vec![0.25; 4], vec![0.125; 2]],
    )
    .unwrap();
    dataset.attributes.insert("network".into(), "osu224".into());
    dataset
        .attributes
        .insert("temperature_K".into(), 50.0.into());
    dataset.attributes.insert("seed".into(), 1i64.into());
    dataset
}

/// A file in CODES layout as other programs write it, without any attribute of ours.
fn foreign(path: &Path, change: impl FnOnce(&mut FileBuilder)) {
    let mut file = FileBuilder::new();
    for (name, samples) in [("train", 4u64), ("test", 2), ("val", 1)] {
        let values = trajectories(samples as usize, 3);
        file.create_dataset(name)
            .with_f64_data(values.values())
            .with_shape(&[samples, 3, 3]);
    }
    file.create_dataset("timesteps")
        .with_f64_data(&[1e-6, 1.0, 1e8]);
    for (name, n) in [
        ("n_train_samples", 4),
        ("n_test_samples", 2),
        ("n_val_samples", 1),
        ("n_timesteps", 3),
        ("n_quantities", 3),
    ] {
        file.set_attr(name, AttrValue::I64(n));
    }
    file.set_attr("labels", AttrValue::StringArray(labels()));
    change(&mut file);
    file.write(path).unwrap();
}

#[test]
fn written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.h5");
    dataset().write(&path).unwrap();
    assert_eq!(Dataset::read(&path).unwrap(), dataset());
    // A second write replaces the file and leaves nothing else.
    dataset().write(&path).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let mut data = trajectories(2, 3).values().to_vec();
    data[9..].fill(f64::NAN);
    let solutions = Solutions {
        labels: labels(),
        timesteps: vec![1e-6, 1.0, 1e8],
        data: Trajectories::new(data, 2, 3, 3).unwrap(),
        attributes: Default::default(),
    };
    solutions.write(&path).unwrap();
    let back = Solutions::read(&path).unwrap();
    assert_eq!(
        (back.labels, back.timesteps),
        (solutions.labels, solutions.timesteps)
    );
    assert!(
        back.data
            .values()
            .iter()
            .zip(solutions.data.values())
            .all(|(a, b)| a.to_bits() == b.to_bits())
    );
}

#[test]
fn foreign_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.h5");
    foreign(&path, |_| {});
    let plain = Dataset::read(&path).unwrap();
    assert_eq!(plain.labels(), labels());
    assert_eq!(
        [Part::Train, Part::Test, Part::Val].map(|p| plain.part(p).samples()),
        [4, 2, 1]
    );
    for strings in [
        AttrValue::AsciiStringArray(labels()),
        AttrValue::VarLenStringArray(labels()),
        AttrValue::VarLenAsciiStringArray(labels()),
        AttrValue::string_array_sized(labels(), 10).unwrap(),
    ] {
        foreign(&path, |f| {
            f.set_attr("labels", strings);
        });
        assert_eq!(Dataset::read(&path).unwrap(), plain);
    }
}

fn error(path: &Path) -> Error {
    Dataset::read(path).unwrap_err()
}

#[test]
fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.h5");
    assert!(matches!(error(&path), Error::Io { .. }), "absent");
    assert!(matches!(error(folder.path()), Error::Io { .. }), "a folder");
    for junk in [
        &b""[..],
        b"time,H2\n1,2\n",
        &[0x89, b'H', b'D', b'F', 13, 10, 26, 10],
    ] {
        std::fs::write(&path, junk).unwrap();
        assert!(matches!(error(&path), Error::Hdf5 { .. }), "{junk:?}");
    }
    dataset().write(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for keep in (0..whole.len()).step_by(7) {
        std::fs::write(&path, &whole[..keep]).unwrap();
        assert!(
            matches!(
                error(&path),
                Error::Hdf5 { .. } | Error::Missing { .. } | Error::Io { .. }
            ),
            "{keep} of {} bytes",
            whole.len()
        );
    }
}

#[test]
fn impossible_contents_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.h5");
    let mut file = FileBuilder::new();
    file.create_dataset("temperature").with_f64_data(&[1.0]);
    file.write(&path).unwrap();
    assert!(
        matches!(error(&path), Error::Missing { .. }),
        "another kind of HDF5 file"
    );

    foreign(&path, |f| {
        f.set_attr("labels", AttrValue::StringArray(labels()[1..].to_vec()));
    });
    assert!(
        matches!(error(&path), Error::Shape { .. }),
        "too few labels"
    );
    foreign(&path, |f| {
        f.set_attr(
            "labels",
            AttrValue::StringArray(vec!["H2".into(), "H2".into(), "O".into()]),
        );
    });
    assert!(matches!(error(&path), Error::Species(_)), "repeated label");
    foreign(&path, |f| {
        f.set_attr("n_train_samples", AttrValue::I64(5));
    });
    assert!(
        matches!(error(&path), Error::Shape { .. }),
        "count against shape"
    );
    foreign(&path, |f| {
        f.create_dataset("train_params")
            .with_f64_data(&[1.0; 6])
            .with_shape(&[3, 2]);
    });
    assert!(
        matches!(error(&path), Error::Shape { .. }),
        "parameters of 3 samples for 4"
    );
}

#[test]
fn wrong_values_are_named() {
    for value in [f64::NAN, f64::INFINITY, -1e-3] {
        let mut values = trajectories(4, 3).values().to_vec();
        values[2 * 9 + 3 + 1] = value;
        let bad = Trajectories::new(values, 4, 3, 3).unwrap();
        let error = Dataset::new(
            labels(),
            vec![1.0, 2.0, 3.0],
            trajectories(1, 3),
            bad,
            trajectories(1, 3),
        )
        .unwrap_err();
        let Error::Value {
            dataset,
            sample,
            time,
            species,
            ..
        } = &error
        else {
            panic!("{error}")
        };
        if value.is_nan() || value < 0.0 {
            assert_eq!(
                (dataset.as_str(), *sample, *time, species.as_str()),
                ("test", 2, 1, "CH4+"),
                "{error}"
            );
        }
    }
    // A solver's rounding around zero is not an error.
    let mut values = trajectories(1, 3).values().to_vec();
    values[4] = -1e-20;
    let fine = Trajectories::new(values, 1, 3, 3).unwrap();
    let floor = 1e-20 * fine.total(0);
    assert!((fine.log10()[4] - floor.log10()).abs() < 1e-12);
    let dataset = |times: Vec<f64>| {
        Dataset::new(
            labels(),
            times,
            fine.clone(),
            Trajectories::empty(3, 3),
            Trajectories::empty(3, 3),
        )
    };
    assert!(dataset(vec![1.0, 2.0, 3.0]).is_ok());
    for times in [
        vec![0.0, 1.0, 2.0],
        vec![1.0, 1.0, 2.0],
        vec![1.0, 2.0, f64::NAN],
    ] {
        assert!(matches!(dataset(times), Err(Error::Times(_))));
    }
    assert!(matches!(dataset(vec![1.0, 2.0]), Err(Error::Shape { .. })));
}

#[test]
fn a_failed_write_keeps_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.h5");
    let error = dataset()
        .write(folder.path().join("absent/d.h5"))
        .unwrap_err();
    assert!(matches!(error, Error::Io { .. }));
    dataset().write(&path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let mut broken = Solutions {
        labels: labels(),
        timesteps: vec![1.0, 2.0],
        data: trajectories(1, 3),
        attributes: Default::default(),
    };
    assert!(broken.write(&path).is_err());
    broken.timesteps.clear();
    assert!(broken.write(&path).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn write_then_read_is_the_identity(samples in 0usize..5, times in 2usize..6, values in proptest::collection::vec(1e-30f64..1e6, 5 * 6 * 3)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.h5");
        let part = |n: usize| Trajectories::new(values[..n * times * 3].to_vec(), n, times, 3).unwrap();
        let steps = (0..times).map(|i| 10f64.powi(i as i32)).collect();
        let dataset = Dataset::new(labels(), steps, part(samples), part(1), part(0)).unwrap();
        dataset.write(&path).unwrap();
        prop_assert_eq!(Dataset::read(&path).unwrap(), dataset);
    }

    #[test]
    fn reordering_there_and_back_is_the_identity(order in Just(vec![0usize, 1, 2]).prop_shuffle()) {
        let dataset = dataset();
        let other: Vec<String> = order.iter().map(|&i| labels()[i].clone()).collect();
        let there = dataset.reordered(&other).unwrap();
        prop_assert_eq!(there.train().state(1, 2)[0], dataset.train().state(1, 2)[order[0]]);
        prop_assert_eq!(there.reordered(&labels()).unwrap(), dataset);
    }
}
