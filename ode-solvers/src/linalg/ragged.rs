//! Lists of different lengths, one after the other in one array.

/// List k is `values[offsets[k]..offsets[k + 1]]`.
#[derive(Clone, Debug)]
pub(super) struct Ragged<V> {
    offsets: Vec<usize>,
    pub values: Vec<V>,
}

impl<V> Ragged<V> {
    pub fn collect<I: IntoIterator<Item = V>>(lists: impl Iterator<Item = I>) -> Self {
        let (mut offsets, mut values) = (vec![0], Vec::new());
        for list in lists {
            values.extend(list);
            offsets.push(values.len());
        }
        Self { offsets, values }
    }

    #[inline(always)]
    pub fn range(&self, k: usize) -> std::ops::Range<usize> {
        self.offsets[k]..self.offsets[k + 1]
    }

    #[inline(always)]
    pub fn list(&self, k: usize) -> &[V] {
        &self.values[self.range(k)]
    }
}
