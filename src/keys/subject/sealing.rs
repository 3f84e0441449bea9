//! One worker's hands on data keys: those of the record at hand, those that its open batches have made, and what has to be
//! written to the topic with them.

use super::encrypt::{EncryptKey, MOST_SUBJECTS, Point, Secret, extract};
use super::row::{HashedNames, KeyId, Row, RowKey};
use super::{DataKey, KEY_BYTES, SubjectKeys, SubjectTable};
use crate::event::{Position, SubjectDigest};
use std::ops::Range;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Where data keys come from.
#[derive(Clone, Default)]
pub enum DataKeys {
    /// Nowhere: nothing can be encrypted.
    #[default]
    Nowhere,
    /// From the root, for trying a policy out without a topic: the same input gives the same bytes, and nothing can be destroyed.
    Derived,
    /// From a table that holds a topic's rows; new keys are random, and go to the topic with the records of their first use.
    Kept {
        /// The rows.
        table: Arc<SubjectTable>,
        /// The worker's number, from 1; no two workers of one table share it.
        worker: u16,
    },
}

/// Why a value could not be encrypted, though its subject is known: there is no data key to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// There is no table of data keys.
    NoTable,
    /// The table is full.
    Full,
    /// The event names more identities than a value can be guarded by.
    TooManySubjects,
    /// The operating system gave no random bytes, or a key could not be wrapped.
    NoKey,
}

/// Encrypts the values of one record after another. It does not implement `Debug`: it holds keys.
#[derive(Default)]
pub struct Sealing {
    source: DataKeys,
    keys: Option<Arc<SubjectKeys>>,
    stream: String,
    position: Position,
    /// Every identity: its digest, and `kind:value` in `names`.
    subjects: Vec<(SubjectDigest, Range<usize>)>,
    names: String,
    /// The data keys of the record's subject, once a value has asked for them, and their ids.
    secret: Option<Secret>,
    ids: Vec<u8>,
    unavailable: Option<Unavailable>,
    /// How many values of the record were encrypted for the sink at hand.
    ordinal: u32,
    /// Rows that have to be written in the batch at hand.
    fresh: Vec<(Row, HashedNames)>,
    /// Rows of the open batch, and of the one that is being committed.
    open: Vec<RowKey>,
    closed: Vec<RowKey>,
}

impl Sealing {
    /// Takes data keys from there.
    pub fn new(source: DataKeys) -> Sealing {
        Sealing { source, ..Sealing::default() }
    }

    /// Another record begins; nobody has named its subject yet.
    pub fn begin_record(&mut self, keys: Option<&Arc<SubjectKeys>>, stream: &str, position: Position) {
        self.forget();
        self.keys = keys.cloned();
        self.stream.clear();
        self.stream.push_str(stream);
        self.position = position;
    }

    /// An identity that names the record's subject; all of them are given before the first value.
    pub fn add_identity(&mut self, kind: &str, value: &str) {
        let Some(keys) = &self.keys else { return };
        let digest = keys.digest(kind, value.as_bytes());
        if self.subjects.iter().any(|(known, _)| *known == digest) {
            return;
        }
        let start = self.names.len();
        self.names.push_str(kind);
        self.names.push(':');
        self.names.push_str(value);
        self.subjects.push((digest, start..self.names.len()));
    }

    /// Forgets whom the record was about; what has to be written with it stays.
    pub fn end_record(&mut self) {
        self.forget();
    }

    /// The values of another sink begin.
    pub fn begin_sink(&mut self) {
        self.ordinal = 0;
    }

    /// Why a value of the record could not be encrypted, if one could not.
    pub fn unavailable(&self) -> Option<Unavailable> {
        self.unavailable
    }

    /// Appends a value under the data keys of the record's subject. `None` where the record names nobody, or no data key can be
    /// had. Allocates only where buffers must grow, and for a subject's first value.
    pub fn seal(&mut self, key: &EncryptKey, value: &[u8], work: &mut Vec<u8>, out: &mut Vec<u8>) -> Option<()> {
        if self.subjects.is_empty() {
            return None;
        }
        if self.secret.is_none() {
            if self.unavailable.is_some() {
                return None;
            }
            match self.secret_of_subject() {
                Ok(secret) => self.secret = Some(secret),
                Err(unavailable) => {
                    self.unavailable = Some(unavailable);
                    return None;
                }
            }
        }
        let Position { partition, offset } = self.position;
        let point = Point { stream: &self.stream, partition, offset, ordinal: self.ordinal, value };
        self.ordinal += 1;
        key.seal(self.secret.as_ref()?, &self.ids, &point, work, out)
    }

