//! Checkpoints as safetensors files: named tensors and text metadata, written whole or not at all.

mod atomic;

pub use atomic::{write_atomic, write_atomic_through};

use crate::error::check_length;
use crate::optim::{AdamState, Memory};
use crate::{Error, ParamView, Scalar};
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The numbers of a tensor.
#[derive(Clone, Debug, PartialEq)]
struct Tensor {
    dtype: &'static str,
    shape: Vec<usize>,
    /// Little-endian.
    bytes: Vec<u8>,
}

/// Named tensors (`f32` or `f64`, row-major) and named texts. Equal contents give equal bytes: everything is sorted.
///
/// ```
/// # use autodiff_ae::Checkpoint;
/// let mut c = Checkpoint::new();
/// c.insert("weight", &[2, 3], &[1.0_f32; 6])?;
/// c.metadata.insert("format".into(), "example".into());
/// let back = Checkpoint::from_bytes(&c.to_bytes(), "memory")?;
/// assert_eq!(back.get::<f32>("weight", &[2, 3])?, [1.0; 6]);
/// # Ok::<(), autodiff_ae::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Texts of the header (`__metadata__`): configuration, units, counters.
    pub metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, Tensor>,
    /// Where it was read from, for messages.
    path: PathBuf,
}

impl Checkpoint {
    /// An empty checkpoint.
    pub fn new() -> Self {
        Self {
            path: PathBuf::from("checkpoint"),
            ..Self::default()
        }
    }

    /// Adds a tensor, or replaces the one of that name.
    ///
    /// # Errors
    /// [`Error::Length`] unless `values` has as many numbers as the shape.
    pub fn insert<T: Scalar>(
        &mut self,
        name: &str,
        shape: &[usize],
        values: &[T],
    ) -> Result<(), Error> {
        check_length(
            "tensor of a checkpoint",
            shape.iter().product(),
            values.len(),
        )?;
        let mut bytes = Vec::new();
        T::append_le(values, &mut bytes);
        self.tensors.insert(
            name.into(),
            Tensor {
                dtype: T::DTYPE,
                shape: shape.to_vec(),
                bytes,
            },
        );
        Ok(())
    }

