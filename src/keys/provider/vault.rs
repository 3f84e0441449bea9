//! Roots wrapped by HashiCorp Vault's Transit engine (`/v1/<mount>/encrypt|decrypt/<key>`).
//!
//! Each call makes a client of its own: calls are minutes apart, and a renewed token, certificate or address is taken up at once.

use super::super::{KeyError, RootKey};
use super::wrapping::{apart, close_each, open_each};
use super::{Provider, ProviderError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustify::errors::ClientError as RestError;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;
use tokio::runtime::Runtime;
use vaultrs::api::transit::requests::{DecryptDataRequest, EncryptDataRequest};
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;
use zeroize::Zeroizing;

/// A token is some hundred characters; a file this large is none.
const MAX_TOKEN: u64 = 16 << 10;

/// Which Vault, which key, and who asks. `Debug` does not show the token.
#[derive(Clone, Debug)]
pub struct VaultSettings {
    /// `https://host:port`.
    pub address: String,
    /// Where the Transit engine is mounted.
    pub mount: String,
    /// The name of the Transit key.
    pub key: String,
    /// The namespace, of Vault Enterprise.
    pub namespace: Option<String>,
    /// A PEM file with the roots of trust, besides the system's.
    pub ca: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
    /// What proves who asks.
    pub token: Token,
}

/// Where the token is.
#[derive(Clone, Debug)]
pub enum Token {
    /// Here; it is renewed when half of its time is over.
    Fixed(SecretString),
    /// In a file that somebody else keeps fresh, such as Vault Agent; read for each call.
    File(PathBuf),
}

/// The provider `vault`.
#[derive(Debug)]
pub struct Vault {
    settings: VaultSettings,
}

impl Vault {
    /// A provider with these settings; nobody is asked yet.
    pub fn new(settings: VaultSettings) -> Vault {
        Vault { settings }
    }

    fn call<T: Send>(&self, work: impl FnOnce(&Session<'_>) -> Result<T, ProviderError> + Send) -> Result<T, KeyError> {
        let run = || {
            let session = Session::begin(&self.settings)?;
            let done = work(&session);
            // A look-up of a name that hangs must not hang the end.
            session.runtime.shutdown_background();
            done
        };
        apart(run).map_err(|cause| KeyError::Provider { provider: "vault", cause })
    }
}

impl Provider for Vault {
    fn name(&self) -> &'static str {
        "vault"
    }

    fn wraps(&self) -> bool {
        true
    }

    fn open(&self, keys: &[RootKey]) -> Result<Vec<RootKey>, KeyError> {
        self.call(|session| {
            let opened = open_each(keys, |key, text, bound_to| session.decrypt(&key.id, text, bound_to))?;
            session.renew_token();
            Ok(opened)
        })
    }

    fn close(&self, keys: Vec<RootKey>) -> Result<Vec<RootKey>, KeyError> {
        self.call(|session| close_each(keys, |key, secret, bound_to| session.encrypt(&key.id, secret, bound_to)))
    }
}

/// One call's client.
struct Session<'s> {
    settings: &'s VaultSettings,
    client: VaultClient,
    runtime: Runtime,
}

