//! Reload end to end, over files.
