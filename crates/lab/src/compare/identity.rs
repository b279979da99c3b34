//! The servers' certificate and key, which are made for the run.

use super::rows::{HOST, Row};
use jackfield_cli::base::error::Error;
use jackfield_cli::bench::plan::{Plan, Tls};
use std::io;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Where certificate and key are, both as PEM files.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    folder: PathBuf,
}

impl Identity {
    /// A new one, with a key of ECDSA on P-256, in a folder of this process.
    ///
    /// # Errors
    /// It can't be made or written.
    pub(crate) fn new() -> Result<Self, Error> {
        let name = HOST.split(':').next().unwrap_or(HOST);
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).map_err(io::Error::other)?;
        let identity = Self::at(env::temp_dir().join(format!("jackfield-lab-{}", std::process::id())));
        fs::create_dir_all(&identity.folder)?;
        fs::write(identity.cert(), made.cert.pem())?;
        fs::write(identity.key(), made.signing_key.serialize_pem())?;
        Ok(identity)
    }

    /// One that is in this folder.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Deletes its files.
    pub(crate) fn remove(&self) {
        // If that fails, the system cleans up the temporary directory.
        let _ = fs::remove_dir_all(&self.folder);
    }

    pub(crate) fn cert(&self) -> PathBuf {
        self.folder.join("cert.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
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
