//! The positions of a sparse matrix, for users who describe a Jacobian and for the factorisation that analyses it.
use nalgebra_sparse::pattern::SparsityPattern as NalgebraPattern;
use thiserror::Error;

/// Positions of the possible nonzeros of a square matrix in compressed sparse column form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparsityPattern {
    col_offsets: Vec<usize>,
    row_indices: Vec<usize>,
    /// Equal diagonal blocks that the matrix consists of, see [`SparsityPattern::with_copies`].
    copies: usize,
    factorization: Factorization,
}

/// How matrices of a pattern are factorised, see [`SparsityPattern::factorized_by`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Factorization {
    /// What measurement favours at the pattern's size and fill.
    #[default]
    Automatic,
    /// Dense, with partial pivoting.
    Dense,
    /// Sparse along the pattern, analysed once, with pivots on the diagonal; lanes whose pivots turn out too small fall back to the dense one, where the
    /// dimension allows it.
    Sparse,
    /// Sparse by the faer crate: columns ordered by COLAMD, partial pivoting, supernodes; lane after lane, in double precision. Worth while for patterns
    /// of two and more dimensions from some 5000 components on; networks of hundreds of species are 5 to 8 times slower with it. It allocates now and then, and the complex matrices of [`crate::RadauIia5`] are factorised along the pattern all the same.
    #[cfg(feature = "faer")]
    Faer,
}

/// Why column offsets and row indices do not describe a square sparse matrix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    /// Offsets must start at 0, not decrease, and end at the number of row indices.
    #[error(
        "column offsets of a pattern must rise from 0 to the number of row indices, {entries}; offset {column} is {offset}"
    )]
    Offsets {
        /// Index of the offset at fault.
        column: usize,
        /// Its value.
        offset: usize,
        /// Number of row indices.
        entries: usize,
    },
    /// Rows within a column must be below the dimension and strictly increasing.
    #[error("row indices of column {column} must rise strictly and lie below {dim}; found {row}")]
    Rows {
        /// Column at fault.
        column: usize,
        /// Row index at fault.
        row: usize,
        /// Dimension of the matrix.
        dim: usize,
    },
    /// The matrix of a Jacobian is square.
    #[error("a Jacobian's pattern must be square; found {rows} rows and {columns} columns")]
    NotSquare {
        /// Number of rows.
        rows: usize,
        /// Number of columns.
        columns: usize,
    },
}

impl SparsityPattern {
    /// A pattern of dimension `col_offsets.len() - 1`: rows of column j are `row_indices[col_offsets[j]..col_offsets[j + 1]]`, strictly increasing.
    pub fn new(col_offsets: Vec<usize>, row_indices: Vec<usize>) -> Result<Self, PatternError> {
        let entries = row_indices.len();
        if col_offsets.first() != Some(&0) {
            return Err(PatternError::Offsets {
                column: 0,
                offset: col_offsets.first().copied().unwrap_or(usize::MAX),
                entries,
            });
        }
        let dim = col_offsets.len() - 1;
        for column in 0..dim {
            if col_offsets[column + 1] < col_offsets[column] || col_offsets[column + 1] > entries {
                return Err(PatternError::Offsets {
                    column: column + 1,
                    offset: col_offsets[column + 1],
                    entries,
                });
            }
            let rows = &row_indices[col_offsets[column]..col_offsets[column + 1]];
            for (k, &row) in rows.iter().enumerate() {
                if row >= dim || (k > 0 && rows[k - 1] >= row) {
                    return Err(PatternError::Rows { column, row, dim });
                }
            }
        }
        if col_offsets[dim] != entries {
            return Err(PatternError::Offsets {
                column: dim,
                offset: col_offsets[dim],
                entries,
            });
        }
        Ok(Self {
            col_offsets,
            row_indices,
            copies: 1,
            factorization: Factorization::Automatic,
        })
    }

    /// The full dim × dim pattern; values are then the column-major dense matrix.
    pub fn dense(dim: usize) -> Self {
        Self {
            col_offsets: (0..=dim).map(|j| j * dim).collect(),
            row_indices: (0..dim * dim).map(|k| k % dim).collect(),
            copies: 1,
            factorization: Factorization::Automatic,
        }
    }

    /// A pattern that is known to be well formed.
    pub(crate) fn known(col_offsets: &[usize], row_indices: &[usize]) -> Self {
        debug_assert!(Self::new(col_offsets.to_vec(), row_indices.to_vec()).is_ok());
        Self {
            col_offsets: col_offsets.to_vec(),
            row_indices: row_indices.to_vec(),
            copies: 1,
            factorization: Factorization::Automatic,
        }
    }

