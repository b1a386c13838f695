//! A matrix whose columns have names: what the other files beside `.pdr.fin` hold.

use crate::Error;

/// Rows × named columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Name of each column.
    pub columns: Vec<String>,
    /// Values, row after row.
    pub values: Vec<f64>,
}

impl Table {
    /// A table from row-major values.
    ///
    /// # Errors
    /// The number of values is no multiple of the number of columns, or there is no column.
    pub fn new(columns: Vec<String>, values: Vec<f64>) -> Result<Self, Error> {
        if columns.is_empty() || !values.len().is_multiple_of(columns.len()) {
            return Err(Error::Length {
                what: "columns and values of a table (a multiple of it)",
                left: columns.len(),
                right: values.len(),
            });
        }
        Ok(Self { columns, values })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values
            .len()
            .checked_div(self.columns.len())
            .unwrap_or(0)
    }

    /// Row `i`, from 0; empty where there is none.
    pub fn row(&self, i: usize) -> &[f64] {
        let n = self.columns.len();
        self.values.get(i * n..(i + 1) * n).unwrap_or(&[])
    }

    /// Values of the column called `name`, top to bottom.
    pub fn column(&self, name: &str) -> Option<impl Iterator<Item = f64> + '_> {
        let index = self.columns.iter().position(|c| c == name)?;
        Some(
            self.values
                .iter()
                .skip(index)
                .step_by(self.columns.len())
                .copied(),
        )
    }
}
