//! Paths that are served even under overload.

/// Paths that are served even by an overloaded reactor. A path that ends with `/` stands for all paths below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reserved(pub(crate) Vec<String>);

impl Reserved {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if a request for this path is served even by an overloaded reactor.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.0.iter().any(|reserved| match reserved.strip_suffix('/') {
            Some(above) if !above.is_empty() => {
                path.strip_prefix(above).is_some_and(|below| below.is_empty() || below.starts_with('/'))
            }
            _ => path == reserved,
        })
    }
}
