//! Arrays over lanes that begin on a cache line: a vector of eight doubles then never straddles two, which halves the speed of a load.
use std::ops::{Deref, DerefMut};

use crate::Scalar;

/// Bytes of a cache line, and of the widest vector register.
const LINE: usize = 64;

/// An array of `[T; W]` of fixed length that begins on a cache line.
#[derive(Debug)]
pub(crate) struct Aligned<T, const W: usize> {
    /// The numbers, with room to begin on a line.
    numbers: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Scalar, const W: usize> Aligned<T, W> {
    /// No items.
    pub fn new() -> Self {
        Self {
            numbers: Vec::new(),
            start: 0,
            len: 0,
        }
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let mut array = Self::new();
        array.reset(len);
        array
    }

    /// Becomes `len` zeros, without allocation where the memory suffices.
    pub fn reset(&mut self, len: usize) {
        let spare = LINE / size_of::<T>();
        self.numbers.clear();
        self.numbers.resize(len * W + spare, T::zero());
        self.start = self.numbers.as_ptr().align_offset(LINE).min(spare);
        self.len = len;
    }
}

impl<T: Clone, const W: usize> Clone for Aligned<T, W> {
    fn clone(&self) -> Self {
        let total = self.numbers.len();
        let spare = total - self.len * W;
        let mut numbers = Vec::<T>::with_capacity(total);
        let start = numbers.as_ptr().align_offset(LINE).min(spare);
        // What lies before and after the items has no meaning.
        numbers.extend_from_slice(&self.numbers[..start]);
        numbers.extend_from_slice(self.as_flattened());
        numbers.extend_from_slice(&self.numbers[..spare - start]);
        Self {
            numbers,
            start,
            len: self.len,
        }
    }
}

impl<T, const W: usize> Deref for Aligned<T, W> {
    type Target = [[T; W]];
    #[inline(always)]
    fn deref(&self) -> &[[T; W]] {
        self.numbers[self.start..self.start + self.len * W]
            .as_chunks()
            .0
    }
}

impl<T, const W: usize> DerefMut for Aligned<T, W> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [[T; W]] {
        self.numbers[self.start..self.start + self.len * W]
            .as_chunks_mut()
            .0
    }
}

impl<'a, T, const W: usize> IntoIterator for &'a Aligned<T, W> {
    type Item = &'a [T; W];
    type IntoIter = std::slice::Iter<'a, [T; W]>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T, const W: usize> IntoIterator for &'a mut Aligned<T, W> {
    type Item = &'a mut [T; W];
    type IntoIter = std::slice::IterMut<'a, [T; W]>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::{Aligned, LINE};

    #[test]
    fn begins_on_a_cache_line_and_holds_what_is_written() {
        for len in [0, 1, 7, 64, 1000] {
            let mut array = Aligned::<f64, 3>::zeros(len);
            for (k, x) in array.iter_mut().enumerate() {
                assert_eq!(*x, [0.0; 3]);
                *x = [k as f64; 3];
            }
            let copy = array.clone();
            for array in [&array, &copy] {
                assert_eq!(array.as_ptr().addr() % LINE, 0);
                assert_eq!(array.len(), len);
                assert!(array.iter().enumerate().all(|(k, x)| *x == [k as f64; 3]));
            }
            array.reset(len / 2);
            assert!(array.iter().all(|x| *x == [0.0; 3]));
        }
    }
}
