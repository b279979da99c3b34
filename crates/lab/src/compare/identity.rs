//! The servers' certificate and key, which are made for the run.

use super::rows::{HOST, Row};
use crate::base::temp_folder::TempFolder;
use jackfield_cli::base::error::Error;
use jackfield_cli::bench::plan::{Plan, Tls};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// Where certificate and key are, both as PEM files.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    folder: Arc<TempFolder>,
}

impl Identity {
    /// A new one, with a key of ECDSA on P-256, in a folder that is removed with its last clone.
    ///
    /// # Errors
    /// It can't be made or written.
    pub(crate) fn new() -> Result<Self, Error> {
        let name = HOST.split(':').next().unwrap_or(HOST);
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).map_err(io::Error::other)?;
        let identity = Self { folder: Arc::new(TempFolder::new("lab")?) };
        fs::write(identity.cert(), made.cert.pem())?;
        fs::write(identity.key(), made.signing_key.serialize_pem())?;
        Ok(identity)
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// The arguments for servers.
    pub(crate) fn args(&self) -> [String; 4] {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        ["--cert".into(), text(&self.cert()), "--key".into(), text(&self.key())]
    }

    /// The plan of a row, with the TLS configuration of the clients.
    ///
    /// # Errors
    /// The certificate can't be used.
    pub(crate) fn secure(&self, row: &Row, plan: Plan) -> Result<Plan, Error> {
        if !row.is_tls {
            return Ok(plan);
        }
        let target = format!("https://{HOST}").parse().map_err(Error::Usage)?;
        let tls = Tls::of(Some(&target), false, Some(&self.cert())).map_err(Error::Usage)?;
        let tls = tls.map(|tls| if row.resumes { tls.resuming(plan.connections) } else { tls });
        Ok(Plan { tls, ..plan })
    }
}
