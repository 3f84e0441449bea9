//! A controller that has itself called: it refuses the first call, takes the others, and keeps what it was told.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslStream};
use openssl::x509::X509;

/// What it was told, call after call: the head and the body.
pub(super) type Told = Arc<Mutex<Vec<(String, String)>>>;

/// Listens on loopback with that certificate; the port, and what it hears.
pub(super) fn listen(certificate: &X509, key: &PKey<Private>) -> (u16, Told) {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).expect("an acceptor");
    builder.set_private_key(key).expect("its key");
    builder.set_certificate(certificate).expect("its certificate");
    let acceptor = builder.build();
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let (port, told) = (listener.local_addr().expect("an address").port(), Told::default());
    let heard = told.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Some(mut stream) = stream.ok().and_then(|stream| acceptor.accept(stream).ok()) else { continue };
            let Some(call) = read(&mut stream) else { continue };
            let mut heard = heard.lock().expect("nobody panicked");
            let answer =
                if heard.is_empty() { "HTTP/1.1 503 Service Unavailable\r\n\r\n" } else { "HTTP/1.1 202 Accepted\r\n\r\n" };
            heard.push(call);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, told)
}

/// One call, whole.
fn read(stream: &mut SslStream<TcpStream>) -> Option<(String, String)> {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length: usize = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?.parse().ok()?;
            if body.len() >= length {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        text.push_str(std::str::from_utf8(&buffer[..count]).ok()?);
    }
}
