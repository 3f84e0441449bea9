//! Every warning of `check`.
