//! TLS with two hosts, of which one lets in only who shows a certificate, and new certificates without a restart.
//!
//! It makes all certificates at its first start, in `--dir`: an authority, and what that has issued for both hosts and one
//! client. Later it takes those that are there. It never writes over a file.
//!
//! ```sh
//! cargo run --example tls_reload -- --listen 127.0.0.1:8443 --dir certificates
//! curl --cacert certificates/ca.pem https://localhost:8443/
//! curl --cacert certificates/ca.pem --cert certificates/client.pem --key certificates/client.key https://staff.localhost:8443/
//! kill -HUP $(pidof tls_reload)    # reads what is in the files by then
//! ```

use jackfield::{Client, ClientAuth, Exchange, Host, Listener, Request, Server};
use options::Options;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};
use std::{error::Error, fs, io::Write};

/// Whose certificates it makes: two hosts and a client.
const NAMES: [&str; 3] = ["localhost", "staff.localhost", "client"];

struct Page;

impl Client for Page {
    fn on_request(&mut self, exchange: Exchange<'_>, _request: &Request<'_>) {
        let peer = exchange.peer();
        let Some(tls) = peer.tls() else { return exchange.error(400) };
        let (version, host) = (tls.version(), tls.server_name().unwrap_or("nobody"));
        let shown = !tls.certificates().is_empty();
        exchange.ok("text/plain", format!("{version:?} to {host}, a certificate of yours: {shown}\n"));
    }
}

/// The files of a certificate and of its key.
fn pair(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")))
}

/// Writes a file that must not be there yet.
fn write(path: PathBuf, text: &str) -> Result<(), Box<dyn Error>> {
    Ok(fs::File::create_new(path)?.write_all(text.as_bytes())?)
}

fn issue(authority: &Issuer<'_, KeyPair>, dir: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let (key, (chain_file, key_file)) = (KeyPair::generate()?, pair(dir, name));
    let certificate = CertificateParams::new([name.to_owned()])?.signed_by(&key, authority)?;
    write(chain_file, &certificate.pem())?;
    write(key_file, &key.serialize_pem())
}

/// Makes all files in the folder, or leaves them as they are. It does not mix its own with those of others.
fn prepare(dir: &Path) -> Result<(), Box<dyn Error>> {
    let pairs = NAMES.iter().flat_map(|name| <[PathBuf; 2]>::from(pair(dir, name)));
    let files: Vec<PathBuf> = pairs.chain([dir.join("ca.pem")]).collect();
    match files.iter().filter(|file| file.exists()).count() {
        0 => make_all(dir),
        there if there == files.len() => Ok(()),
        _ => Err("some files of these names are there, but not all: give another folder".into()),
    }
}

fn make_all(dir: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(dir)?;
    let (mut params, key) = (CertificateParams::default(), KeyPair::generate()?);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "the authority");
    write(dir.join("ca.pem"), &params.self_signed(&key)?.pem())?;
    let authority = Issuer::new(params, key);
    NAMES.iter().try_for_each(|name| issue(&authority, dir, name))
}

fn main() -> jackfield::Result<()> {
    let options = Options::read("tls_reload [--listen ADDR] [--dir DIR]");
    let dir = PathBuf::from(options.value("--dir").unwrap_or("certificates"));
    // The address before the files: if it is taken, nothing is written.
    let socket = options::listen(options.value("--listen").unwrap_or("127.0.0.1:8443"));
    prepare(&dir).unwrap_or_else(|error| options::fail(format!("`--dir {}`: {error}", dir.display())));
    let ((chain, key), (staff_chain, staff_key)) = (pair(&dir, "localhost"), pair(&dir, "staff.localhost"));
    let staff = Host::new("staff.localhost").certificate(staff_chain, staff_key);
    let staff = staff.client_auth(ClientAuth::required(dir.join("ca.pem")));
    let listener = Listener::from_std(socket).tls(chain, key).host(staff);
    let server = Server::builder().listen(listener).reload_tls_on_sighup().shutdown_on_signals().bind();
    let server = server.unwrap_or_else(options::fail);
    let addr = server.local_addr();
    println!("listening on {addr}");
    println!("try: curl --cacert {} https://localhost:{}/", dir.join("ca.pem").display(), addr.port());
    server.serve(|_peer| Page)
}
