//! Batches of samples: features × samples, column-major at the border, blocks of [`LANES`] samples inside.

use crate::buffer::Buffer;
use crate::error::check_length;
use crate::{Error, Scalar};
use nalgebra::DMatrix;

/// Samples per block. Feature f of the 32 samples of a block lies contiguously, so that every kernel works on
/// whole vector registers of samples: two AVX-512 registers of `f32`, four of AVX2. Two registers per feature let
/// one broadcast weight feed two products, which is what keeps the two multiply-add units of a core busy.
pub const LANES: usize = 32;

/// A matrix of features × samples, stored in blocks `[block][feature][lane]`. Lanes beyond the last sample are zero
/// when a batch is made and carry no weight anywhere.
#[derive(Clone, Debug)]
pub struct Batch<T> {
    features: usize,
    samples: usize,
    data: Buffer<T>,
}

impl<T: Scalar> Batch<T> {
    /// A batch of zeros.
    pub fn zeros(features: usize, samples: usize) -> Self {
        Self {
            features,
            samples,
            data: Buffer::zeros(features * samples.div_ceil(LANES) * LANES),
        }
    }

    /// From column-major data: sample s occupies `columns[s * features..(s + 1) * features]`.
    ///
    /// # Errors
    /// [`Error::Length`] unless `columns.len() == features * samples`.
    pub fn from_columns(columns: &[T], features: usize, samples: usize) -> Result<Self, Error> {
        let mut batch = Self::zeros(features, samples);
        batch.set_columns(columns)?;
        Ok(batch)
    }

    /// From a matrix of features × samples.
    pub fn from_matrix(matrix: &DMatrix<T>) -> Self {
        let mut batch = Self::zeros(matrix.nrows(), matrix.ncols());
        batch.scatter(matrix.as_slice());
        batch
    }

    /// Number of features (rows).
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of samples (columns).
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Number of blocks of [`LANES`] samples, the last one possibly ragged.
    pub fn blocks(&self) -> usize {
        self.samples.div_ceil(LANES)
    }

    /// Changes the number of samples, keeping the allocation where it suffices; the contents become zero.
    pub fn resize(&mut self, samples: usize) {
        self.reshape(self.features, samples);
    }

    /// Changes both dimensions, keeping the allocation where it suffices; the contents become zero.
    pub fn reshape(&mut self, features: usize, samples: usize) {
        if (features, samples) == (self.features, self.samples) {
            return self.fill(T::zero());
        }
        self.features = features;
        self.samples = samples;
        self.data.resize(features * samples.div_ceil(LANES) * LANES);
        self.fill(T::zero());
    }

    /// Changes both dimensions without clearing: every value is about to be overwritten.
    pub(crate) fn shape_as(&mut self, features: usize, samples: usize) {
        self.features = features;
        self.samples = samples;
        self.data.resize(features * samples.div_ceil(LANES) * LANES);
    }

    /// Sets every value, padding lanes included.
    pub fn fill(&mut self, value: T) {
        self.data.fill(value);
    }

    /// Overwrites the contents by column-major data of the same shape.
    ///
    /// # Errors
    /// [`Error::Length`] unless `columns.len() == features * samples`.
    pub fn set_columns(&mut self, columns: &[T]) -> Result<(), Error> {
        check_length(
            "columns of a batch",
            self.features * self.samples,
            columns.len(),
        )?;
        self.scatter(columns);
        Ok(())
    }

    fn scatter(&mut self, columns: &[T]) {
        for s in 0..self.samples {
            let column = &columns[s * self.features..(s + 1) * self.features];
            self.put(s, column);
        }
    }

    #[inline]
    fn put(&mut self, sample: usize, column: &[T]) {
        let (block, lane) = (sample / LANES, sample % LANES);
        let rows = self.block_mut(block);
        for (row, v) in rows.iter_mut().zip(column) {
            row[lane] = *v;
        }
    }

    /// Makes this the mini-batch of the samples `indices` of a column-major table with this batch's features.
    ///
    /// # Errors
    /// [`Error::Length`] when an index points beyond the table.
    pub fn gather(&mut self, table: &[T], indices: &[usize]) -> Result<(), Error> {
        check_members(table.len(), self.features, indices)?;
        self.shape_as(self.features, indices.len());
        gather(table, self.features, indices, &mut self.data);
        Ok(())
    }

    /// The contents as column-major data.
    pub fn to_columns(&self) -> Vec<T> {
        let mut out = vec![T::zero(); self.features * self.samples];
        self.unpack(&mut out);
        out
    }

    /// Writes the contents as column-major data into `columns`.
    ///
    /// # Errors
    /// [`Error::Length`] unless `columns.len() == features * samples`.
    pub fn copy_to_columns(&self, columns: &mut [T]) -> Result<(), Error> {
        check_length(
            "columns of a batch",
            self.features * self.samples,
            columns.len(),
        )?;
        self.unpack(columns);
        Ok(())
    }

