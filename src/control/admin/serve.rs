//! Connections: accepted, wrapped in TLS, served one request each, within limits of number and time.

use super::tls::Acceptor;
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tower_service::Service;

/// Connections at once: a Prometheus pair, probes, and a few people.
const CONNECTIONS: usize = 64;

/// From the connection to the end of the request's head, TLS included: what a slow network needs, not a slow loris.
const HEAD: Duration = Duration::from_secs(5);

/// From the connection to the end of the answer: a reload compiles the policy and asks the brokers.
const WHOLE: Duration = Duration::from_secs(40);

/// Bytes of a request's head. The longest honest one holds a bearer token.
const HEAD_BYTES: usize = 16 << 10;

/// Fields of a request's head.
const HEAD_FIELDS: usize = 64;

/// How long requests in flight may still take when the server stops.
const GRACE: Duration = Duration::from_secs(1);

/// After a failed accept (no file descriptors left), so that the loop does not spin.
const BREATH: Duration = Duration::from_millis(100);

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    /// It showed a certificate that the configured authority signed.
    pub(super) certified: bool,
}

/// Serves until told to stop.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    tls: Option<Acceptor>,
    app: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(fault) => {
            tracing::error!(%fault, "the admin server cannot listen");
            return;
        }
    };
    let mut tls = tls;
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((place, stream, address)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let acceptor = tls.as_mut().map(Acceptor::current);
        let app = app.clone();
        tokio::spawn(async move {
            let _ = timeout(WHOLE, connection(stream, address, acceptor, app)).await;
            drop(place);
        });
    }
    drop(listener);
    let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
    let _ = timeout(GRACE, places.acquire_many(all)).await;
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let place = places.clone().acquire_owned().await.ok()?;
    let (stream, address) = listener.accept().await.ok()?;
    Some((place, stream, address))
}

async fn connection(stream: TcpStream, address: SocketAddr, tls: Option<openssl::ssl::SslAcceptor>, app: Router) {
    let Some(acceptor) = tls else {
        return requests(stream, Client { address, certified: false }, app).await;
    };
    let Ok(mut stream) =
        openssl::ssl::Ssl::new(acceptor.context()).and_then(|session| tokio_openssl::SslStream::new(session, stream))
    else {
        return;
    };
    // What strangers get wrong at the handshake is theirs to see, not for the log.
    if matches!(timeout(HEAD, Pin::new(&mut stream).accept()).await, Ok(Ok(()))) {
        let certified =
            stream.ssl().peer_certificate().is_some() && stream.ssl().verify_result() == openssl::x509::X509VerifyResult::OK;
        requests(stream, Client { address, certified }, app).await;
    }
}

async fn requests(stream: impl AsyncRead + AsyncWrite + Unpin, client: Client, app: Router) {
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(client);
        // A router is always ready.
        app.clone().call(request)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        // One request a connection: whoever is idle holds no place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    // A client that breaks off is no event.
    drop(served);
}
