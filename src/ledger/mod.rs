//! The consent ledger; not there yet: a policy that names it is refused.
