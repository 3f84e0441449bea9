//! `repeats` under libFuzzer; see `privet_fuzz::properties`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| privet_fuzz::under_libfuzzer("repeats", data));
