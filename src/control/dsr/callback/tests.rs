//! Calls to a controller that stands on this machine, with certificates of an authority of its own.

use super::*;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::SslAcceptor;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use std::sync::mpsc::{Receiver, channel};

/// A certificate for a name, which is its own authority.
fn certificate(name: &str) -> (X509, PKey<Private>) {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut who = X509NameBuilder::new().unwrap();
    who.append_entry_by_text("CN", name).unwrap();
    let who = who.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_subject_name(&who).unwrap();
    builder.set_issuer_name(&who).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().dns(name).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build(), key)
}

/// A controller that gives these answers, one a connection, and tells what it was sent. Its certificate is for that name.
fn controller(name: &str, answers: &'static [&'static str]) -> (u16, Receiver<String>, tempfile::TempDir) {
    let (certificate, key) = certificate(name);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), certificate.to_pem().unwrap()).unwrap();
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    builder.set_private_key(&key).unwrap();
    builder.set_certificate(&certificate).unwrap();
    let acceptor = builder.build();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (port, (told, heard)) = (listener.local_addr().unwrap().port(), channel());
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let Ok(mut stream) = acceptor.accept(stream) else { continue };
            let mut sent = Vec::new();
            let is_whole = |sent: &[u8]| {
                let text = String::from_utf8_lossy(sent);
                let (head, body) = text.split_once("\r\n\r\n")?;
                let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?;
                (body.len() >= length.parse().ok()?).then_some(())
            };
            while is_whole(&sent).is_none() {
                let mut buffer = [0; 4096];
                match stream.read(&mut buffer) {
                    Ok(count) if count > 0 => sent.extend_from_slice(&buffer[..count]),
                    Ok(_) | Err(_) => break,
                }
            }
            let _ = told.send(String::from_utf8(sent).unwrap());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, heard, folder)
}

fn caller(hosts: &[String], folder: &tempfile::TempDir) -> Caller {
    Caller::new(&config::Callbacks { hosts: hosts.to_vec(), ca: Some(folder.path().join("ca.pem")) }).unwrap()
}

#[test]
fn a_controller_is_told_once_it_says_so_and_no_redirect_is_followed() {
    let answers: &[&str] = &[
        "HTTP/1.1 202 Accepted\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: https://localhost/elsewhere\r\n\r\n",
        "HTTP/1.0 500 x\r\n\r\n",
        "SSH-2.0-x\r\n",
        "",
    ];
    let (port, heard, folder) = controller("localhost", answers);
    let caller = caller(&[format!("localhost:{port}")], &folder);
    let url = format!("https://LOCALHOST:{port}/told?by=privet");
    assert!(caller.may_call(&url));
    let call = || caller.call(&Address::parse(&url).unwrap(), "privacy.example", "c2ln", b"{\"a\":1}");
    assert_eq!(call(), Ok(()));
    let sent = heard.recv().unwrap();
    assert!(sent.starts_with("POST /told?by=privet HTTP/1.1\r\n"), "{sent}");
    for line in [
        &format!("Host: localhost:{port}"),
        "Content-Type: application/json",
        "X-OpenDSR-Processor-Domain: privacy.example",
        "X-OpenDSR-Signature: c2ln",
    ] {
        assert!(sent.contains(&format!("\r\n{line}\r\n")), "{line}: {sent}");
    }
    assert!(sent.ends_with("\r\n\r\n{\"a\":1}"), "{sent}");
    assert_eq!(call(), Err(CallError::Refused(302)));
    assert_eq!(call(), Err(CallError::Refused(500)));
    assert_eq!((call(), call()), (Err(CallError::NoAnswer), Err(CallError::NoAnswer)));
}

#[test]
fn who_cannot_prove_to_be_the_host_is_told_nothing() {
    let (port, heard, folder) = controller("other.example", &["HTTP/1.1 200 OK\r\n\r\n"]);
    let caller = caller(&[format!("localhost:{port}")], &folder);
    let address = Address::parse(&format!("https://localhost:{port}/")).unwrap();
    assert_eq!(caller.call(&address, "privacy.example", "c2ln", b"{}"), Err(CallError::Tls));
    assert!(heard.try_recv().is_err());
    let (port, heard, _) = controller("localhost", &["HTTP/1.1 200 OK\r\n\r\n"]);
    let strange = super::tests::caller(&[format!("localhost:{port}")], &folder);
    let address = Address::parse(&format!("https://localhost:{port}/")).unwrap();
    assert_eq!(strange.call(&address, "privacy.example", "c2ln", b"{}"), Err(CallError::Tls), "another authority's");
    assert!(heard.try_recv().is_err());
}

/// What a stranger might write to send the proxy somewhere else.
#[test]
fn nobody_but_the_hosts_that_are_named_may_be_called() {
    let (_, _, folder) = controller("localhost", &[]);
    let caller = caller(&["controller.example".to_owned(), "crm.example:8443".to_owned()], &folder);
    for url in ["https://controller.example", "HTTPS://Controller.Example:443/a?b=c", "https://crm.example:8443/x"] {
        assert!(caller.may_call(url), "{url}");
    }
    let long = format!("https://controller.example/{}", "x".repeat(2048));
    for url in [
        "http://controller.example/",
        "https://controller.example:80/",
        "https://crm.example/",
        "https://controller.example.evil.example/",
        "https://evil.example/controller.example",
        "https://controller.example@evil.example/",
        "https://evil.example\\@controller.example/",
        "https://controller.example\\.evil.example/",
        "https://controller.example#@evil.example/",
        "https://controller.example:443:80/",
        "https://controller.example:+443/",
        "https://controller.example:/",
        "https:///controller.example/",
        "https://[::1]/",
        "https://169.254.169.254/",
        "https://controller.example./",
        "https://controller.example/\r\nHost: evil.example",
        "https://controller.example/a b",
        "controller.example",
        "",
        &long,
    ] {
        assert!(!caller.may_call(url), "{url}");
    }
    let forbidden = Address::parse("https://evil.example/").unwrap();
    assert_eq!(caller.call(&forbidden, "d", "s", b""), Err(CallError::Forbidden));
}

#[test]
fn without_authorities_it_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let with = |text: &str| {
        std::fs::write(folder.path().join("ca.pem"), text).unwrap();
        Caller::new(&config::Callbacks { hosts: vec!["a.example".to_owned()], ca: Some(folder.path().join("ca.pem")) }).err()
    };
    assert!(matches!(with("no certificate"), Some(CallerError::Unusable(_))));
}
