//! The desk at which requests are taken: each is written down before it is acknowledged, and its people are suppressed at once.

use super::book::{Book, check_cancellable};
use super::record::{Callback, Notice, Record, Subject};
use crate::config::{self, Properties};
use crate::control::dsr::{Account, Caller, Declined, Desk, Format, Identity, Request, RequestType, Stage, Taken};
use crate::kafka::Settings;
use crate::kafka::append::Appender;
use crate::kafka::follow::Watch;
use crate::ledger::record::Suppression;
use crate::ledger::{Digests, Ledger};
use crate::plan::Plan;
use arc_swap::ArcSwap;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long what is written may take to be acknowledged.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Takes requests, and writes what the others of this module find out about them.
pub(super) struct Registrar {
    pub(super) settings: Settings,
    /// Of the cluster of the ledger.
    pub(super) properties: Properties,
    pub(super) topics: Topics,
    pub(super) ledger: Arc<Ledger>,
    pub(super) live: Arc<ArcSwap<Plan>>,
    pub(super) book: Arc<Book>,
    /// Of the topic of requests.
    pub(super) watch: Arc<Watch>,
    pub(super) config: config::Dsr,
    /// Who calls controllers, where any may be called.
    pub(super) caller: Option<Arc<Caller>>,
    /// Held while something is decided about a request: what is known and what is written belong together.
    pub(super) pen: Mutex<Pen>,
}

/// Where things are written.
pub(super) struct Topics {
    pub(super) requests: String,
    pub(super) erasures: String,
    pub(super) notices: String,
}

/// The writers' clients, made when they are needed first.
#[derive(Default)]
pub(super) struct Pen {
    ledger: Option<Appender>,
    sinks: Option<Appender>,
}

impl Desk for Registrar {
    fn take(&self, request: &Request) -> Result<(Taken, Account), Declined> {
        self.check_whole()?;
        let content = self.content(request);
        let mut pen = self.pen();
        if let Some(entry) = self.book.get(&request.id) {
            return match entry.record.content == content {
                true => Ok((Taken::Again, entry.record.account())),
                false => Err(Declined::Refused("`subject_request_id` is that of another request")),
            };
        }
        self.book.has_room()?;
        let now = Timestamp::now();
        let later = |by: Duration| now.checked_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::ZERO)).unwrap_or(now);
        let subjects = self.subjects(request);
        let is_erasure = request.kind == RequestType::Erasure;
        let record = Record {
            id: request.id.clone(),
            kind: request.kind,
            regulation: request.regulation.map(str::to_owned),
            revision: 1,
            stage: Stage::Pending,
            submitted: request.submitted,
            received: now,
            expected: later(self.config.hold.saturating_add(self.config.within)),
            hold: (is_erasure && !self.config.hold.is_zero()).then(|| later(self.config.hold)),
            ended: None,
            content,
            subjects,
            notices: if is_erasure { self.notices(request) } else { Vec::new() },
            callbacks: request.callbacks.iter().map(|url| Callback { url: url.clone(), told: Stage::Pending }).collect(),
        };
        let unavailable = |why: String| {
            tracing::error!("a data subject's request is not taken: {why}");
            Declined::Unavailable("it could not be written down; send it again".to_owned())
        };
        self.write(&mut pen, record.clone(), true).map_err(unavailable)?;
        if is_erasure && let Err(why) = self.suppress(&mut pen, &record) {
            // It is written down, and so it is tried again, here or elsewhere.
            tracing::error!(request = record.id, "those whom a request names are not suppressed yet: {why}");
        }
        Ok((Taken::New, record.account()))
    }

    fn account(&self, id: &str) -> Result<Account, Declined> {
        Ok(self.known(id)?.account())
    }

    fn cancel(&self, id: &str) -> Result<Account, Declined> {
        self.check_whole()?;
        let mut pen = self.pen();
        let now = Timestamp::now();
        let record = self.book.get(id).ok_or(Declined::Unknown)?.record;
        check_cancellable(&record, now)?;
        let unavailable = |why: String| {
            tracing::error!(request = record.id, "a data subject's request is not cancelled: {why}");
            Declined::Unavailable("it could not be written down; send it again".to_owned())
        };
        // First that it is cancelled: should the rest fail, they stay suppressed, and nothing is destroyed.
        let cancelled = match record.stage {
            Stage::Cancelled => record.clone(),
            Stage::Pending | Stage::InProgress | Stage::Completed => record.in_stage(Stage::Cancelled, now),
        };
        self.write(&mut pen, cancelled.clone(), true).map_err(unavailable)?;
        self.lift(&mut pen, &record).map_err(unavailable)?;
        Ok(cancelled.account())
    }

    fn results(&self, id: &str) -> Result<Option<serde_json::Value>, Declined> {
        let record = self.known(id)?;
        match record.kind {
            RequestType::Erasure => Ok(None),
            RequestType::Access | RequestType::Portability => {
                Ok((record.stage == Stage::Completed).then(|| super::held::held(&self.ledger, &record)))
            }
        }
    }

    fn standing(&self) -> (usize, usize) {
        self.book.counts(Timestamp::now())
    }

    fn may_call(&self, url: &str) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.may_call(url))
    }

    fn identity_types(&self) -> Vec<&'static str> {
        let plan = self.live.load();
        let known = |kind: &str| {
            plan.streams.iter().flat_map(|stream| &stream.subject).any(|rule| rule.kinds.iter().any(|own| **own == *kind))
        };
        let types = config::Dsr::IDENTITIES.into_iter();
        types.filter(|(name, kind)| self.config.identities.contains_key(*name) || known(kind)).map(|(name, _)| name).collect()
    }
}