    /// Names and shapes of all tensors, sorted by name.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.tensors
            .iter()
            .map(|(name, t)| (name.as_str(), t.shape.as_slice()))
    }

    /// The values of a tensor of type `T` and the given shape.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorShape`], [`Error::TensorType`].
    pub fn get<T: Scalar>(&self, name: &str, shape: &[usize]) -> Result<Vec<T>, Error> {
        let t = self.tensor(name)?;
        if t.shape != shape {
            return Err(Error::TensorShape {
                path: self.path.clone(),
                name: name.into(),
                expected: shape.to_vec(),
                found: t.shape.clone(),
            });
        }
        self.typed(name, t)
    }

    /// The values of a tensor of type `T` and any one-dimensional shape.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorShape`] when it is not a vector, [`Error::TensorType`].
    pub fn get_vector<T: Scalar>(&self, name: &str) -> Result<Vec<T>, Error> {
        let len = self.tensor(name)?.shape.iter().product();
        self.get(name, &[len])
    }

    fn tensor(&self, name: &str) -> Result<&Tensor, Error> {
        self.tensors.get(name).ok_or_else(|| Error::MissingTensor {
            path: self.path.clone(),
            name: name.into(),
        })
    }

    fn typed<T: Scalar>(&self, name: &str, t: &Tensor) -> Result<Vec<T>, Error> {
        if t.dtype != T::DTYPE {
            return Err(Error::TensorType {
                path: self.path.clone(),
                name: name.into(),
                expected: T::DTYPE,
                found: t.dtype.into(),
            });
        }
        Ok(T::from_le(&t.bytes))
    }

    /// Adds every view of a flat parameter vector under its own name.
    ///
    /// # Errors
    /// [`Error::Length`] when a view reaches beyond the vector.
    pub fn insert_views<T: Scalar>(
        &mut self,
        views: &[ParamView],
        params: &[T],
    ) -> Result<(), Error> {
        for view in views {
            if view.range.end > params.len() {
                return Err(Error::Length {
                    what: "parameters",
                    expected: view.range.end,
                    found: params.len(),
                });
            }
            self.insert(&view.name, &view.shape, &params[view.range.clone()])?;
        }
        Ok(())
    }

    /// Fills the views of a flat parameter vector from the tensors of their names.
    ///
    /// # Errors
    /// As [`Checkpoint::get`], and [`Error::Length`] when a view reaches beyond the vector. On an error the vector may be partly filled.
    pub fn read_views<T: Scalar>(
        &self,
        views: &[ParamView],
        params: &mut [T],
    ) -> Result<(), Error> {
        for view in views {
            let values = self.get(&view.name, &view.shape)?;
            let found = params.len();
            params
                .get_mut(view.range.clone())
                .ok_or(Error::Length {
                    what: "parameters",
                    expected: view.range.end,
                    found,
                })?
                .copy_from_slice(&values);
        }
        Ok(())
    }

    /// Adds the state of an optimiser: `{prefix}.first`, `{prefix}.second` and the metadata `{prefix}.steps`.
    ///
    /// # Errors
    /// None in practice; the signature follows [`Checkpoint::insert`].
    pub fn insert_adam<T: Scalar>(
        &mut self,
        prefix: &str,
        state: &AdamState<T>,
    ) -> Result<(), Error> {
        self.insert(
            &format!("{prefix}.first"),
            &[state.first.len()],
            &state.first,
        )?;
        self.insert(
            &format!("{prefix}.second"),
            &[state.second.len()],
            &state.second,
        )?;
        self.metadata
            .insert(format!("{prefix}.steps"), state.steps.to_string());
        Ok(())
    }

    /// Reads what [`Checkpoint::insert_adam`] wrote, for `len` parameters.
    ///
    /// # Errors
    /// As [`Checkpoint::get`]; [`Error::Metadata`] when the number of steps is missing or not a number.
    pub fn read_adam<T: Scalar>(&self, prefix: &str, len: usize) -> Result<AdamState<T>, Error> {
        Ok(AdamState {
            steps: self.parse(&format!("{prefix}.steps"))?,
            first: self.get(&format!("{prefix}.first"), &[len])?,
            second: self.get(&format!("{prefix}.second"), &[len])?,
        })
    }

    /// Adds what an optimiser remembers: `{prefix}.{name}` per vector and the metadata `{prefix}.steps`.
    ///
    /// # Errors
    /// None in practice; the signature follows [`Checkpoint::insert`].
    pub fn insert_memory<T: Scalar>(
        &mut self,
        prefix: &str,
        memory: &Memory<T>,
    ) -> Result<(), Error> {
        for (name, values) in &memory.vectors {
            self.insert(&format!("{prefix}.{name}"), &[values.len()], values)?;
        }
        let steps = memory.steps.to_string();
        self.metadata.insert(format!("{prefix}.steps"), steps);
        Ok(())
    }

    /// Reads what [`Checkpoint::insert_memory`] wrote, for an optimiser that remembers vectors like those of `like`.
    ///
    /// # Errors
    /// As [`Checkpoint::get`]; [`Error::Metadata`] when the number of steps is missing or not a number.
    pub fn read_memory<T: Scalar>(
        &self,
        prefix: &str,
        like: &Memory<T>,
    ) -> Result<Memory<T>, Error> {
        let vector = |(name, values): &(String, Vec<T>)| {
            let values = self.get(&format!("{prefix}.{name}"), &[values.len()])?;
            Ok((name.clone(), values))
        };
        Ok(Memory {
            steps: self.parse(&format!("{prefix}.steps"))?,
            vectors: like.vectors.iter().map(vector).collect::<Result<_, _>>()?,
        })
    }

    /// A metadata entry.
    ///
    /// # Errors
    /// [`Error::Metadata`] when it is missing.
    pub fn text(&self, key: &str) -> Result<&str, Error> {
        self.metadata
            .get(key)
            .map(String::as_str)
            .ok_or_else(|| self.bad_metadata(key, "missing".into()))
    }

    /// A metadata entry read as a number or another type.
    ///
    /// # Errors
    /// [`Error::Metadata`] when it is missing or cannot be parsed.
    pub fn parse<V: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        key: &str,
    ) -> Result<V, Error> {
        let text = self.text(key)?;
        text.parse()
            .map_err(|e| self.bad_metadata(key, format!("`{text}`: {e}")))
    }

    fn bad_metadata(&self, key: &str, reason: String) -> Error {
        Error::Metadata {
            path: self.path.clone(),
            key: key.into(),
            reason,
        }
    }

    /// The whole file. The header is our own, sorted: the library's comes in the random order of a hash map, and
    /// two equal trainings must give equal files.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut order: Vec<_> = self.tensors.iter().collect();
        // Wider numbers first keeps every tensor aligned.
        order.sort_by_key(|(name, t)| (std::cmp::Reverse(t.dtype), *name));
        let mut header = format!("{{\"__metadata__\":{}", serde_json::json!(self.metadata));
        let mut offset = 0;
        for (name, t) in &order {
            let end = offset + t.bytes.len();
            let info = serde_json::json!({"dtype": t.dtype, "shape": t.shape, "data_offsets": [offset, end]});
            header += &format!(",{}:{info}", serde_json::json!(name));
            offset = end;
        }
        header.push('}');
        header.extend(std::iter::repeat_n(
            ' ',
            header.len().next_multiple_of(8) - header.len(),
        ));
        let mut bytes = Vec::with_capacity(8 + header.len() + offset);
        bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        for (_, t) in order {
            bytes.extend_from_slice(&t.bytes);
        }
        bytes
    }

    /// Reads a whole file from memory; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is truncated or not a safetensors file, [`Error::TensorType`] for numbers other than `f32`, `f64`.
    pub fn from_bytes(bytes: &[u8], path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let corrupt = |e: safetensors::SafeTensorError| Error::Corrupt {
            path: path.clone(),
            reason: e.to_string(),
        };
        let file = SafeTensors::deserialize(bytes).map_err(corrupt)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(corrupt)?;
        let metadata = header
            .metadata()
            .iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let dtype = match view.dtype() {
                Dtype::F32 => f32::DTYPE,
                Dtype::F64 => f64::DTYPE,
                other => {
                    let (name, found) = (name.to_string(), other.to_string());
                    return Err(Error::TensorType {
                        path,
                        name,
                        expected: "F32 or F64",
                        found,
                    });
                }
            };
            let tensor = Tensor {
                dtype,
                shape: view.shape().to_vec(),
                bytes: view.data().to_vec(),
            };
            tensors.insert(name.to_string(), tensor);
        }
        Ok(Self {
            metadata,
            tensors,
            path,
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`], and as [`Checkpoint::from_bytes`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|source| Error::Io {
            path: path.into(),
            source,
        })?;
        Self::from_bytes(&bytes, path)
    }

    /// Writes the file whole or not at all; see [`write_atomic`].
    ///
    /// # Errors
    /// [`Error::Io`]; the old file, if any, is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write_atomic(path, &self.to_bytes())
    }
}
