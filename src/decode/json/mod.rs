//! Strict JSON (RFC 8259) scanned once for the places of a plan.
