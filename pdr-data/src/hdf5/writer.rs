//! The writing half in front of the HDF5 library: a file grows under a temporary name beside its target, piece by piece.

use crate::Error;
use hdf5_pure::{
    AttrValue, Datatype, File, FileAccessProperties, FileCreateProperties, MaxExtent, SyncPolicy,
    make_f32_type,
};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Staged bytes after which what is staged goes to the file. Every time costs a new list of the root's groups, so not sooner.
const STAGED: usize = 64 << 20;
/// Bytes of a chunk that is compressed as one, about.
const CHUNK: usize = 1 << 18;
const DEFLATE: u32 = 4;

/// A file that grows.
pub(super) struct Writer {
    file: File,
    temporary: NamedTempFile,
    target: PathBuf,
    staged: usize,
}

impl Writer {
    /// Begins the file that will be `path`; what was there stays until [`Writer::finish`].
    pub fn create(path: &Path) -> Result<Self, Error> {
        let temporary = crate::atomic::temporary(path)?;
        let access = FileAccessProperties::new().with_sync_policy(SyncPolicy::OnClose);
        let file = File::create_with_options(temporary.path(), FileCreateProperties::new(), access)
            .map_err(|e| failed(path, "/", e))?;
        Ok(Self {
            file,
            temporary,
            target: path.into(),
            staged: 0,
        })
    }

    /// A text attribute of the root group.
    pub fn text(&self, name: &str, value: &str) -> Result<(), Error> {
        let value = AttrValue::VarLenString(value.into());
        let root = self.file.root();
        root.set_attr(name, value).map_err(|e| self.failed(name, e))
    }

    /// A group with lists of numbers as attributes.
    pub fn group(&self, name: &str, attributes: &[(&str, Vec<f64>)]) -> Result<(), Error> {
        let root = self.file.root();
        let build = |g: &mut hdf5_pure::StagedGroup<'_>| {
            for (key, value) in attributes {
                g.set_attr(key, AttrValue::F64Array(value.clone()));
            }
        };
        root.create_group_with(name, build)
            .map(|_| ())
            .map_err(|e| self.failed(name, e))
    }

    /// A dataset of two dimensions in single precision, compressed.
    pub fn matrix(&mut self, name: &str, columns: usize, values: &[f64]) -> Result<(), Error> {
        let single: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        let rows = values.len().checked_div(columns).unwrap_or(0);
        let chunk = (CHUNK / (4 * columns.max(1))).clamp(1, rows.max(1));
        let build = |b: &mut hdf5_pure::DatasetBuilder| {
            b.with_f32_data(&single)
                .with_shape(&[rows as u64, columns as u64]);
            if rows > 0 {
                b.with_chunks(&[chunk as u64, columns as u64])
                    .with_shuffle()
                    .with_deflate(DEFLATE);
            }
        };
        self.dataset(name, 4 * values.len(), build)
    }

    /// A dataset of two dimensions in double precision.
    pub fn wide_matrix(&mut self, name: &str, columns: usize, values: &[f64]) -> Result<(), Error> {
        let rows = values.len().checked_div(columns).unwrap_or(0);
        self.dataset(name, 8 * values.len(), |b| {
            b.with_f64_data(values)
                .with_shape(&[rows as u64, columns as u64]);
        })
    }

    /// A dataset of one dimension of whole numbers.
    pub fn counts(&mut self, name: &str, values: &[u64]) -> Result<(), Error> {
        self.dataset(name, 8 * values.len(), |b| {
            b.with_u64_data(values);
        })
    }

    /// A dataset of strings of one width (h5py: `S`), as wide as the longest.
    pub fn fixed_strings(&mut self, name: &str, values: &[String]) -> Result<(), Error> {
        let list: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut refused = None;
        self.dataset(name, 16 * list.len(), |b| {
            refused = b.with_ascii_strings(&list).err();
        })?;
        refused.map_or(Ok(()), |e| Err(self.failed(name, e)))
    }

    /// A dataset of strings of variable length.
    pub fn strings(&mut self, name: &str, values: &[String]) -> Result<(), Error> {
        let list: Vec<&str> = values.iter().map(String::as_str).collect();
        self.dataset(name, 16 * list.len(), |b| {
            b.with_vlen_strings(&list);
        })
    }

    /// An empty dataset whose elements are rows of `columns` numbers in single precision, to be appended to.
    pub fn rows(&mut self, name: &str, columns: usize) -> Result<(), Error> {
        let row = Datatype::Array {
            base_type: Box::new(make_f32_type()),
            dimensions: vec![columns as u32],
        };
        let chunk = (CHUNK / (4 * columns.max(1))).max(1) as u64;
        self.dataset(name, 0, |b| {
            b.with_raw_data(row, Vec::new(), 0)
                .with_shape(&[0])
                .with_maxshape(&[MaxExtent::Unlimited])
                .with_chunks(&[chunk])
                .with_shuffle()
                .with_deflate(1);
        })?;
        self.commit()
    }

    /// Appends rows to a dataset made by [`Writer::rows`].
    pub fn append(&mut self, name: &str, values: &[f64]) -> Result<(), Error> {
        let mut raw = Vec::with_capacity(4 * values.len());
        for &v in values {
            raw.extend_from_slice(&(v as f32).to_le_bytes());
        }
        let append = || {
            let mut dataset = self.file.dataset(name)?;
            dataset.append_raw(&raw)
        };
        append().map_err(|e| self.failed(name, e))
    }

    fn dataset(
        &mut self,
        name: &str,
        bytes: usize,
        build: impl FnOnce(&mut hdf5_pure::DatasetBuilder),
    ) -> Result<(), Error> {
        let root = self.file.root();
        root.create_dataset(name, build)
            .map_err(|e| self.failed(name, e))?;
        drop(root);
        self.staged += bytes + 512;
        if self.staged > STAGED {
            self.commit()?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.staged = 0;
        self.file.commit().map_err(|e| self.failed("/", e))
    }

    /// Completes the file and gives it its name.
    pub fn finish(mut self) -> Result<(), Error> {
        self.commit()?;
        let target = self.target;
        self.file.close().map_err(|e| failed(&target, "/", e))?;
        crate::atomic::persist(self.temporary, &target)
    }

    fn failed(&self, object: &str, error: impl Into<hdf5_pure::Error>) -> Error {
        failed(&self.target, object, error)
    }
}

fn failed(path: &Path, object: &str, error: impl Into<hdf5_pure::Error>) -> Error {
    match error.into() {
        hdf5_pure::Error::Io(source) => Error::io(path)(source),
        other => Error::Hdf5 {
            path: path.into(),
            object: object.into(),
            reason: other.to_string(),
        },
    }
}
