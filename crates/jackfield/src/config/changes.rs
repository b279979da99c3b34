//! Changes of limits, kept until all of them are known.

use crate::config::limits::Limits;
use std::fmt;
use std::sync::Arc;

type Change = Arc<dyn Fn(&mut Limits) + Send + Sync>;

/// Changes of limits, in the order of the calls.
#[derive(Clone, Default)]
pub(crate) struct Changes(Vec<Change>);

impl Changes {
    pub(crate) fn push(&mut self, change: impl Fn(&mut Limits) + Send + Sync + 'static) {
        self.0.push(Arc::new(change));
    }

    /// Applies all changes to these limits.
    pub(crate) fn made_to(&self, mut limits: Limits) -> Limits {
        self.0.iter().for_each(|change| change(&mut limits));
        limits
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Changes({})", self.0.len())
    }
}
