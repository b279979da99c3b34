//! TLS with two hosts, of which one lets in only who shows a certificate, and new certificates without a restart.
//!
//! It makes all certificates at the start, in `--dir`: an authority, and what that has issued for both hosts and one client.
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
use std::{error::Error, fs};

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

fn issue(authority: &Issuer<'_, KeyPair>, dir: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let (key, (chain_file, key_file)) = (KeyPair::generate()?, pair(dir, name));
    let certificate = CertificateParams::new([name.to_owned()])?.signed_by(&key, authority)?;
    fs::write(chain_file, certificate.pem())?;
    Ok(fs::write(key_file, key.serialize_pem())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::read("tls_reload [--listen ADDR] [--dir DIR]");
    let dir = PathBuf::from(options.value("--dir").unwrap_or("certificates"));
    fs::create_dir_all(&dir)?;
    let (mut params, key) = (CertificateParams::default(), KeyPair::generate()?);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "the authority");
    fs::write(dir.join("ca.pem"), params.self_signed(&key)?.pem())?;
    let authority = Issuer::new(params, key);
    ["localhost", "staff.localhost", "client"].iter().try_for_each(|name| issue(&authority, &dir, name))?;
    let ((chain, key), (staff_chain, staff_key)) = (pair(&dir, "localhost"), pair(&dir, "staff.localhost"));
    let staff = Host::new("staff.localhost").certificate(staff_chain, staff_key);
    let staff = staff.client_auth(ClientAuth::required(dir.join("ca.pem")));
    let listener = Listener::tcp(options.value("--listen").unwrap_or("127.0.0.1:8443"));
    let listener = listener.tls(chain, key).host(staff);
    let server = Server::builder().listen(listener).reload_tls_on_sighup().shutdown_on_signals().bind()?;
    let addr = server.local_addr();
    println!("listening on {addr}");
    println!("try: curl --cacert {} https://localhost:{}/", dir.join("ca.pem").display(), addr.port());
    Ok(server.serve(|_peer| Page)?)
}