    /// The same pattern with every diagonal position in it.
    pub fn with_diagonal(&self) -> Self {
        let (mut col_offsets, mut row_indices) =
            (vec![0], Vec::with_capacity(self.nnz() + self.dim()));
        for j in 0..self.dim() {
            let column = self.column(j);
            let below = column.partition_point(|&i| i < j);
            row_indices.extend_from_slice(&column[..below]);
            row_indices.push(j);
            row_indices.extend(column[below..].iter().filter(|&&i| i != j));
            col_offsets.push(row_indices.len());
        }
        Self {
            col_offsets,
            row_indices,
            copies: 1,
            factorization: self.factorization,
        }
    }

    /// The pattern of a system with `copies` − 1 sensitivities: this one in every diagonal block, and in every block below the first. Diagonal blocks have
    /// equal values.
    pub(crate) fn with_copies(&self, copies: usize) -> Self {
        let n = self.dim();
        let (mut col_offsets, mut row_indices) = (vec![0], Vec::new());
        for block in 0..copies {
            for j in 0..n {
                let below = if block == 0 {
                    0..copies
                } else {
                    block..block + 1
                };
                for k in below {
                    row_indices.extend(self.column(j).iter().map(|&i| k * n + i));
                }
                col_offsets.push(row_indices.len());
            }
        }
        Self {
            col_offsets,
            row_indices,
            copies,
            factorization: self.factorization,
        }
    }

    /// The same pattern, its matrices to be factorised in this way.
    pub fn factorized_by(mut self, factorization: Factorization) -> Self {
        self.factorization = factorization;
        self
    }

    /// How its matrices are factorised.
    pub(crate) fn factorization(&self) -> Factorization {
        self.factorization
    }

    /// Number of equal diagonal blocks.
    pub(crate) fn copies(&self) -> usize {
        self.copies
    }

    /// The pattern of one of them.
    pub(crate) fn first_block(&self) -> Self {
        let n = self.dim() / self.copies.max(1);
        let (mut col_offsets, mut row_indices) = (vec![0], Vec::new());
        for j in 0..n {
            row_indices.extend(self.column(j).iter().filter(|&&i| i < n));
            col_offsets.push(row_indices.len());
        }
        Self {
            col_offsets,
            row_indices,
            copies: 1,
            factorization: self.factorization,
        }
    }

    /// The transposed pattern, and for each of its entries the index of the same entry here.
    pub(crate) fn transposed(&self) -> (Self, Vec<usize>) {
        let n = self.dim();
        let mut col_offsets = vec![0; n + 1];
        for &i in &self.row_indices {
            col_offsets[i + 1] += 1;
        }
        for i in 0..n {
            col_offsets[i + 1] += col_offsets[i];
        }
        let mut next = col_offsets.clone();
        let (mut row_indices, mut from) = (vec![0; self.nnz()], vec![0; self.nnz()]);
        for j in 0..n {
            for k in self.col_offsets[j]..self.col_offsets[j + 1] {
                let at = &mut next[self.row_indices[k]];
                (row_indices[*at], from[*at]) = (j, k);
                *at += 1;
            }
        }
        let transposed = Self {
            col_offsets,
            row_indices,
            copies: 1,
            factorization: self.factorization,
        };
        (transposed, from)
    }

    /// Number of rows, which is the number of columns.
    pub fn dim(&self) -> usize {
        self.col_offsets.len() - 1
    }

    /// Number of entries.
    pub fn nnz(&self) -> usize {
        self.row_indices.len()
    }

    /// Start of every column in [`SparsityPattern::row_indices`], and the end of the last (length dim + 1).
    pub fn col_offsets(&self) -> &[usize] {
        &self.col_offsets
    }

    /// Row of every entry, column by column.
    pub fn row_indices(&self) -> &[usize] {
        &self.row_indices
    }

    /// Rows of column `j` (empty past the last).
    pub fn column(&self, j: usize) -> &[usize] {
        if j < self.dim() {
            &self.row_indices[self.col_offsets[j]..self.col_offsets[j + 1]]
        } else {
            &[]
        }
    }

    /// Index into the values of the entry at row `i`, column `j`, where there is one.
    pub fn position(&self, i: usize, j: usize) -> Option<usize> {
        self.column(j)
            .binary_search(&i)
            .ok()
            .map(|k| self.col_offsets[j] + k)
    }
}

impl TryFrom<&NalgebraPattern> for SparsityPattern {
    type Error = PatternError;
    /// From nalgebra-sparse; the pattern is read as that of a CSC matrix (major = column).
    fn try_from(pattern: &NalgebraPattern) -> Result<Self, PatternError> {
        if pattern.major_dim() != pattern.minor_dim() {
            return Err(PatternError::NotSquare {
                rows: pattern.minor_dim(),
                columns: pattern.major_dim(),
            });
        }
        Self::new(
            pattern.major_offsets().to_vec(),
            pattern.minor_indices().to_vec(),
        )
    }
}