    fn unpack(&self, columns: &mut [T]) {
        for s in 0..self.samples {
            let (rows, lane) = (self.block(s / LANES), s % LANES);
            for (f, row) in rows.iter().enumerate() {
                columns[s * self.features + f] = row[lane];
            }
        }
    }

    /// The contents as a matrix of features × samples.
    pub fn to_matrix(&self) -> DMatrix<T> {
        DMatrix::from_vec(self.features, self.samples, self.to_columns())
    }

    /// One block: `features` rows of [`LANES`] samples.
    ///
    /// # Panics
    /// When `block` is not below [`Batch::blocks`], as indexing does.
    #[inline]
    pub fn block(&self, block: usize) -> &[[T; LANES]] {
        &self.data.as_chunks().0[block * self.features..(block + 1) * self.features]
    }

    /// One block for writing; see [`Batch::block`].
    ///
    /// # Panics
    /// When `block` is not below [`Batch::blocks`], as indexing does.
    #[inline]
    pub fn block_mut(&mut self, block: usize) -> &mut [[T; LANES]] {
        &mut self.data.as_chunks_mut().0[block * self.features..(block + 1) * self.features]
    }

    /// The value of a feature of a sample.
    ///
    /// # Panics
    /// When either index is out of range, as indexing does.
    #[inline]
    pub fn get(&self, feature: usize, sample: usize) -> T {
        self.block(sample / LANES)[feature][sample % LANES]
    }

    /// Sets the value of a feature of a sample.
    ///
    /// # Panics
    /// When either index is out of range, as indexing does.
    #[inline]
    pub fn set(&mut self, feature: usize, sample: usize, value: T) {
        self.block_mut(sample / LANES)[feature][sample % LANES] = value;
    }

    /// The values in blocked order `[block][feature][lane]`, padding included.
    #[inline]
    pub fn as_blocked(&self) -> &[T] {
        &self.data
    }

    /// The values in blocked order for writing; padding lanes carry no weight.
    #[inline]
    pub fn as_blocked_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// Position and value of the first value that is not finite, as an error.
    ///
    /// # Errors
    /// [`Error::NotFinite`]; its index is the column-major position.
    pub fn check_finite(&self, what: &'static str) -> Result<(), Error> {
        for s in 0..self.samples {
            for f in 0..self.features {
                let v = self.get(f, s);
                if !v.is_finite() {
                    return Err(Error::NotFinite {
                        what,
                        index: s * self.features + f,
                        value: v.f64(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Refuses samples beyond a column-major table of `len` numbers.
pub(crate) fn check_members(len: usize, features: usize, members: &[usize]) -> Result<(), Error> {
    match members.iter().find(|&&i| (i + 1) * features > len) {
        Some(&i) => Err(Error::Length {
            what: "table of samples",
            expected: (i + 1) * features,
            found: len,
        }),
        None => Ok(()),
    }
}

/// Samples whose columns are read side by side: their cache misses overlap, and eight neighbouring lanes are written at once.
const SIDE_BY_SIDE: usize = 8;

/// The samples `members` of a column-major table in blocked order, lanes beyond the last zero. The members are within the table.
pub(crate) fn gather<T: Scalar>(
    table: &[T],
    features: usize,
    members: &[usize],
    blocked: &mut [T],
) {
    if features == 0 {
        return;
    }
    let blocks = blocked.chunks_exact_mut(features * LANES);
    for (block, chosen) in blocks.zip(members.chunks(LANES)) {
        let rows: &mut [[T; LANES]] = block.as_chunks_mut().0;
        let (groups, rest) = chosen.as_chunks::<SIDE_BY_SIDE>();
        let column = |i: usize| &table[i * features..(i + 1) * features];
        for (g, group) in groups.iter().enumerate() {
            let columns = group.map(column);
            for (f, row) in rows.iter_mut().enumerate() {
                let lanes = &mut row.as_chunks_mut::<SIDE_BY_SIDE>().0[g];
                *lanes = std::array::from_fn(|k| columns[k][f]);
            }
        }
        let done = groups.len() * SIDE_BY_SIDE;
        for (f, row) in rows.iter_mut().enumerate() {
            let (some, none) = row[done..].split_at_mut(rest.len());
            some.iter_mut()
                .zip(rest)
                .for_each(|(v, &i)| *v = column(i)[f]);
            none.fill(T::zero());
        }
    }
}

/// Sum over the lanes of a row, in a fixed tree order (lane i with lane i + 16, and so on down).
#[inline(always)]
pub fn lane_sum<T: Scalar>(row: &[T; LANES]) -> T {
    let mut sum = *row;
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            sum[i] += sum[i + half];
        }
        half /= 2;
    }
    sum[0]
}
