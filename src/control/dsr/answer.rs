//! What is answered: the bodies of OpenDSR, sections 6 to 9, each signed as it is sent.

use super::request::{Fault, Format, is_request_id};
use super::{Account, Declined, Desk, Request, RequestType, SignError, Signer, Taken};
use crate::telemetry::{DsrMeters, DsrResult};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// The version of the interface.
const VERSION: &str = "3.0";

/// Everything that answering takes.
pub struct Office {
    /// Who does the work.
    pub desk: Arc<dyn Desk>,
    /// Who signs.
    pub signer: Signer,
    /// How the controller is called.
    pub controller_id: String,
    /// Where controllers fetch the certificate.
    pub certificate_url: String,
    /// What is counted.
    pub meters: Arc<DsrMeters>,
}

/// An answer to be sent: its bytes are what was signed.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, JSON.
    pub body: Vec<u8>,
    /// The signature of the body; `None` where it could not be made, which whoever verifies it notices.
    pub signature: Option<String>,
}

impl Office {
    /// `POST requests` (section 7). May wait for Kafka.
    pub fn submit(&self, body: &[u8], now: Timestamp) -> Answer {
        let may_call = |url: &str| self.desk.may_call(url);
        let request = match Request::read(body, &self.desk.identity_types(), self.signer.domain(), &may_call, now) {
            Ok(request) => request,
            Err(faults) => {
                self.meters.answered(DsrResult::Refused);
                return self.answer(400, &fault(400, &faults));
            }
        };
        let (taken, account) = match self.desk.take(&request) {
            Ok(taken) => taken,
            Err(declined) => return self.declined(&declined),
        };
        self.meters.answered(match taken {
            Taken::New => DsrResult::Accepted,
            Taken::Again => DsrResult::Repeated,
        });
        let answer = json!({
            "controller_id": self.controller_id,
            "expected_completion_time": account.expected.to_string(),
            "received_time": account.received.to_string(),
            "encoded_request": STANDARD.encode(body),
            "subject_request_id": request.id,
            "api_version": VERSION,
        });
        self.answer(201, &answer)
    }

    /// `GET requests/{id}` (section 8).
    pub fn status(&self, id: &str) -> Answer {
        let account = match self.known(id, |desk| desk.account(id)) {
            Ok(account) => account,
            Err(answer) => return answer,
        };
        self.answer(200, &self.told(id, &account))
    }

    /// The body of a call that tells a controller how its request stands (section 8.6), signed; `None` where it cannot be signed.
    pub fn callback(&self, url: &str, id: &str, account: &Account) -> Option<Answer> {
        let mut told = self.told(id, account);
        told["status_callback_url"] = json!(url);
        Some(self.answer(200, &told)).filter(|answer| answer.signature.is_some())
    }

    /// How a request stands.
    fn told(&self, id: &str, account: &Account) -> Value {
        let Account { kind, stage, received, expected, ended } = account;
        let results = match (kind, stage) {
            (RequestType::Access | RequestType::Portability, super::Stage::Completed) => {
                Some(format!("https://{}/opendsr/v3/requests/{id}/results", self.signer.domain()))
            }
            (_, _) => None,
        };
        // The two times at the end are additions: a controller has to show how long it took.
        json!({
            "controller_id": self.controller_id,
            "expected_completion_time": expected.to_string(),
            "subject_request_id": id,
            "request_status": stage.as_str(),
            "api_version": VERSION,
            "results_url": results,
            "received_time": received.to_string(),
            "completed_time": ended.map(|at| at.to_string()),
        })
    }

    /// `DELETE requests/{id}` (section 9). May wait for Kafka.
    pub fn cancel(&self, id: &str, now: Timestamp) -> Answer {
        if !is_request_id(id) {
            return self.declined(&Declined::Unknown);
        }
        if let Err(declined) = self.desk.cancel(id) {
            return self.declined(&declined);
        }
        self.meters.answered(DsrResult::Cancelled);
        let answer = json!({
            "controller_id": self.controller_id,
            "subject_request_id": id,
            "received_time": now.to_string(),
            "api_version": VERSION,
        });
        self.answer(202, &answer)
    }

    /// `GET requests/{id}/results`: what is held of whom an access request names.
    pub fn results(&self, id: &str) -> Answer {
        match self.known(id, |desk| desk.results(id)) {
            Ok(Some(results)) => self.answer(200, &results),
            Ok(None) => self.answer(404, &fault(404, &[Fault { reason: "unknown", message: "it has no results".to_owned() }])),
            Err(answer) => answer,
        }
    }

    /// `GET discovery` (section 6).
    pub fn discovery(&self) -> Answer {
        let types = self.desk.identity_types();
        let pair =
            |kind: &'static str| Format::ALL.map(|format| json!({"identity_type": kind, "identity_format": format.as_str()}));
        let answer = json!({
            "api_version": VERSION,
            "supported_identities": types.into_iter().flat_map(pair).collect::<Vec<_>>(),
            "supported_subject_request_types": RequestType::ALL.map(RequestType::as_str),
            "processor_certificate": self.certificate_url,
        });
        self.answer(200, &answer)
    }

    /// Signs an answer.
    pub fn answer(&self, status: u16, answer: &Value) -> Answer {
        let body = answer.to_string().into_bytes();
        let signature =
            self.signer.sign(&body).inspect_err(|fault: &SignError| tracing::error!("an answer is not signed: {fault}"));
        Answer { status, body, signature: signature.ok() }
    }

    /// What the desk says of a request, or the answer that says why it says nothing. Reading changes nothing and is not counted.
    fn known<T>(&self, id: &str, ask: impl FnOnce(&dyn Desk) -> Result<T, Declined>) -> Result<T, Answer> {
        let asked = if is_request_id(id) { ask(&*self.desk) } else { Err(Declined::Unknown) };
        asked.map_err(|declined| self.refusal(&declined))
    }

    fn declined(&self, declined: &Declined) -> Answer {
        self.meters.answered(match declined {
            Declined::Refused(_) | Declined::Unknown => DsrResult::Refused,
            Declined::Unavailable(_) => DsrResult::Unavailable,
        });
        self.refusal(declined)
    }

    fn refusal(&self, declined: &Declined) -> Answer {
        let (status, reason) = match declined {
            Declined::Refused(_) => (400, "refused"),
            Declined::Unknown => (404, "unknown"),
            Declined::Unavailable(_) => (503, "unavailable"),
        };
        self.answer(status, &fault(status, &[Fault { reason, message: declined.to_string() }]))
    }
}

/// The error object (section 7.6).
pub fn fault(status: u16, faults: &[Fault]) -> Value {
    let one = |fault: &Fault| json!({"domain": "opendsr", "reason": fault.reason, "message": fault.message});
    let message = faults.first().map(|fault| fault.message.as_str());
    json!({"error": {"code": status, "message": message, "errors": faults.iter().map(one).collect::<Vec<_>>()}})
}
