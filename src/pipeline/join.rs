//! Where events meet the ledger: every identity of an event is looked up, and what its rows say becomes statements.

use crate::consent::{Cover, Facts, Scratch, Statement};
use crate::event::{PurposeId, PurposeSet, Timestamp};
use crate::ledger::{Choice, Digest, HashBuffers, Ledger, PurposeName, Reach, Rows, Said};
use crate::plan::{Named, Plan, PolicyHash, Stream};

/// Every purpose, known to the policy or not.
const ALL: PurposeSet = PurposeSet(u64::MAX);

/// The memory of asking, reused from record to record.
#[derive(Default)]
pub(super) struct Join {
    rows: Rows,
    hashes: HashBuffers,
    names: Names,
    /// By position among the event's identities: devices beside a person that are erased.
    erased: u64,
}

/// Which of the ledger's names are which of the policy's, as far as they were met.
#[derive(Default)]
struct Names {
    policy: PolicyHash,
    purposes: Vec<Option<PurposeId>>,
}

impl Join {
    /// Adds to `facts` what the ledger knows about the identities of the event that `scratch` read, and puts everybody
    /// who was looked up into `looked_up`.
    pub(super) fn ask(
        &mut self,
        plan: &Plan,
        stream: &Stream,
        ledger: Option<&Ledger>,
        scratch: &Scratch,
        facts: &mut Facts,
        looked_up: &mut Vec<Digest>,
    ) {
        self.erased = 0;
        let source = stream.ledger();
        let Some(ledger) = ledger else {
            facts.is_stale = source.is_some();
            return;
        };
        if !ledger.is_ready() {
            // Nor is it known then who is suppressed.
            facts.is_stale = true;
            return;
        }
        self.names.follow(plan);
        // They stand first until a row that may grant names a place.
        let mut assumed = if facts.is_place_assumed { facts.jurisdictions.len() } else { 0 };
        let names_person = scratch.identities(stream).any(|(named, _, _)| named == Named::Person);
        for (position, (named, kind, value)) in scratch.identities(stream).enumerate() {
            // What a device says neither silences a person who is named beside it nor speaks for them.
            let counts = match named {
                Named::Person => true,
                Named::Device => !names_person,
            };
            let plain = ledger.digests().of(kind, value);
            ledger.find(plain, &mut self.rows);
            if counts {
                self.ask_suppression(plan, ledger, (kind, value), plain, facts, looked_up);
            } else if stream.encrypts() && self.is_erased(ledger, (kind, value), plain, looked_up) {
                self.erased |= 1u64.checked_shl(position as u32).unwrap_or(0);
            }
            looked_up.extend_from_slice(self.rows.digests());
            if let Some(signal) = source {
                self.state(plan, ledger, signal, counts, &mut assumed, facts);
            }
        }
        // Noted twice, it is still one place.
        for at in (0..assumed).rev() {
            if facts.jurisdictions[at + 1..].contains(&facts.jurisdictions[at]) {
                facts.jurisdictions.remove(at);
            }
        }
        self.hashes.clear();
    }

    /// Whether the identity at that position is a device beside a person, and erased: a data key of its own would be destroyed at
    /// once, and the person's values with it.
    pub(super) fn has_erased(&self, position: usize) -> bool {
        self.erased.checked_shr(position as u32).is_some_and(|bits| bits & 1 == 1)
    }

    /// Whether the identity itself is suppressed for every purpose, which destroys its data keys.
    fn is_erased(&mut self, ledger: &Ledger, identity: (&str, &str), plain: Digest, looked_up: &mut Vec<Digest>) -> bool {
        let mut erased = false;
        let mut note = |purpose: PurposeName| erased |= purpose == PurposeName::EVERY;
        ledger.suppressions(identity, plain, &mut self.hashes, looked_up, &mut note);
        erased
    }

    /// Whether the identity, or somebody whose alias it is, is suppressed.
    fn ask_suppression(
        &mut self,
        plan: &Plan,
        ledger: &Ledger,
        identity: (&str, &str),
        plain: Digest,
        facts: &mut Facts,
        looked_up: &mut Vec<Digest>,
    ) {
        let Join { rows, hashes, names, erased: _ } = self;
        let mut note = |purpose: PurposeName| facts.suppressed.0 |= names.purposes_of(purpose, plan, ledger).0;
        ledger.suppressions(identity, plain, hashes, looked_up, &mut note);
        for row in rows.digests().iter().skip(1) {
            ledger.suppressions_of(*row, &mut note);
        }
    }

