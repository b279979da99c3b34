//! Pages about the server itself.

/// Where metrics and health are served, besides what clients serve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatusPaths(pub(crate) Option<[String; 2]>);

/// A page about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Metrics,
    Health,
    /// The answer to a challenge of ACME.
    Challenge,
}

impl StatusPaths {
    /// Those of a listener for nothing else.
    pub(crate) fn usual() -> Self {
        Self(Some(["/metrics".into(), "/health".into()]))
    }

    pub(crate) fn are_any(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn page(&self, path: &str) -> Option<Page> {
        let [metrics, health] = self.0.as_ref()?;
        match path {
            _ if path == metrics => Some(Page::Metrics),
            _ if path == health => Some(Page::Health),
            _ => None,
        }
    }
}
