//! Roots wrapped by AWS Key Management Service, through its official SDK; with the feature `aws-kms`.
//!
//! Credentials come as for every AWS program: environment, profile, web identity (EKS), container, machine. The SDK's own HTTP client
//! would bring a second TLS library; its requests go through the client that the Vault provider uses (decision 0003).

use super::super::{KeyError, RootKey};
use super::wrapping::{apart, close_each, open_each};
use super::{Provider, ProviderError};
use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::Region;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretSlice;
use std::future::Future;
use std::time::Duration;
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

/// The name of the one entry of the encryption context; its value says which root of which role it is.
const CONTEXT: &str = "privet";

/// What the service may answer that is said on; anything else is said to be unknown.
const ANSWERS: [&str; 14] = [
    "AccessDeniedException",
    "DependencyTimeoutException",
    "DisabledException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidKeyUsageException",
    "KeyUnavailableException",
    "KMSInternalException",
    "KMSInvalidStateException",
    "NotFoundException",
    "ThrottlingException",
    "UnrecognizedClientException",
    "ValidationException",
];

/// Which key.
#[derive(Clone, Debug)]
pub struct AwsKmsSettings {
    /// Its id, ARN or alias.
    pub key_id: String,
    /// The region; as the environment says where none is given.
    pub region: Option<String>,
    /// Another address than the region's.
    pub endpoint: Option<String>,
    /// How long one request may take, credentials included.
    pub timeout: Duration,
}

/// The provider `aws-kms`.
#[derive(Debug)]
pub struct AwsKms {
    settings: AwsKmsSettings,
}

impl AwsKms {
    /// A provider with these settings; nobody is asked yet.
    pub fn new(settings: AwsKmsSettings) -> AwsKms {
        AwsKms { settings }
    }

    fn call<T: Send>(&self, work: impl FnOnce(&Session<'_>) -> Result<T, ProviderError> + Send) -> Result<T, KeyError> {
        let run = || {
            let session = Session::begin(&self.settings)?;
            let done = work(&session);
            session.runtime.shutdown_background();
            done
        };
        apart(run).map_err(|cause| KeyError::Provider { provider: "aws-kms", cause })
    }
}

impl Provider for AwsKms {
    fn name(&self) -> &'static str {
        "aws-kms"
    }

    fn wraps(&self) -> bool {
        true
    }

    fn open(&self, keys: &[RootKey]) -> Result<Vec<RootKey>, KeyError> {
        self.call(|session| open_each(keys, |key, text, bound_to| session.decrypt(&key.id, text, bound_to)))
    }

    fn close(&self, keys: Vec<RootKey>) -> Result<Vec<RootKey>, KeyError> {
        self.call(|session| close_each(keys, |key, secret, bound_to| session.encrypt(&key.id, secret, bound_to)))
    }
}

/// One call's client.
struct Session<'s> {
    settings: &'s AwsKmsSettings,
    client: Client,
    runtime: Runtime,
}