impl Session<'_> {
    fn begin(settings: &VaultSettings) -> Result<Session<'_>, ProviderError> {
        let unfit = |cause: &dyn std::fmt::Display| ProviderError::Settings(cause.to_string());
        let token = read_token(&settings.token)?;
        let ca = settings.ca.iter().map(|path| path.display().to_string()).collect();
        // Every setting is said: what is not would come from the environment, `VAULT_SKIP_VERIFY` among it.
        let made = VaultClientSettingsBuilder::default()
            .address(&settings.address)
            .ca_certs(ca)
            .identity(None)
            .timeout(Some(settings.timeout))
            .token(token.expose_secret())
            .verify(true)
            .namespace(settings.namespace.clone())
            .build();
        let client = VaultClient::new(made.map_err(|fault| unfit(&fault))?).map_err(|fault| unfit(&fault))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|fault| unfit(&fault))?;
        Ok(Session { settings, client, runtime })
    }

    fn decrypt(&self, id: &str, text: &str, bound_to: &str) -> Result<SecretSlice<u8>, ProviderError> {
        let VaultSettings { mount, key, .. } = self.settings;
        let mut options = DecryptDataRequest::builder();
        options.associated_data(STANDARD.encode(bound_to));
        let asked = vaultrs::transit::data::decrypt(&self.client, mount, key, text, Some(&mut options));
        let answer = self.wait("decrypt", id, asked)?;
        let plain = Zeroizing::new(answer.plaintext);
        let mut secret = Zeroizing::new(vec![0u8; plain.len()]);
        let length = STANDARD.decode_slice(&*plain, &mut secret).map_err(|_| ProviderError::NoRoot { id: id.to_owned() })?;
        Ok(SecretSlice::from(secret[..length].to_vec()))
    }

    fn encrypt(&self, id: &str, secret: &[u8], bound_to: &str) -> Result<Box<str>, ProviderError> {
        let VaultSettings { mount, key, .. } = self.settings;
        let plain = Zeroizing::new(STANDARD.encode(secret));
        let mut options = EncryptDataRequest::builder();
        options.associated_data(STANDARD.encode(bound_to));
        let asked = vaultrs::transit::data::encrypt(&self.client, mount, key, &plain, Some(&mut options));
        let answer = self.wait("encrypt", id, asked)?;
        Ok(answer.ciphertext.into())
    }

    /// Renews a token of our own once half of its time is over. That it cannot be renewed is said; while it is valid, keys come.
    fn renew_token(&self) {
        if matches!(self.settings.token, Token::File(_)) {
            return;
        }
        let renewed = self.wait("lookup-self", "", vaultrs::token::lookup_self(&self.client)).and_then(|token| {
            let is_due = token.renewable == Some(true) && token.ttl.saturating_mul(2) <= token.creation_ttl;
            if !is_due {
                return Ok(());
            }
            self.wait("renew-self", "", vaultrs::token::renew_self(&self.client, None)).map(|_| ())
        });
        if let Err(cause) = renewed {
            tracing::warn!(provider = "vault", "the token cannot be looked up or renewed: {cause}");
        }
    }

    /// The answer to one request, within its time.
    fn wait<T>(
        &self,
        what: &'static str,
        id: &str,
        asked: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ProviderError> {
        let VaultSettings { address, timeout, .. } = self.settings;
        // The client's own limit counts from the connection; this one from here.
        let answer = self.runtime.block_on(async { tokio::time::timeout(*timeout, asked).await });
        match answer {
            Err(_elapsed) => Err(ProviderError::TimedOut(address.clone())),
            Ok(answer) => answer.map_err(|fault| self.meaning(what, id, fault)),
        }
    }

    /// What an error of the client means. Vault's own words are left out: they may repeat what was sent.
    fn meaning(&self, what: &'static str, id: &str, fault: ClientError) -> ProviderError {
        let VaultSettings { address, mount, key, .. } = self.settings;
        let path = match what {
            "encrypt" | "decrypt" => format!("{mount}/{what}/{key}"),
            of_token => format!("auth/token/{of_token}"),
        };
        let by_code = |code: u16| match code {
            400 => ProviderError::Refused { id: id.to_owned() },
            403 => ProviderError::Denied(path.clone()),
            404 => ProviderError::NoSuchKey(path.clone()),
            429 => ProviderError::Throttled,
            503 => ProviderError::Sealed,
            code => ProviderError::Failed(code),
        };
        match fault {
            ClientError::APIError { code, errors: _ } => by_code(code),
            ClientError::RestClientError { source: RestError::ServerResponseError { code, content: _ } } => by_code(code),
            ClientError::RestClientError { source: RestError::RequestError { source, .. } } => {
                let causes: Vec<String> = source.chain().map(ToString::to_string).collect();
                if causes.iter().any(|cause| cause.contains("timed out")) {
                    return ProviderError::TimedOut(address.clone());
                }
                ProviderError::Unreachable(format!("{address}: {}", causes.last().map_or("", String::as_str)))
            }
            ClientError::RestClientError { source: RestError::ResponseError { .. } } => {
                ProviderError::Unreachable(format!("{address}: it ended in the middle of an answer"))
            }
            _ => ProviderError::Answer,
        }
    }
}

fn read_token(token: &Token) -> Result<SecretString, ProviderError> {
    let path = match token {
        Token::Fixed(token) if is_token(token.expose_secret()) => return Ok(token.clone()),
        Token::Fixed(_) => return Err(ProviderError::NoToken("the configuration holds none".to_owned())),
        Token::File(path) => path,
    };
    let wrong = |why: String| ProviderError::NoToken(format!("{}: {why}", path.display()));
    let read = || -> std::io::Result<Zeroizing<String>> {
        use std::io::Read;
        let mut text = Zeroizing::new(String::with_capacity(MAX_TOKEN as usize + 1));
        std::fs::File::open(path)?.take(MAX_TOKEN + 1).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().map_err(|fault| wrong(fault.kind().to_string()))?;
    let token = text.trim();
    if text.len() as u64 > MAX_TOKEN || !is_token(token) {
        return Err(wrong("it holds no token".to_owned()));
    }
    Ok(token.to_owned().into())
}

/// Whether it can stand in a header; the client would not survive one that cannot.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
