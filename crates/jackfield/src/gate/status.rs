//! Pages about the server itself.

/// The paths of the metrics and health pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatusPaths(pub(crate) Option<[String; 2]>);

/// A page about the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Metrics,
    Health,
    /// The answer to an ACME challenge.
    Challenge,
}

impl StatusPaths {
    /// The paths of a status listener.
    pub(crate) fn usual() -> Self {
        Self(Some(["/metrics".into(), "/health".into()]))
    }

    pub(crate) fn is_enabled(&self) -> bool {
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
