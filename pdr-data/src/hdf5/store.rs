//! The one place that knows the HDF5 library: opening, attributes, arrays and strings in, its errors turned into ours.

use super::columns;
use crate::{Error, table::Table};
use hdf5_pure::{AttrValue, File};
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

/// Largest array read at once (elements): a damaged header must not ask for all memory.
const MAX_ELEMENTS: u64 = 1 << 31;

/// Shape and row-major values.
pub(super) type Array = (Vec<usize>, Vec<f64>);

/// An open file; data are fetched when asked for.
pub(super) struct Reader {
    path: PathBuf,
    file: File,
    attributes: HashMap<String, AttrValue>,
}

impl Reader {
    /// Opens `path` without reading its data.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if fs::metadata(path).map_err(Error::io(path))?.is_dir() {
            return Err(Error::io(path)(io::ErrorKind::IsADirectory.into()));
        }
        let foreign = |reason: String| Error::Hdf5 {
            path: path.into(),
            object: "/".into(),
            reason,
        };
        if !hdf5_pure::is_hdf5(path).map_err(Error::io(path))? {
            return Err(foreign("no HDF5 signature".into()));
        }
        let damaged = |e: hdf5_pure::Error| match e {
            hdf5_pure::Error::Io(source) => Error::io(path)(source),
            other => foreign(other.to_string()),
        };
        let file = File::open_streaming(path).map_err(damaged)?;
        let (length, recorded) = (file.file_size(), file.superblock().eof_address);
        if length < recorded {
            return Err(foreign(format!("truncated: {length} of {recorded} bytes")));
        }
        let attributes = file.root().attrs().map_err(damaged)?;
        Ok(Self {
            path: path.into(),
            file,
            attributes,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn damaged(&self, object: &str, error: impl std::fmt::Display) -> Error {
        Error::Hdf5 {
            path: self.path.clone(),
            object: object.to_string(),
            reason: error.to_string(),
        }
    }

    pub fn missing(&self, what: impl Into<String>) -> Error {
        Error::Missing {
            path: self.path.clone(),
            what: what.into(),
        }
    }

    pub fn shape_error(&self, object: &str, found: &[usize], expected: impl Into<String>) -> Error {
        Error::Shape {
            path: self.path.clone(),
            object: object.to_string(),
            found: found.to_vec(),
            expected: expected.into(),
        }
    }

    /// Names of the groups in the root group, in the file's order.
    pub fn groups(&self) -> Result<Vec<String>, Error> {
        self.file.root().groups().map_err(|e| self.damaged("/", e))
    }

    /// Names of the datasets in a group (`/` for the root); `None` where there is no such group.
    pub fn datasets(&self, group: &str) -> Result<Option<Vec<String>>, Error> {
        let group_handle = if group == "/" {
            self.file.root()
        } else {
            match self.file.group(group) {
                Ok(handle) => handle,
                Err(e) if is_absent(&e) => return Ok(None),
                Err(e) => return Err(self.damaged(group, e)),
            }
        };
        group_handle
            .datasets()
            .map(Some)
            .map_err(|e| self.damaged(group, e))
    }

    /// A numeric dataset with its shape, `None` where there is none.
    pub fn array_if_present(&self, name: &str) -> Result<Option<Array>, Error> {
        let dataset = match self.file.dataset(name) {
            Ok(dataset) => dataset,
            Err(e) if is_absent(&e) => return Ok(None),
            Err(e) => return Err(self.damaged(name, e)),
        };
        let shape = dataset.shape().map_err(|e| self.damaged(name, e))?;
        let elements = self.elements(name, &shape)?;
        let values = dataset.read_f64().map_err(|e| self.damaged(name, e))?;
        self.counted(name, shape, elements, values).map(Some)
    }

    /// A numeric dataset of `rank` dimensions that must be there.
    pub fn array(&self, name: &str, rank: usize) -> Result<Array, Error> {
        let (shape, values) = self
            .array_if_present(name)?
            .ok_or_else(|| self.missing(format!("dataset `{name}`")))?;
        if shape.len() != rank {
            return Err(self.shape_error(name, &shape, format!("{rank} dimensions")));
        }
        Ok((shape, values))
    }

    /// Shape of a dataset that must be there.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>, Error> {
        match self.file.dataset(name) {
            Ok(dataset) => {
                let shape = dataset.shape().map_err(|e| self.damaged(name, e))?;
                Ok(shape.into_iter().map(|n| n as usize).collect())
            }
            Err(e) if is_absent(&e) => Err(self.missing(format!("dataset `{name}`"))),
            Err(e) => Err(self.damaged(name, e)),
        }
    }

    /// Number of rows of a dataset whose elements are rows of `columns` numbers in single precision.
    pub fn row_count(&self, name: &str, columns: usize) -> Result<usize, Error> {
        let shape = self.shape(name)?;
        let dataset = self.file.dataset(name).map_err(|e| self.damaged(name, e))?;
        let size = dataset.element_size().map_err(|e| self.damaged(name, e))?;
        let &[rows] = shape.as_slice() else {
            return Err(self.shape_error(name, &shape, "one dimension of rows"));
        };
        if size != 4 * columns as u64 {
            let text = format!("rows of {size} bytes, expected {columns} numbers of 4");
            return Err(self.damaged(name, text));
        }
        Ok(rows)
    }

    /// Some rows of such a dataset; only the chunks they lie in are read.
    pub fn row_values(
        &self,
        name: &str,
        start: usize,
        count: usize,
        columns: usize,
    ) -> Result<Vec<f64>, Error> {
        self.elements(name, &[count as u64, columns as u64])?;
        let dataset = self.file.dataset(name).map_err(|e| self.damaged(name, e))?;
        let raw = dataset
            .read_raw_rows(start as u64, count as u64)
            .map_err(|e| self.damaged(name, e))?;
        let (words, rest) = raw.as_chunks::<4>();
        if words.len() != count * columns || !rest.is_empty() {
            let text = format!("{} bytes for {count} rows of {columns}", raw.len());
            return Err(self.damaged(name, text));
        }
        Ok(words
            .iter()
            .map(|w| f64::from(f32::from_le_bytes(*w)))
            .collect())
    }

    fn elements(&self, name: &str, shape: &[u64]) -> Result<u64, Error> {
        shape
            .iter()
            .try_fold(1u64, |n, &d| n.checked_mul(d))
            .filter(|&n| n <= MAX_ELEMENTS)
            .ok_or_else(|| self.damaged(name, format!("shape {shape:?} is too large")))
    }

    fn counted(
        &self,
        name: &str,
        shape: Vec<u64>,
        elements: u64,
        values: Vec<f64>,
    ) -> Result<Array, Error> {
        if values.len() as u64 != elements {
            let text = format!("{} values for shape {shape:?}", values.len());
            return Err(self.damaged(name, text));
        }
        Ok((shape.into_iter().map(|n| n as usize).collect(), values))
    }

    /// A list of strings of any HDF5 string type; `None` where there is no such dataset.
    pub fn strings(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let dataset = match self.file.dataset(name) {
            Ok(dataset) => dataset,
            Err(e) if is_absent(&e) => return Ok(None),
            Err(e) => return Err(self.damaged(name, e)),
        };
        let shape = dataset.shape().map_err(|e| self.damaged(name, e))?;
        self.elements(name, &shape)?;
        let list = dataset.read_string().map_err(|e| self.damaged(name, e))?;
        let clean = |s: &String| s.trim_end_matches(['\0', ' ']).to_string();
        Ok(Some(list.iter().map(clean).collect()))
    }

    /// A text attribute of the root group.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str()
    }

    /// A list of numbers among the attributes of a group.
    pub fn group_numbers(&self, group: &str, name: &str) -> Result<Option<Vec<f64>>, Error> {
        let handle = self.file.group(group).map_err(|e| self.damaged(group, e))?;
        let all = handle.attrs().map_err(|e| self.damaged(group, e))?;
        Ok(all
            .get(name)
            .and_then(|v| v.to_f64s().or_else(|| v.as_f64().map(|x| vec![x]))))
    }

    /// A dataset of two dimensions as a table, `None` where there is none. Its columns are named by the root's attribute
    /// `{kind}_columns` where that has as many words, else as 3D-PDR has them.
    pub fn table(&self, name: &str, kind: &str) -> Result<Option<Table>, Error> {
        let Some((shape, values)) = self.array_if_present(name)? else {
            return Ok(None);
        };
        let &[_, columns] = shape.as_slice() else {
            return Err(self.shape_error(name, &shape, "rows × columns"));
        };
        let names = columns::of(kind, self.text(&format!("{kind}_columns")), columns);
        self.finite(name, &names, &values)?;
        Table::new(names, values).map(Some)
    }

    /// Refuses a value that is not finite, naming its place.
    pub fn finite(&self, object: &str, columns: &[String], values: &[f64]) -> Result<(), Error> {
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(i) => {
                let n = columns.len().max(1);
                let column = columns.get(i % n).cloned().unwrap_or_default();
                Err(self.value(object, i / n, &column, values[i], "a finite number"))
            }
        }
    }

    pub fn value(
        &self,
        object: &str,
        row: usize,
        column: &str,
        value: f64,
        expected: &'static str,
    ) -> Error {
        Error::Value {
            path: self.path.clone(),
            object: object.to_string(),
            row,
            column: column.to_string(),
            value,
            expected,
        }
    }
}

/// Whether an error of the library says that a path leads nowhere.
fn is_absent(error: &hdf5_pure::Error) -> bool {
    matches!(
        error,
        hdf5_pure::Error::Format(hdf5_pure::FormatError::PathNotFound(_))
    )
}