    /// Makes statements of what the rows of one identity say. All denials count; grants only those of the first
    /// identity that has a row.
    fn state(&mut self, plan: &Plan, ledger: &Ledger, signal: usize, counts: bool, assumed: &mut usize, facts: &mut Facts) {
        let Join { rows, names, hashes: _, erased: _ } = self;
        if rows.is_crowd() {
            facts.statements.push(Statement { signal, denied: ALL, ..Statement::default() });
        }
        let grants = counts && facts.granting_rows == 0;
        for row in 0..rows.len() {
            if let Some(place) = rows.place(row) {
                // A place from a row that grants nothing here stands beside the assumed one: the stricter rules hold.
                if grants && facts.is_place_assumed {
                    facts.is_place_assumed = false;
                    // What rows said before stays.
                    facts.jurisdictions.drain(..std::mem::take(assumed));
                }
                // One that is assumed too is noted again: it must outlast the assumption.
                if !facts.jurisdictions[*assumed..].contains(&place) {
                    facts.jurisdictions.push(place);
                }
            }
            let begin = facts.statements.len();
            for said in rows.said(row) {
                let purposes = names.purposes_of(said.purpose, plan, ledger);
                let is_grant = said.choice == Choice::Granted;
                if purposes.is_empty() || is_grant && (!grants || said.start.is_none()) {
                    continue;
                }
                let cover = if is_grant { cover(said.reach, plan, ledger, &mut facts.vendors) } else { Cover::default() };
                let row = is_grant.then_some(row as u16);
                let statement = place_for(&said, signal, row, cover, begin, &mut facts.statements);
                set_of(said.choice, statement).0 |= purposes.0;
            }
        }
        let alone = Join::state_learned(rows, names, (plan, ledger), signal, grants, facts);
        if grants {
            facts.granting_rows = (rows.len() as u16).max(u16::from(alone));
        }
    }

    /// The same of what was learned from events. Whether it grants somebody something who has no row.
    fn state_learned(
        rows: &Rows,
        names: &mut Names,
        (plan, ledger): (&Plan, &Ledger),
        signal: usize,
        grants: bool,
        facts: &mut Facts,
    ) -> bool {
        let (begin, mut alone) = (facts.statements.len(), false);
        rows.learned(&mut |said, row| {
            let purposes = names.purposes_of(said.purpose, plan, ledger);
            let is_grant = said.choice == Choice::Granted;
            if purposes.is_empty() || is_grant && (!grants || said.start.is_none()) {
                return;
            }
            alone |= is_grant && rows.is_empty();
            let cover = if is_grant { cover(said.reach, plan, ledger, &mut facts.vendors) } else { Cover::default() };
            let row = row.map(|row| row as u16);
            let statement = place_for(&said, signal, row, cover, begin, &mut facts.statements);
            set_of(said.choice, statement).0 |= purposes.0;
        });
        alone
    }
}

/// The purposes of a statement about which that was said.
fn set_of(choice: Choice, statement: &mut Statement) -> &mut PurposeSet {
    match choice {
        Choice::Granted => &mut statement.granted,
        Choice::Denied => &mut statement.denied,
        Choice::Withdrawn => &mut statement.withdrawn,
        Choice::Broken => &mut statement.invalid,
    }
}

/// The statement of one row that has these times, or a new one.
fn place_for<'s>(
    said: &Said,
    signal: usize,
    row: Option<u16>,
    cover: Cover,
    begin: usize,
    statements: &'s mut Vec<Statement>,
) -> &'s mut Statement {
    let times: [Option<Timestamp>; 3] = match said.choice {
        Choice::Granted => [said.confirmed, said.start, said.expires],
        Choice::Denied | Choice::Withdrawn | Choice::Broken => [said.start, None, None],
    };
    let fits = |known: &Statement| [known.at, known.since, known.expires] == times && known.cover == cover && known.row == row;
    let known = statements[begin..].iter().position(fits).map(|position| begin + position);
    let position = known.unwrap_or(statements.len());
    if known.is_none() {
        let [at, since, expires] = times;
        statements.push(Statement { signal, at, since, expires, cover, row, ..Statement::default() });
    }
    &mut statements[position]
}

/// Whom a grant reaches, in the vendors of the policy.
fn cover(reach: Reach, plan: &Plan, ledger: &Ledger, sets: &mut Vec<u64>) -> Cover {
    match reach {
        Reach::Processors => Cover::Processors,
        Reach::Nobody => Cover::Nobody,
        Reach::Disclosed => Cover::Disclosed,
        Reach::Named(list) => {
            let Some(names) = ledger.vendors(list) else { return Cover::Nobody };
            let start = sets.len();
            sets.resize(start + plan.vendors.len().div_ceil(64), 0);
            for (index, vendor) in plan.vendors.iter().enumerate() {
                if names.binary_search_by(|name| (**name).cmp(&*vendor.name)).is_ok() {
                    sets[start + index / 64] |= 1 << (index % 64);
                }
            }
            Cover::Named(start)
        }
    }
}

impl Names {
    /// Forgets what was found under another policy.
    fn follow(&mut self, plan: &Plan) {
        if self.policy != plan.hash {
            self.policy = plan.hash;
            self.purposes.clear();
        }
    }

    /// The policy's purposes of that name: one, none, or all.
    fn purposes_of(&mut self, name: PurposeName, plan: &Plan, ledger: &Ledger) -> PurposeSet {
        let Some(index) = name.index() else { return ALL };
        while self.purposes.len() <= index {
            let name = ledger.purpose_name(self.purposes.len());
            let known = name.and_then(|name| plan.purposes.iter().position(|purpose| *purpose.name == *name));
            self.purposes.push(known.map(|index| PurposeId(index as u8)));
        }
        self.purposes[index].into_iter().collect()
    }
}
