//! The heap memory of the values that are posted most.

use crate::message::{Body, Prepared};
use crate::topics::ARC_BYTES;
use std::any::Any;
use std::io;
use std::sync::Arc;

/// Bytes that a value owns on the heap, if it is of one of the types below; otherwise 0. What `Arc`s share counts in full for
/// each of them, because it is not known who else will hold it.
pub(crate) fn owned_bytes<T: Any>(value: &T) -> usize {
    // For each type the compiler knows which of these it is.
    let known = of::<Vec<u8>>(value)
        .or_else(|| of::<String>(value))
        .or_else(|| of::<Box<[u8]>>(value))
        .or_else(|| of::<Box<str>>(value))
        .or_else(|| of::<Arc<[u8]>>(value))
        .or_else(|| of::<Arc<str>>(value))
        .or_else(|| of::<Body<'static>>(value))
        .or_else(|| of::<Prepared>(value))
        .or_else(|| of::<io::Result<Vec<u8>>>(value))
        .or_else(|| of::<io::Result<String>>(value));
    known.unwrap_or(0)
}

/// A type whose heap memory is known.
trait Owner: Any {
    fn heap_bytes(&self) -> usize;
}

fn of<T: Owner>(value: &dyn Any) -> Option<usize> {
    value.downcast_ref::<T>().map(T::heap_bytes)
}

impl Owner for Vec<u8> {
    fn heap_bytes(&self) -> usize {
        self.capacity()
    }
}

impl Owner for String {
    fn heap_bytes(&self) -> usize {
        self.capacity()
    }
}

impl Owner for Box<[u8]> {
    fn heap_bytes(&self) -> usize {
        self.len()
    }
}

impl Owner for Box<str> {
    fn heap_bytes(&self) -> usize {
        self.len()
    }
}

impl Owner for Arc<[u8]> {
    fn heap_bytes(&self) -> usize {
        ARC_BYTES + self.len()
    }
}

impl Owner for Arc<str> {
    fn heap_bytes(&self) -> usize {
        ARC_BYTES + self.len()
    }
}

impl Owner for Body<'static> {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Borrowed(_) => 0,
            Self::Owned(bytes) => bytes.capacity(),
            Self::Shared(bytes) => bytes.heap_bytes(),
        }
    }
}

impl Owner for Prepared {
    fn heap_bytes(&self) -> usize {
        Self::heap_bytes(self)
    }
}

impl<T: Owner> Owner for io::Result<T> {
    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, T::heap_bytes)
    }
}
