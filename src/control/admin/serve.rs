//! Connections: accepted, wrapped in TLS, served one request each, within limits of number and time. Where all places are
//! taken, a new connection gets that of the one that has kept the server waiting longest: a probe is always heard.

use super::tls::Acceptor;
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
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

/// Between two looks at whether they have ended.
const LOOK: Duration = Duration::from_millis(10);

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
    let places = Places::default();
    loop {
        let accepted = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, address)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        // Where every place is that of a request that is being answered, the new connection is closed.
        let Some((place, given_up)) = places.take() else { continue };
        let acceptor = tls.as_mut().map(Acceptor::current);
        let app = app.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = timeout(WHOLE, connection(stream, address, acceptor, app, place.is_answering.clone())) => {}
                _ = given_up => {}
            }
            drop(place);
        });
    }
    drop(listener);
    let deadline = Instant::now() + GRACE;
    while places.any() && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
}

/// The connections that are open, the oldest first.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<VecDeque<Open>>>);

struct Open {
    is_answering: Arc<AtomicBool>,
    give_up: oneshot::Sender<()>,
}

/// One connection's place; free again when it is dropped.
struct Place {
    all: Places,
    is_answering: Arc<AtomicBool>,
}

impl Places {
    /// A place, and word of when to give it up. Where none is free, the oldest connection that is not being answered - it
    /// sends its request slowly, or reads its answer slowly - gives up its own; `None` where there is no such connection.
    fn take(&self) -> Option<(Place, oneshot::Receiver<()>)> {
        let mut open = self.open();
        if open.len() >= CONNECTIONS {
            let slow = open.iter().position(|one| !one.is_answering.load(Ordering::Relaxed))?;
            if let Some(slow) = open.remove(slow) {
                // It may have ended by itself in this moment.
                let _ = slow.give_up.send(());
            }
        }
        let (give_up, given_up) = oneshot::channel();
        let is_answering = Arc::new(AtomicBool::new(false));
        open.push_back(Open { is_answering: is_answering.clone(), give_up });
        Some((Place { all: self.clone(), is_answering }, given_up))
    }

    fn any(&self) -> bool {
        !self.open().is_empty()
    }

    fn open(&self) -> MutexGuard<'_, VecDeque<Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.open().retain(|one| !Arc::ptr_eq(&one.is_answering, &self.is_answering));
    }
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<openssl::ssl::SslAcceptor>,
    app: Router,
    is_answering: Arc<AtomicBool>,
) {
    let Some(acceptor) = tls else {
        return requests(stream, Client { address, certified: false }, app, is_answering).await;
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
        requests(stream, Client { address, certified }, app, is_answering).await;
    }
}

async fn requests(stream: impl AsyncRead + AsyncWrite + Unpin, client: Client, app: Router, is_answering: Arc<AtomicBool>) {
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(client);
        // A router is always ready.
        let answered = app.clone().call(request);
        let is_answering = is_answering.clone();
        async move {
            is_answering.store(true, Ordering::Relaxed);
            let answer = answered.await;
            is_answering.store(false, Ordering::Relaxed);
            answer
        }
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
