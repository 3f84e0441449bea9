//! Settings of the process, as written and as typed; not the policy.
