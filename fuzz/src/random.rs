//! Choices: from a seed, or from a fuzzer's bytes until they run out.

/// A source of choices. The same source gives the same choices, on every machine.
pub struct Random<'b> {
    bytes: &'b [u8],
    state: u64,
}

impl<'b> Random<'b> {
    /// Choices from a number.
    pub fn from_seed(seed: u64) -> Random<'static> {
        Random { bytes: &[], state: seed ^ 0x9E37_79B9_7F4A_7C15 }
    }

    /// Choices from bytes, so that a fuzzer that changes a byte changes a choice.
    pub fn from_bytes(bytes: &'b [u8]) -> Random<'b> {
        Random { bytes, state: bytes.iter().fold(0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3)) }
    }

    /// Any number (splitmix64).
    pub fn next(&mut self) -> u64 {
        if let Some((first, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            return u64::from(*first);
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}
