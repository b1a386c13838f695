//! The one place that knows the HDF5 library: arrays of f64 and root attributes in and out, its errors turned into ours.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
};

use hdf5_pure::{AttrValue, File, FileBuilder};

use super::Attribute;
use crate::{Error, atomic::write_atomically};

/// Largest array read from a file (elements): a damaged header must not ask for all memory.
const MAX_ELEMENTS: u64 = 1 << 32;

/// Shape and row-major values.
pub(super) type Array = (Vec<usize>, Vec<f64>);

/// Collects datasets and attributes, then serialises them at once.
pub(super) struct Writer {
    builder: FileBuilder,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self {
            builder: FileBuilder::new(),
        }
    }

    /// Adds a row-major array.
    pub(super) fn array(&mut self, name: &str, shape: &[usize], values: &[f64]) {
        let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
        self.builder
            .create_dataset(name)
            .with_f64_data(values)
            .with_shape(&shape);
    }

    pub(super) fn integer(&mut self, name: &str, value: usize) {
        self.builder.set_attr(name, AttrValue::I64(value as i64));
    }

    /// A list of strings of variable length, which h5py reads as `str`.
    pub(super) fn strings(&mut self, name: &str, values: &[String]) {
        self.builder
            .set_attr(name, AttrValue::VarLenStringArray(values.to_vec()));
    }

    pub(super) fn attribute(&mut self, name: &str, value: &Attribute) {
        let value = match value {
            Attribute::Text(text) => AttrValue::VarLenString(text.clone()),
            Attribute::Number(number) => AttrValue::F64(*number),
            Attribute::Integer(integer) => AttrValue::I64(*integer),
        };
        self.builder.set_attr(name, value);
    }

    /// Writes everything to `path`, under a temporary name until complete.
    pub(super) fn finish(self, path: &Path) -> Result<(), Error> {
        let bytes = self.builder.finish().map_err(|e| Error::Hdf5 {
            path: path.into(),
            reason: e.to_string(),
        })?;
        write_atomically(path, |w| w.write_all(&bytes))
    }
}

/// An open file.
pub(super) struct Reader {
    path: PathBuf,
    file: File,
    attributes: HashMap<String, AttrValue>,
    layout: &'static str,
}

impl Reader {
    /// Opens `path`; `layout` names what is expected in it, for error messages.
    pub(super) fn open(path: &Path, layout: &'static str) -> Result<Self, Error> {
        let io = |source| Error::Io {
            path: path.into(),
            source,
        };
        if fs::metadata(path).map_err(io)?.is_dir() {
            return Err(io(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let damaged = |e: hdf5_pure::Error| match e {
            hdf5_pure::Error::Io(source) => Error::Io {
                path: path.into(),
                source,
            },
            other => Error::Hdf5 {
                path: path.into(),
                reason: other.to_string(),
            },
        };
        if !hdf5_pure::is_hdf5(path).map_err(io)? {
            return Err(Error::Hdf5 {
                path: path.into(),
                reason: "no HDF5 signature".into(),
            });
        }
        let file = File::open(path).map_err(damaged)?;
        // Attributes whose bytes are cut off would otherwise only be missing.
        let (length, recorded) = (file.file_size(), file.superblock().eof_address);
        if length < recorded {
            return Err(Error::Hdf5 {
                path: path.into(),
                reason: format!("truncated: {length} of {recorded} bytes"),
            });
        }
        let attributes = file.root().attrs().map_err(damaged)?;
        Ok(Self {
            path: path.into(),
            file,
            attributes,
            layout,
        })
    }

    fn damaged(&self, what: &str, error: impl std::fmt::Display) -> Error {
        Error::Hdf5 {
            path: self.path.clone(),
            reason: format!("{what}: {error}"),
        }
    }

    fn missing(&self, what: String) -> Error {
        Error::Missing {
            path: self.path.clone(),
            what,
            layout: self.layout,
        }
    }

    /// A numeric array with its shape; `None` when there is no dataset of this name.
    pub(super) fn array_if_present(&self, name: &str) -> Result<Option<Array>, Error> {
        let names = self
            .file
            .root()
            .datasets()
            .map_err(|e| self.damaged("root group", e))?;
        if !names.iter().any(|n| n == name) {
            return Ok(None);
        }
        let dataset = self.file.dataset(name).map_err(|e| self.damaged(name, e))?;
        let shape = dataset.shape().map_err(|e| self.damaged(name, e))?;
        let elements = shape
            .iter()
            .try_fold(1u64, |n, &d| n.checked_mul(d))
            .filter(|&n| n <= MAX_ELEMENTS);
        let Some(elements) = elements else {
            return Err(self.damaged(name, format!("shape {shape:?} is too large")));
        };
        let values = dataset.read_f64().map_err(|e| self.damaged(name, e))?;
        if values.len() as u64 != elements {
            return Err(self.damaged(name, format!("{} values for shape {shape:?}", values.len())));
        }
        Ok(Some((
            shape.into_iter().map(|n| n as usize).collect(),
            values,
        )))
    }

    /// A numeric array that must be there, of `rank` dimensions.
    pub(super) fn array(&self, name: &str, rank: usize) -> Result<Array, Error> {
        let (shape, values) = self
            .array_if_present(name)?
            .ok_or_else(|| self.missing(format!("dataset `{name}`")))?;
        self.check_rank(name, rank, &shape)?;
        Ok((shape, values))
    }

    pub(super) fn check_rank(&self, name: &str, rank: usize, shape: &[usize]) -> Result<(), Error> {
        if shape.len() == rank {
            return Ok(());
        }
        Err(Error::Shape {
            what: format!("{}: dataset `{name}`", self.path.display()),
            found: shape.to_vec(),
            expected: format!("{rank} dimensions"),
        })
    }

    /// A list of strings of any HDF5 string type, fixed or variable length, attribute first, dataset second.
    pub(super) fn strings(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let clean = |list: &[String]| {
            list.iter()
                .map(|s| s.trim_end_matches(['\0', ' ']).to_string())
                .collect()
        };
        if let Some(value) = self.attributes.get(name) {
            let list = value
                .as_strings()
                .ok_or_else(|| self.damaged(name, "the attribute does not hold strings"))?;
            return Ok(Some(clean(list)));
        }
        if self
            .file
            .root()
            .attr_datatypes()
            .is_ok_and(|all| all.contains_key(name))
        {
            return Err(self.damaged(name, "the attribute cannot be read"));
        }
        let names = self
            .file
            .root()
            .datasets()
            .map_err(|e| self.damaged("root group", e))?;
        if !names.iter().any(|n| n == name) {
            return Ok(None);
        }
        let list = self
            .file
            .dataset(name)
            .and_then(|d| d.read_string())
            .map_err(|e| self.damaged(name, e))?;
        Ok(Some(clean(&list)))
    }

    /// An integer attribute, if it is there.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        let value = self.attributes.get(name)?;
        value.as_i64().or_else(|| value.as_f64().map(|x| x as i64))
    }

    /// All scalar attributes except the named ones.
    pub(super) fn attributes_except(&self, known: &[&str]) -> BTreeMap<String, Attribute> {
        let convert = |value: &AttrValue| {
            if let Some(integer) = value.as_i64() {
                Some(Attribute::Integer(integer))
            } else if let Some(number) = value.as_f64() {
                Some(Attribute::Number(number))
            } else {
                value.as_str().map(|text| Attribute::Text(text.into()))
            }
        };
        self.attributes
            .iter()
            .filter(|(name, _)| !known.contains(&name.as_str()))
            .filter_map(|(name, value)| Some((name.clone(), convert(value)?)))
            .collect()
    }
}
