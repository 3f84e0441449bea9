//! Places and transforms → the bytes of one sink.
