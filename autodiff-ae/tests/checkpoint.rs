//! Checkpoints: written whole or not at all, read back equal, refused when damaged.
#![allow(clippy::unwrap_used)]

use autodiff_ae::*;
use proptest::prelude::*;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

fn example() -> (Mlp, Vec<f32>, Checkpoint) {
    let net = Mlp::new(&[3, 4, 2], Activation::Silu, Activation::Tanh).unwrap();
    let params: Vec<f32> = (0..net.param_len()).map(|i| (i as f32).sin()).collect();
    let mut adam = Adam::new(params.len());
    adam.step(1e-3, &mut params.clone(), &params).unwrap();
    let mut c = Checkpoint::new();
    c.insert_views(&net.views("encoder", 0), &params).unwrap();
    c.insert_adam("adam", adam.state()).unwrap();
    c.insert("losses", &[2, 2], &[1.0_f64, 2.0, 3.0, 4.0])
        .unwrap();
    c.metadata
        .insert("units".into(), "cm⁻³ \"quoted\" \n yr".into());
    (net, params, c)
}

#[test]
fn a_checkpoint_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (net, params, c) = example();
    c.save(&path).unwrap();
    let back = Checkpoint::load(&path).unwrap();
    let mut read = vec![0.0_f32; params.len()];
    back.read_views(&net.views("encoder", 0), &mut read)
        .unwrap();
    assert_eq!(read, params);
    assert_eq!(back.metadata, c.metadata);
    let state = back.read_adam::<f32>("adam", params.len()).unwrap();
    assert_eq!(state.steps, 1);
    assert_eq!(state, c.read_adam("adam", params.len()).unwrap());
    assert_eq!(
        back.get::<f64>("losses", &[2, 2]).unwrap(),
        [1.0, 2.0, 3.0, 4.0]
    );
    assert_eq!(back.to_bytes(), c.to_bytes());
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn any_safetensors_reader_can_read_it() {
    let (_, params, c) = example();
    let bytes = c.to_bytes();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let weight = file.tensor("encoder.0.weight").unwrap();
    assert_eq!(
        (weight.shape(), weight.dtype()),
        (&[4, 3][..], safetensors::Dtype::F32)
    );
    assert_eq!(weight.data()[..4], params[0].to_le_bytes());
}

#[test]
fn a_truncated_file_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.safetensors");
    let bytes = example().2.to_bytes();
    for keep in [0, 5, 8, 40, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..keep]).unwrap();
        let error = Checkpoint::load(&path).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("cut.safetensors"), "{error}");
    }
}

#[test]
fn wrong_shape_type_and_name_are_errors_with_name_and_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    example().2.save(&path).unwrap();
    let c = Checkpoint::load(&path).unwrap();
    let shape = c.get::<f64>("losses", &[4]).unwrap_err();
    assert!(matches!(shape, Error::TensorShape { .. }), "{shape}");
    let dtype = c.get::<f32>("losses", &[2, 2]).unwrap_err();
    assert!(matches!(dtype, Error::TensorType { .. }), "{dtype}");
    let name = c.get::<f32>("gains", &[1]).unwrap_err();
    assert!(matches!(name, Error::MissingTensor { .. }), "{name}");
    for (error, word) in [(shape, "losses"), (dtype, "losses"), (name, "gains")] {
        assert!(
            error.to_string().contains(word) && error.to_string().contains("m.safetensors"),
            "{error}"
        );
    }
    assert!(matches!(c.text("nothing"), Err(Error::Metadata { .. })));
    assert!(matches!(
        c.parse::<u64>("units"),
        Err(Error::Metadata { .. })
    ));
    assert!(matches!(
        Checkpoint::load(folder.path().join("absent")),
        Err(Error::Io { .. })
    ));
    let other = Mlp::new(&[3, 5, 2], Activation::Silu, Activation::Tanh).unwrap();
    assert!(
        c.read_views(
            &other.views("encoder", 0),
            &mut vec![0.0_f32; other.param_len()]
        )
        .is_err()
    );
}

/// A disk that is full after so many bytes.
struct Full<'a>(&'a File, usize);

impl Write for Full<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1 == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let n = bytes.len().min(self.1);
        self.1 -= n;
        self.0.write(&bytes[..n])
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_leaves_the_old_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let (_, _, c) = example();
    c.save(&path).unwrap();
    let mut next = c.clone();
    next.metadata.insert("epoch".into(), "2".into());
    for room in [0, 10, 500] {
        let error =
            checkpoint::write_atomic_through(&path, &next.to_bytes(), |f| Box::new(Full(f, room)))
                .unwrap_err();
        assert!(
            matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull),
            "{error}"
        );
        assert!(error.to_string().contains("m.safetensors"));
        assert_eq!(Checkpoint::load(&path).unwrap().to_bytes(), c.to_bytes());
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "the temporary file is gone"
        );
    }
}

#[test]
fn a_folder_that_does_not_exist_is_an_error() {
    let error = example()
        .2
        .save(Path::new("/nonexistent-folder/m.safetensors"))
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("/nonexistent-folder/m.safetensors"),
        "{error}"
    );
}

proptest! {
    /// write ∘ read = identity, for any numbers and texts, NaN payloads included.
    #[test]
    fn bytes_are_read_back(
        a in proptest::collection::vec(proptest::num::f32::ANY, 0..50),
        b in proptest::collection::vec(proptest::num::f64::ANY, 0..50),
        key in "\\PC{1,8}",
        text in "\\PC{0,20}",
    ) {
        let mut c = Checkpoint::new();
        c.insert("a", &[a.len()], &a).unwrap();
        c.insert("b", &[b.len(), 1], &b).unwrap();
        c.metadata.insert(key, text);
        let bytes = c.to_bytes();
        let back = Checkpoint::from_bytes(&bytes, "memory").unwrap();
        prop_assert_eq!(back.to_bytes(), bytes);
        prop_assert_eq!(&back.metadata, &c.metadata);
    }
}