impl Registrar {
    pub(super) fn pen(&self) -> MutexGuard<'_, Pen> {
        self.pen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request as it was known last; that there is none is said only while that is known for certain.
    fn known(&self, id: &str) -> Result<Record, Declined> {
        match self.book.get(id) {
            Some(entry) => Ok(entry.record),
            None => self.check_whole().and(Err(Declined::Unknown)),
        }
    }

    /// Before, a request that is known might be taken for a new one.
    fn check_whole(&self) -> Result<(), Declined> {
        let now = Instant::now();
        if self.watch.fresh_as_of().is_some() && self.watch.is_fresh(now) {
            return Ok(());
        }
        let why = self.watch.reason(now).unwrap_or_default();
        Err(Declined::Unavailable(format!("the topic of requests: {why}")))
    }

    /// A keyed digest of everything that makes a request this one. The order of its identities does not.
    fn content(&self, request: &Request) -> String {
        let Request { id, kind, regulation, submitted, identities, callbacks } = request;
        let line = |identity: &Identity| {
            let Identity { kind, format, value } = identity;
            zeroize::Zeroizing::new(format!("{kind}:{}:{}", format.as_str(), value.as_str()))
        };
        let mut lines: Vec<_> = identities.iter().map(line).collect();
        lines.sort_unstable_by(|one, other| one.as_str().cmp(other));
        lines.dedup();
        let mut text =
            zeroize::Zeroizing::new(format!("{id}\n{}\n{}\n{submitted}", kind.as_str(), regulation.unwrap_or_default()));
        for line in lines.iter().map(|line| line.as_str()).chain(callbacks.iter().map(String::as_str)) {
            text.push('\n');
            text.push_str(line);
        }
        // A kind has no colon: no identity has this digest.
        self.ledger.digests().of("request:content", &text).to_hex()
    }

    /// The kinds that a type of identity names.
    pub(super) fn kinds<'s>(&'s self, identity_type: &'s str) -> Vec<&'s str> {
        if let Some(kinds) = self.config.identities.get(identity_type) {
            return kinds.iter().map(String::as_str).collect();
        }
        config::Dsr::IDENTITIES.iter().filter(|(name, _)| *name == identity_type).map(|(_, kind)| *kind).collect()
    }

    /// Whom a request names, by what the topic of erasures has for keys.
    fn subjects(&self, request: &Request) -> Vec<Subject> {
        let mut subjects: Vec<Subject> = Vec::new();
        for identity in &request.identities {
            for kind in self.kinds(&identity.kind) {
                for key in keys(self.ledger.digests(), kind, identity) {
                    if !subjects.iter().any(|known| known.key == key) {
                        let suppressed = self.ledger.is_suppressed(key.as_bytes());
                        let prior = suppressed && !self.book.names(&key, &request.id);
                        subjects.push(Subject { kind: kind.to_owned(), key, prior });
                    }
                }
            }
        }
        subjects
    }

    /// What sinks are told.
    fn notices(&self, request: &Request) -> Vec<Notice> {
        let named = request.identities.iter().flat_map(|identity| {
            let raw = (identity.format == Format::Raw).then(|| identity.value.as_str());
            self.kinds(&identity.kind).into_iter().map(move |kind| (kind, raw))
        });
        super::notices::notices(&self.live.load(), &named.collect::<Vec<_>>(), Timestamp::now())
    }

