//! Static files: what the rows about them serve, and a server of them.

use clap::Args;
use jackfield::{Client, Exchange, Files, Request, Server};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::{env, fs};

/// A server of files, until a signal ends it.
#[derive(Debug, Args)]
pub(crate) struct ServeFiles {
    #[arg(long)]
    listen: SocketAddr,
}

/// The files, by the names under which they are asked for, with their lengths.
const SAMPLES: [(&str, usize); 2] = [("1k.bin", 1 << 10), ("1m.bin", 1 << 20)];

struct Visitor(Files);

impl Client for Visitor {
    fn on_request(&mut self, exchange: Exchange<'_>, request: &Request<'_>) {
        self.0.answer(exchange, request);
    }
}

/// Serves, and prints the address first.
///
/// # Errors
/// It can't listen, or the files can't be written.
pub(crate) fn serve(args: &ServeFiles) -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::temp_dir().join("jackfield-lab-files");
    write_samples(&folder)?;
    let files = Files::folder(&folder)?;
    let server = Server::builder().listen(args.listen).reactors(1).shutdown_on_signals().bind()?;
    // It is no failure if nothing reads the output.
    let _ = writeln!(io::stdout(), "listening on {}", server.local_addr());
    Ok(server.serve(move |_peer| Visitor(files.clone()))?)
}

/// Writes the files into a folder, which is made if need be. Those that are there stay as they are: each is there as a whole
/// or not at all, whatever other processes do in the same folder.
///
/// # Errors
/// Those of the system.
pub(crate) fn write_samples(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    SAMPLES.iter().try_for_each(|(name, bytes)| {
        let path = folder.join(name);
        let is_there = fs::metadata(&path).is_ok_and(|known| known.len() == *bytes as u64);
        if is_there {
            return Ok(());
        }
        let begun = folder.join(format!("{name}.{}", std::process::id()));
        fs::write(&begun, vec![b'x'; *bytes])?;
        fs::rename(begun, path)
    })
}
