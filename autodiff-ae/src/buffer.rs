//! A vector whose first element sits on a cache line: unaligned 64-byte loads split lines and halve the load rate.

use crate::Scalar;
use std::ops::{Deref, DerefMut};

const ALIGNMENT: usize = 64;

/// Numbers starting on a cache line.
#[derive(Debug)]
pub(crate) struct Buffer<T> {
    storage: Vec<T>,
    start: usize,
    len: usize,
}

impl<T> Buffer<T> {
    /// Empty, nothing allocated.
    pub fn new() -> Self {
        Self {
            storage: Vec::new(),
            start: 0,
            len: 0,
        }
    }
}

impl<T: Scalar> Buffer<T> {
    pub fn zeros(len: usize) -> Self {
        let mut buffer = Self::new();
        buffer.resize(len);
        buffer
    }

    /// Changes the length; the contents are zero after growth beyond the capacity, else as they were.
    pub fn resize(&mut self, len: usize) {
        let slack = ALIGNMENT / size_of::<T>();
        if len + slack > self.storage.len() {
            self.storage = vec![T::zero(); len + slack];
            self.start = self.storage.as_ptr().align_offset(ALIGNMENT).min(slack);
        }
        self.len = len;
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl<T> DerefMut for Buffer<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

impl<T: Clone> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        // The copy's storage starts elsewhere on its cache line, so the offset is found anew.
        let mut storage = self.storage.clone();
        let start = storage
            .as_ptr()
            .align_offset(ALIGNMENT)
            .min(ALIGNMENT / size_of::<T>());
        if self.len > 0 {
            storage[start..start + self.len].clone_from_slice(self);
        }
        Self {
            storage,
            start,
            len: self.len,
        }
    }
}
