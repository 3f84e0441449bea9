//! The admin server: the only thing that listens. One thread, one port, loopback unless told otherwise.

mod guard;
mod opendsr;
mod page;
mod routes;
mod serve;
#[cfg(test)]
mod tests;
mod tls;
mod view;

use super::Status;
use super::dsr::Office;
use super::reload::ReloadHandle;
use crate::config;
use crate::telemetry::Telemetry;
use openssl::error::ErrorStack;
use secrecy::{ExposeSecret, SecretString};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::watch;

/// A token shorter than this can be guessed; it is used, with a warning.
const SHORT_TOKEN: usize = 16;

/// How the server may be reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The bearer token.
    pub token: Option<SecretString>,
    /// TLS, and who may do without the token.
    pub tls: Option<config::Tls>,
    /// Whether it may be reached from beyond loopback without TLS.
    pub allow_plaintext: bool,
    /// Names under which it is reached, besides addresses, `localhost` and the names of its certificate.
    pub hosts: Vec<String>,
    /// A bearer token for requests of data subjects only.
    pub dsr_token: Option<SecretString>,
}

impl Settings {
    /// The settings of a configuration.
    pub fn new(admin: &config::Admin, allow_plaintext: bool) -> Settings {
        let (token, tls, hosts) = (admin.token.clone(), admin.tls.clone(), admin.hosts.clone());
        Settings { listen: admin.listen, token, tls, allow_plaintext, hosts, dsr_token: None }
    }

    /// Refuses settings under which strangers could read or change something.
    fn check(&self) -> Result<(), AdminError> {
        let token = self.token.as_ref().map(|token| token.expose_secret().trim().len());
        if token == Some(0) || self.dsr_token.as_ref().is_some_and(|token| token.expose_secret().trim().is_empty()) {
            return Err(AdminError::EmptyToken);
        }
        if !self.listen.ip().is_loopback() {
            if token.is_none() {
                return Err(AdminError::NoToken(self.listen));
            }
            if self.tls.is_none() && !self.allow_plaintext {
                return Err(AdminError::NoTls(self.listen));
            }
        }
        let dsr_token = self.dsr_token.as_ref().map(|token| token.expose_secret().trim().len());
        if [token, dsr_token].into_iter().flatten().any(|length| length < SHORT_TOKEN) {
            tracing::warn!("the admin token, or that of `dsr`, has fewer than {SHORT_TOKEN} characters and can be guessed");
        }
        Ok(())
    }
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Beyond loopback without a token.
    #[error("admin.listen {0} can be reached from other machines: set admin.token, or listen on 127.0.0.1")]
    NoToken(SocketAddr),
    /// Beyond loopback without TLS.
    #[error(
        "admin.listen {0} can be reached from other machines: set admin.tls, or allow_plaintext: true, or listen on 127.0.0.1"
    )]
    NoTls(SocketAddr),
    /// A token that is no secret.
    #[error("admin.token, or dsr.token, is empty")]
    EmptyToken,
    /// The certificate, the key or the client authority.
    #[error("admin.tls: {path} cannot be used: {cause}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// What OpenSSL says.
        cause: ErrorStack,
    },
    /// TLS cannot be set up at all.
    #[error("admin.tls: {0}")]
    OpenSsl(#[from] ErrorStack),
    /// The port, or the thread.
    #[error("the admin server cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
}

/// What the server shows and whom it asks.
#[derive(Clone)]
pub struct Sources {
    /// The workers.
    pub status: Arc<Status>,
    /// The metrics.
    pub telemetry: Arc<Telemetry>,
    /// The policy; `None` where it is not read from a file.
    pub reload: Option<ReloadHandle>,
    /// Requests of data subjects; `None` where none are taken.
    pub office: Option<Arc<Office>>,
}

/// The running server; it stops when this is dropped.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Checks the settings, listens, and serves on a thread of its own.
    pub fn start(settings: Settings, sources: Sources) -> Result<Server, AdminError> {
        settings.check()?;
        let failed = |fault| AdminError::Listen(settings.listen, fault);
        let tls = settings.tls.as_ref().map(tls::Acceptor::new).transpose()?;
        let mut hosts = settings.hosts.clone();
        hosts.extend(tls.iter().flat_map(tls::Acceptor::names));
        let guard =
            guard::Guard::new(settings.token.as_ref(), settings.tls.as_ref(), hosts).with_dsr_token(settings.dsr_token.as_ref());
        let app = routes::app(sources, guard);

        let listener = TcpListener::bind(settings.listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let serve = move || runtime.block_on(serve::serve(listener, tls, app, stopped));
        let thread = std::thread::Builder::new().name("privet-admin".to_owned()).spawn(serve).map_err(failed)?;
        tracing::info!(%address, tls = settings.tls.is_some(), "admin server listens");
        Ok(Server { address, stop, thread: Some(thread) })
    }

    /// Where it listens: the port that was chosen where the settings say 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening and waits for the requests that are being answered, for a moment.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}