    /// Writes the next revision of a request.
    pub(super) fn write(&self, pen: &mut Pen, record: Record, is_own: bool) -> Result<(), String> {
        let appender = self.ledger_appender(pen)?;
        let deadline = Instant::now() + ACKNOWLEDGED;
        appender.append(&self.topics.requests, None, record.id.as_bytes(), Some(&record.to_json()), deadline)?;
        appender.settle(ACKNOWLEDGED)?;
        self.book.put(record, is_own);
        Ok(())
    }

    /// Notes what whoever stands at that address knows by now; nothing where the request has gone on, or nobody asks any more.
    pub(super) fn note_told(&self, id: &str, url: &str, told: Option<Stage>) -> Result<(), String> {
        let mut pen = self.pen();
        match self.book.get(id).and_then(|entry| entry.record.told(url, told)) {
            Some(next) => self.write(&mut pen, next, false),
            None => Ok(()),
        }
    }

    /// Suppresses everyone whom a request names, for good once nothing holds it back.
    pub(super) fn suppress(&self, pen: &mut Pen, record: &Record) -> Result<(), String> {
        let hold = record.hold.is_some_and(|until| Timestamp::now() < until);
        let value = Suppression {
            identity: None,
            purposes: Vec::new(),
            at: Some(record.received),
            request: Some(record.id.as_str().into()),
            hold,
        };
        // Who is erased already is not to be held back again.
        let wants = |subject: &Subject| !hold || !self.ledger.erasure(subject.key.as_bytes()).1;
        self.write_erasures(pen, record, Some(&value.to_json()), &wants)
    }

    /// Suppresses no more whom this request alone has suppressed.
    fn lift(&self, pen: &mut Pen, record: &Record) -> Result<(), String> {
        let is_its_own = |Subject { key, prior, .. }: &Subject| {
            !prior && !self.book.names(key, &record.id) && !self.ledger.erasure(key.as_bytes()).1
        };
        self.write_erasures(pen, record, None, &is_its_own)
    }

    fn write_erasures(
        &self,
        pen: &mut Pen,
        record: &Record,
        value: Option<&[u8]>,
        wants: &dyn Fn(&Subject) -> bool,
    ) -> Result<(), String> {
        let appender = self.ledger_appender(pen)?;
        let deadline = Instant::now() + ACKNOWLEDGED;
        for subject in record.subjects.iter().filter(|subject| wants(subject)) {
            appender.append(&self.topics.erasures, None, subject.key.as_bytes(), value, deadline)?;
        }
        appender.settle(ACKNOWLEDGED)
    }

    /// Tells every sink.
    pub(super) fn notify(&self, pen: &mut Pen, record: &Record) -> Result<(), String> {
        let appender = match &mut pen.sinks {
            Some(appender) => appender,
            None => pen.sinks.insert(Appender::new(&self.settings, &Properties::default(), "notices")?),
        };
        let deadline = Instant::now() + ACKNOWLEDGED;
        for notice in &record.notices {
            let (key, value) = super::notices::message(record, notice);
            appender.append(&self.topics.notices, None, key.as_bytes(), Some(&value), deadline)?;
        }
        appender.settle(ACKNOWLEDGED)
    }

    fn ledger_appender<'p>(&self, pen: &'p mut Pen) -> Result<&'p mut Appender, String> {
        match &mut pen.ledger {
            Some(appender) => Ok(appender),
            empty => Ok(empty.insert(Appender::new(&self.settings, &self.properties, "requests")?)),
        }
    }
}

/// The keys under which an identity is erased. A raw one is found as it stands in events after `normalize`, and trimmed and in
/// lower case: the second key finds every spelling that differs by these only.
fn keys(digests: &Digests, kind: &str, identity: &Identity) -> Vec<String> {
    let Identity { kind: _, format, value } = identity;
    let value = value.as_str();
    let plain: Vec<zeroize::Zeroizing<String>> = match format {
        Format::Raw => {
            let lower: String = value.trim().chars().flat_map(char::to_lowercase).collect();
            [value, &lower].iter().map(|value| zeroize::Zeroizing::new(format!("{kind}:{value}"))).collect()
        }
        Format::Sha256 | Format::Sha1 | Format::Md5 => {
            vec![zeroize::Zeroizing::new(format!("{}:{kind}:{value}", format.as_str()))]
        }
    };
    let anonymous =
        |key: &zeroize::Zeroizing<String>| String::from_utf8(digests.anonymous_key(key.as_bytes())).unwrap_or_default();
    plain.iter().map(anonymous).collect()
}