impl Session<'_> {
    fn begin(settings: &AwsKmsSettings) -> Result<Session<'_>, ProviderError> {
        let unfit = |cause: &dyn std::fmt::Display| ProviderError::Settings(cause.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|fault| unfit(&fault))?;
        let http = reqwest::Client::builder()
            .tls_backend_native()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(settings.timeout)
            .build()
            .map_err(|fault| unfit(&fault))?;
        let connector = SharedHttpConnector::new(Connector(http));
        // Whether to try again is for whoever asks.
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .retry_config(RetryConfig::disabled());
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let loading = async { tokio::time::timeout(settings.timeout, loader.load()).await };
        let loaded = runtime.block_on(loading).map_err(|_elapsed| ProviderError::TimedOut("the environment".to_owned()))?;
        if loaded.region().is_none() {
            return Err(ProviderError::Settings("neither `region` nor the environment names a region".to_owned()));
        }
        Ok(Session { settings, client: Client::new(&loaded), runtime })
    }

    fn decrypt(&self, id: &str, text: &str, bound_to: &str) -> Result<SecretSlice<u8>, ProviderError> {
        let refused = || ProviderError::Refused { id: id.to_owned() };
        let blob = STANDARD.decode(text).map_err(|_| refused())?;
        let request = self.client.decrypt().key_id(&self.settings.key_id).encryption_context(CONTEXT, bound_to);
        let answer = self.wait(id, request.ciphertext_blob(Blob::new(blob)).send())?;
        let plain = Zeroizing::new(answer.plaintext.ok_or(ProviderError::Answer)?.into_inner());
        Ok(SecretSlice::from(plain.to_vec()))
    }

    fn encrypt(&self, id: &str, secret: &[u8], bound_to: &str) -> Result<Box<str>, ProviderError> {
        let request = self.client.encrypt().key_id(&self.settings.key_id).encryption_context(CONTEXT, bound_to);
        let answer = self.wait(id, request.plaintext(Blob::new(secret)).send())?;
        let blob = answer.ciphertext_blob.ok_or(ProviderError::Answer)?;
        Ok(STANDARD.encode(blob).into())
    }

    /// The answer to one request, within its time.
    fn wait<T, E>(&self, id: &str, asked: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>) -> Result<T, ProviderError>
    where
        SdkError<E, HttpResponse>: ProvideErrorMetadata,
    {
        let answer = self.runtime.block_on(async { tokio::time::timeout(self.settings.timeout, asked).await });
        match answer {
            Err(_elapsed) => Err(ProviderError::TimedOut(self.whom())),
            Ok(answer) => answer.map_err(|fault| self.meaning(id, &fault)),
        }
    }

    /// What an error of the SDK means. The service's own words are left out: they may repeat what was sent.
    fn meaning<E>(&self, id: &str, fault: &SdkError<E, HttpResponse>) -> ProviderError
    where
        SdkError<E, HttpResponse>: ProvideErrorMetadata,
    {
        match fault {
            SdkError::ConstructionFailure(_) => ProviderError::Settings("the request cannot be made".to_owned()),
            SdkError::TimeoutError(_) => ProviderError::TimedOut(self.whom()),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => ProviderError::TimedOut(self.whom()),
            SdkError::DispatchFailure(failure) if failure.is_io() => ProviderError::Unreachable(self.whom()),
            SdkError::DispatchFailure(_) => {
                ProviderError::Settings("no AWS credentials are found, or they cannot be used".to_owned())
            }
            SdkError::ResponseError(_) => ProviderError::Answer,
            SdkError::ServiceError(answer) => match fault.code() {
                Some("InvalidCiphertextException" | "IncorrectKeyException") => ProviderError::Refused { id: id.to_owned() },
                Some("ThrottlingException") => ProviderError::Throttled,
                code => match ANSWERS.into_iter().find(|known| Some(*known) == code) {
                    Some(known) => ProviderError::Answers(known),
                    None => ProviderError::Failed(answer.raw().status().as_u16()),
                },
            },
            _ => ProviderError::Answer,
        }
    }

    fn whom(&self) -> String {
        let AwsKmsSettings { endpoint, region, .. } = self.settings;
        endpoint.clone().or_else(|| region.clone()).unwrap_or_else(|| "the region of the environment".to_owned())
    }
}

/// The SDK's requests through our HTTP client.
#[derive(Clone, Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move { send(&client, &request).await })
    }
}

async fn send(client: &reqwest::Client, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let method = reqwest::Method::from_bytes(request.method().as_bytes()).map_err(|fault| ConnectorError::user(fault.into()))?;
    let body = request.body().bytes().ok_or_else(|| ConnectorError::user("a body that is not in memory".into()))?;
    let mut asked = client.request(method, request.uri()).body(body.to_vec());
    for (name, value) in request.headers().iter() {
        asked = asked.header(name, value);
    }
    let failed = |fault: reqwest::Error| match fault.is_timeout() {
        true => ConnectorError::timeout(fault.into()),
        false => ConnectorError::io(fault.into()),
    };
    let answer = asked.send().await.map_err(failed)?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.bytes().await.map_err(failed)?;
    let status = status.try_into().map_err(|_| ConnectorError::user("a status that is none".into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body.to_vec()));
    for (name, value) in &headers {
        if let Ok(value) = value.to_str() {
            response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(response)
}
