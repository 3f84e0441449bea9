//! What runs, as JSON. The status repeats what the metrics say; the policy is for those with the token.

use super::Sources;
use crate::control::reload::RunningPolicy;
use crate::plan::{LegalBasis, Plan, PurposeNeed, Sink, Stream, TopicMatch, Vendor, VendorRole};
use serde_json::{Value, json};

/// For `GET /api/status`: no policy text, no diagnostics.
pub(super) fn status(sources: &Sources) -> Value {
    let policy = sources.reload.as_ref().map(|reload| {
        let running = reload.running();
        let last = reload.last();
        let last = last.map(|last| json!({"result": last.result.as_str(), "trigger": last.trigger, "at": last.at.to_string()}));
        json!({"hash": running.plan.hash.to_string(), "since": running.since.to_string(), "last_reload": last})
    });
    let decisions: Vec<Value> = sources
        .telemetry
        .decisions()
        .iter()
        .map(|one| {
            let (outcome, reason) = (one.outcome.as_str(), one.reason.as_str());
            json!({"stream": one.stream, "sink": one.sink, "outcome": outcome, "reason": reason, "count": one.count})
        })
        .collect();
    // Numbers only: who asks for the status need not be trusted.
    let requests = sources.office.as_ref().map(|office| office.desk.standing());
    let requests = requests.map(|(open, overdue)| json!({"open": open, "overdue": overdue}));
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started": sources.status.started().to_string(),
        "readiness": sources.status.readiness(),
        "workers": sources.status.workers(),
        "policy": policy,
        "decisions": decisions,
        "requests": requests,
    })
}

/// For `GET /api/policy`.
pub(super) fn policy(running: &RunningPolicy) -> Value {
    let plan = &*running.plan;
    let purpose = |purpose: &crate::plan::Purpose| json!({"name": purpose.name, "label": purpose.label, "legal_basis": basis(purpose.basis)});
    json!({
        "hash": plan.hash.to_string(),
        "since": running.since.to_string(),
        "purposes": plan.purposes.iter().map(purpose).collect::<Vec<_>>(),
        "vendors": plan.vendors.iter().map(vendor).collect::<Vec<_>>(),
        "streams": plan.streams.iter().map(|one| stream(plan, one)).collect::<Vec<_>>(),
        "sinks": plan.sinks.iter().map(|one| sink(plan, one)).collect::<Vec<_>>(),
        "warnings": running.warnings,
        "text": running.text,
    })
}

fn vendor(vendor: &Vendor) -> Value {
    let role = match vendor.role {
        VendorRole::Controller => "controller",
        VendorRole::JointController => "joint_controller",
        VendorRole::Processor => "processor",
    };
    json!({"name": vendor.name, "label": vendor.label, "role": role, "reviewed": vendor.reviewed.map(|at| at.to_string())})
}

fn stream(plan: &Plan, stream: &Stream) -> Value {
    let topics = match &stream.topics {
        TopicMatch::Names(names) => json!(names),
        TopicMatch::Pattern(pattern) => json!({"match": pattern.as_str()}),
    };
    let sinks: Vec<&str> = stream.routes.iter().map(|route| &*plan.sink(route.sink).name).collect();
    json!({"name": stream.name, "topics": topics, "sinks": sinks})
}

fn sink(plan: &Plan, sink: &Sink) -> Value {
    let need = match &sink.purposes {
        PurposeNeed::All(_) => "all",
        PurposeNeed::Any(_) => "any",
    };
    let purposes: Vec<&str> = sink.purposes.purposes().iter().map(|id| &*plan.purpose(*id).name).collect();
    json!({
        "name": sink.name,
        "topic": sink.topic,
        "vendor": sink.vendor.map(|id| plan.vendor(id).name.clone()),
        "purposes": {need: purposes},
        "headers": sink.headers,
    })
}

fn basis(basis: LegalBasis) -> &'static str {
    match basis {
        LegalBasis::Consent => "consent",
        LegalBasis::Contract => "contract",
        LegalBasis::LegalObligation => "legal_obligation",
        LegalBasis::VitalInterests => "vital_interests",
        LegalBasis::PublicTask => "public_task",
        LegalBasis::LegitimateInterests => "legitimate_interests",
    }
}