    /// Hands out the records of the topic that have to be written in the batch at hand: key and value of each.
    pub fn take_rows<E>(&mut self, mut each: impl FnMut(&[u8], &[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let Some(keys) = self.keys.clone() else { return Ok(()) };
        let (mut key, mut value) = (Vec::new(), Vec::new());
        for (row, hashes) in self.fresh.drain(..) {
            key.clear();
            value.clear();
            row.key.write(&mut key);
            keys.active().write(&row, &hashes, &mut value);
            each(&key, &value)?;
        }
        Ok(())
    }

    /// The open batch is about to be committed; what is made next is of another.
    pub fn close_batch(&mut self) {
        self.closed.append(&mut self.open);
    }

    /// The batch that was closed was committed: others may use its keys.
    pub fn committed(&mut self) {
        if let DataKeys::Kept { table, worker } = &self.source {
            self.closed.iter().for_each(|key| table.confirm(key, *worker));
        }
        self.closed.clear();
    }

    /// Whatever was not committed is void, and so are its keys.
    pub fn aborted(&mut self) {
        if let DataKeys::Kept { table, worker } = &self.source {
            self.closed.iter().chain(&self.open).for_each(|key| table.withdraw(key, *worker));
        }
        self.closed.clear();
        self.open.clear();
        self.fresh.clear();
        self.forget();
    }

    /// Forgets the record at hand: its identities, and the keys of its subject.
    fn forget(&mut self) {
        self.secret = None;
        self.unavailable = None;
        self.ids.clear();
        self.subjects.clear();
        self.names.clear();
        self.ordinal = 0;
    }

    /// The data keys of all identities together: whose identity is erased, loses the value.
    fn secret_of_subject(&mut self) -> Result<Secret, Unavailable> {
        let keys = self.keys.clone().ok_or(Unavailable::NoTable)?;
        if self.subjects.len() > MOST_SUBJECTS {
            return Err(Unavailable::TooManySubjects);
        }
        let mut all = Zeroizing::new([0u8; MOST_SUBJECTS * KEY_BYTES]);
        let mut length = 0;
        for at in 0..self.subjects.len() {
            let (id, data_key) = self.data_key(&keys, at)?;
            all[length..length + KEY_BYTES].copy_from_slice(&data_key[..]);
            length += KEY_BYTES;
            self.ids.extend_from_slice(id.bytes());
        }
        Ok(extract(&all[..length]))
    }

    fn data_key(&mut self, keys: &SubjectKeys, at: usize) -> Result<(KeyId, DataKey), Unavailable> {
        let subject = self.subjects[at].0;
        match &self.source {
            DataKeys::Nowhere => Err(Unavailable::NoTable),
            DataKeys::Derived => Ok(keys.derive(&subject)),
            DataKeys::Kept { table, worker } => {
                let (table, worker) = (table.clone(), *worker);
                match known(keys, &table, &subject, worker) {
                    Some(known) => Ok(known),
                    None => self.make(keys, &table, at, worker),
                }
            }
        }
    }

    fn make(
        &mut self,
        keys: &SubjectKeys,
        table: &SubjectTable,
        at: usize,
        worker: u16,
    ) -> Result<(KeyId, DataKey), Unavailable> {
        let mut id = [0u8; super::row::ID_BYTES];
        let mut data_key = Zeroizing::new([0u8; KEY_BYTES]);
        getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut data_key[..])).map_err(|_| Unavailable::NoKey)?;
        let (subject, name) = self.subjects[at].clone();
        let key = RowKey { subject, id: KeyId::random(id) };
        let row = keys.active().wrap(key, &data_key).ok_or(Unavailable::NoKey)?;
        if !table.add(&row, worker) {
            return Err(Unavailable::Full);
        }
        self.fresh.push((row, keys.hashed_names(&self.names[name])));
        self.open.push(key);
        Ok((key.id, data_key))
    }
}

/// The data key that a subject has. Of several that are stored the one with the smallest id, so that every worker comes to the
/// same; a worker's own of an open batch only where none is.
fn known(keys: &SubjectKeys, table: &SubjectTable, subject: &SubjectDigest, worker: u16) -> Option<(KeyId, DataKey)> {
    let mut best: Option<((bool, KeyId), DataKey)> = None;
    table.usable(subject, worker, |stored, row| {
        let rank = (!stored, row.key.id);
        // One whose root is gone is as good as destroyed.
        if best.as_ref().is_none_or(|(other, _)| rank < *other)
            && let Some(data_key) = keys.unwrap(row)
        {
            best = Some((rank, data_key));
        }
    });
    best.map(|((_, id), data_key)| (id, data_key))
}
