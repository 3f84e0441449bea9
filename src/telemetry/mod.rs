//! Metric names and handles, logging.
