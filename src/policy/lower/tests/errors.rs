//! Every error beyond form.
