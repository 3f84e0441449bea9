//! Telling a controller that the status of its request has changed (OpenDSR, section 8.5): whom that may reach, and one call.
//!
//! The address comes with the request, and a proxy that calls whatever it is told could be sent against the network that it stands in. So
//! it calls only hosts that its configuration names, over TLS whose certificate is checked, and follows no redirect.

use crate::config;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::store::X509StoreBuilder;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The most addresses of one request.
pub(super) const MOST_CALLBACKS: usize = 8;

/// The most characters of an address.
const MOST_CHARACTERS: usize = 2048;

/// How long reaching one address of a host may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a call may take, from the first connection to the status, however slowly it trickles; asking for the host's addresses
/// takes as long as the system's resolver lets it.
const WHOLE: Duration = Duration::from_secs(10);

/// The status is in the first line of an answer; nothing behind it is read.
const FIRST_LINE: usize = 512;

/// Where systems keep the certificates of authorities, unless the configuration names a file.
const AUTHORITIES: [&str; 4] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

/// Why nobody can be called.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// No authority is known by which a controller's certificate could be checked.
    #[error("no certificates of authorities were found on this system: name a file in `dsr.callbacks.ca`")]
    NoAuthorities,
    /// A file that cannot be used.
    #[error("{}: no certificates in PEM", .0.display())]
    Unusable(PathBuf),
    /// OpenSSL refuses.
    #[error("TLS: {0}")]
    OpenSsl(#[from] openssl::error::ErrorStack),
}

/// Why a controller was not told. No address and no answer is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It may not be called, or not any more.
    #[error("its host is not among those of `dsr.callbacks.hosts`")]
    Forbidden,
    /// Nothing answers there.
    #[error("it cannot be reached ({0})")]
    Unreachable(std::io::ErrorKind),
    /// What answers cannot prove that it is the host.
    #[error("the TLS handshake failed, or its certificate is not valid")]
    Tls,
    /// It said nothing that is HTTP, or not in time.
    #[error("no answer")]
    NoAnswer,
    /// It refused.
    #[error("it answered {0}")]
    Refused(u16),
}

/// An address to call.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    target: String,
}

impl Address {
    /// Reads `https://host[:port]/…`: no user, no literal address of version 6, no fragment.
    pub fn parse(url: &str) -> Option<Address> {
        if url.len() > MOST_CHARACTERS || !url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return None;
        }
        let (scheme, rest) = url.split_once("://")?;
        let split = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(split);
        if !scheme.eq_ignore_ascii_case("https") || target.starts_with('\\') {
            return None;
        }
        let (host, port) = host_and_port(authority)?;
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Some(Address { host, port, target })
    }

    /// The host, for the log.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// A name in lower case, and the port, of HTTPS where none is said.
fn host_and_port(authority: &str) -> Option<(String, u16)> {
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => {
            let digits = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?;
            (host, digits.parse().ok().filter(|port: &u16| *port > 0)?)
        }
        None => (authority, 443),
    };
    let is_name = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    is_name.then(|| (host.to_ascii_lowercase(), port))
}

/// Calls controllers.
pub struct Caller {
    hosts: Vec<(String, u16)>,
    connector: SslConnector,
}

impl Caller {
    /// Knows whom it may call and whose certificates it believes.
    pub fn new(callbacks: &config::Callbacks) -> Result<Caller, CallerError> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        builder.set_verify(SslVerifyMode::PEER);
        let found = || AUTHORITIES.iter().map(Path::new).find(|path| path.exists()).map(Path::to_owned);
        let file = callbacks.ca.clone().or_else(found).ok_or(CallerError::NoAuthorities)?;
        // In the place of what OpenSSL believes by itself.
        builder.set_cert_store(X509StoreBuilder::new()?.build());
        builder.set_ca_file(&file).map_err(|_| CallerError::Unusable(file))?;
        let hosts = callbacks.hosts.iter().filter_map(|host| host_and_port(host)).collect();
        Ok(Caller { hosts, connector: builder.build() })
    }

    /// Whether that address may be called.
    pub fn may_call(&self, url: &str) -> bool {
        Address::parse(url).is_some_and(|address| self.is_known(&address))
    }

    fn is_known(&self, address: &Address) -> bool {
        self.hosts.iter().any(|(host, port)| *host == address.host && *port == address.port)
    }

    /// Tells whoever stands at an address; any status of success will do. Waits for some seconds at most.
    pub fn call(&self, address: &Address, domain: &str, signature: &str, body: &[u8]) -> Result<(), CallError> {
        if !self.is_known(address) {
            return Err(CallError::Forbidden);
        }
        let Address { host, port, target } = address;
        let unreachable = |fault: std::io::Error| CallError::Unreachable(fault.kind());
        let stream = connect(host, *port).map_err(unreachable)?;
        let mut stream = self.connector.connect(host, stream).map_err(|_| CallError::Tls)?;
        let named = if *port == 443 { host.clone() } else { format!("{host}:{port}") };
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: {named}\r\nUser-Agent: privet\r\nConnection: close\r\nContent-Type: application/json\r\n\
             X-OpenDSR-Processor-Domain: {domain}\r\nX-OpenDSR-Signature: {signature}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).map_err(unreachable)?;
        match status(&mut stream) {
            Some(200..=299) => Ok(()),
            Some(code) => Err(CallError::Refused(code)),
            None => Err(CallError::NoAnswer),
        }
    }
}

/// A connection on which nothing is waited for beyond a moment.
#[derive(Debug)]
struct Timed {
    stream: TcpStream,
    until: Instant,
}

/// What is left until then; nothing is an error, as a timeout of zero is to the system.
fn left(until: Instant) -> std::io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.until)?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.until)?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

fn connect(host: &str, port: u16) -> std::io::Result<Timed> {
    let until = Instant::now() + WHOLE;
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(until)?.min(PATIENCE)) {
            Ok(stream) => return Ok(Timed { stream, until }),
            Err(fault) => last = fault,
        }
    }
    Err(last)
}

/// The status of an answer (RFC 9112, section 4).
fn status(stream: &mut impl Read) -> Option<u16> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") && line.len() < FIRST_LINE {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => line.push(byte[0]),
            Ok(_) | Err(_) => break,
        }
    }
    let text = std::str::from_utf8(&line).ok()?;
    let code = text.strip_prefix("HTTP/1.")?.get(2..5)?;
    code.parse().ok()
}

#[cfg(test)]
mod tests;
