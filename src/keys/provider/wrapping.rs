//! What providers that wrap do alike: root by root, each tied to its id and role, on a thread of its own.

use super::super::{Held, ROOT_BYTES, Role, RootKey};
use super::ProviderError;
use secrecy::{ExposeSecret, SecretSlice};

/// Runs the work of one call on a thread of its own: whoever calls may be inside a runtime, and a client that panics must not take the
/// caller along.
pub(super) fn apart<T: Send>(work: impl FnOnce() -> Result<T, ProviderError> + Send) -> Result<T, ProviderError> {
    std::thread::scope(|scope| scope.spawn(work).join()).unwrap_or(Err(ProviderError::Answer))
}

/// What a wrapped root is tied to, so that nobody who can write the file makes one pass for another: `privet/v1|role|id`.
fn bound_to(key: &RootKey) -> String {
    let role = match key.role {
        Role::Root => "root",
        Role::Digests => "digests",
    };
    format!("privet/v1|{role}|{}", key.id)
}

/// Opens every root that is there, with what unwraps one text: (text, what it is bound to) → secret.
pub(super) fn open_each(
    keys: &[RootKey],
    mut unwrap: impl FnMut(&RootKey, &str, &str) -> Result<SecretSlice<u8>, ProviderError>,
) -> Result<Vec<RootKey>, ProviderError> {
    let mut opened = Vec::with_capacity(keys.len());
    for key in keys {
        let held = match &key.held {
            Held::Nothing => Held::Nothing,
            Held::Secret(_) => return Err(ProviderError::Answer),
            Held::Wrapped(text) => {
                let secret = unwrap(key, text, &bound_to(key))?;
                if !(ROOT_BYTES..=64).contains(&secret.expose_secret().len()) {
                    return Err(ProviderError::NoRoot { id: key.id.to_string() });
                }
                Held::Secret(secret)
            }
        };
        opened.push(key.holding(held));
    }
    Ok(opened)
}

/// Closes every root that is there.
pub(super) fn close_each(
    keys: Vec<RootKey>,
    mut wrap: impl FnMut(&RootKey, &[u8], &str) -> Result<Box<str>, ProviderError>,
) -> Result<Vec<RootKey>, ProviderError> {
    let mut closed = Vec::with_capacity(keys.len());
    for key in keys {
        let held = match key.secret() {
            None => Held::Nothing,
            Some(secret) => Held::Wrapped(wrap(&key, secret, &bound_to(&key))?),
        };
        closed.push(key.holding(held));
    }
    Ok(closed)
}
