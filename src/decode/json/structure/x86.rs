//! 32 or 64 bytes a step, where the processor has the instructions: the one place of `decode` with `unsafe`, which is
//! to call a function that was compiled for such a processor after asking whether this is one, to store a whole
//! vector, and to say which memory is read next.
#![allow(unsafe_code)]

use super::{BLOCK, Classes, Path, Structure, note};
use std::arch::x86_64::*;
use std::ops::Range;

/// For each low half of a byte, the white space that ends in it; what is never looked up equals nothing.
const BLANKS: [u8; 16] = table(b" \n\r\t", 0x01);
/// For each low half of a byte, the operator that ends in it once brackets are curled.
const OPERATORS: [u8; 16] = table(b":{,}", 0x01);

/// A table by low halves; where there is none of the bytes, one that ends in another half.
const fn table(bytes: &[u8], other: u8) -> [u8; 16] {
    let mut table = [other; 16];
    // The filler must not end in the half at which it stands.
    table[other as usize & 0xF] = other + 1;
    let mut position = 0;
    while position < bytes.len() {
        table[bytes[position] as usize & 0xF] = bytes[position];
        position += 1;
    }
    table
}

/// What only a processor has that can run 32 bytes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx2(());

/// What only a processor has that can run 64 bytes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Avx512(());

/// What this processor can run, the fastest last.
pub(super) fn available() -> Vec<Path> {
    let (avx2, avx512) = (has_avx2().then_some(Avx2(())), has_avx512().then_some(Avx512(())));
    avx2.map(Path::Avx2).into_iter().chain(avx512.map(Path::Avx512)).collect()
}

fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("pclmulqdq")
}

fn has_avx512() -> bool {
    has_avx2()
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi2")
}

impl Avx2 {
    pub(super) fn read(self, structure: &mut Structure, input: &[u8]) -> Range<usize> {
        // SAFETY: the processor has the features that the function was compiled for, or there were no such value.
        unsafe { avx2(structure, input) }
    }
}

impl Avx512 {
    pub(super) fn read(self, structure: &mut Structure, input: &[u8]) -> Range<usize> {
        // SAFETY: the processor has the features that the function was compiled for, or there were no such value.
        unsafe { avx512(structure, input) }
    }
}

/// So far ahead of what is read memory is asked for: a record was just written by another thread, and is read while the rest
/// of it is on its way.
const AHEAD: usize = 20 * BLOCK;

/// Asks for the beginning of a record.
fn fetch(input: &[u8]) {
    input.chunks(BLOCK).take(AHEAD / BLOCK).for_each(|line| ask(line.as_ptr()));
}

/// Asks for what stands so far behind a block.
fn fetch_ahead(block: &[u8; BLOCK]) {
    ask(block.as_ptr().wrapping_add(AHEAD));
}

fn ask(line: *const u8) {
    // SAFETY: every processor of this architecture has the instruction, which only hints at an address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
}

/// Bit n of the result is the parity of the bits up to n: their product with all ones, without carries.
#[target_feature(enable = "pclmulqdq")]
fn parity(bits: u64) -> u64 {
    _mm_cvtsi128_si64(_mm_clmulepi64_si128::<0>(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1))) as u64
}

#[target_feature(enable = "avx2,bmi1,popcnt,pclmulqdq")]
fn avx2(structure: &mut Structure, input: &[u8]) -> Range<usize> {
    let blanks = repeat(BLANKS);
    let operators = repeat(OPERATORS);
    fetch(input);
    let classify = |block: &[u8; BLOCK]| {
        fetch_ahead(block);
        let halves = block.as_chunks::<32>().0;
        let [low, high] = [half(&halves[0], blanks, operators), half(&halves[1], blanks, operators)];
        let whole = |class: usize| u64::from(low[class]) | u64::from(high[class]) << 32;
        Classes {
            quotes: whole(0),
            backslashes: whole(1),
            operators: whole(2),
            blanks: whole(3),
            controls: whole(4),
            beyond_ascii: whole(5),
        }
    };
    structure.read_blocks(input, classify, |bits| parity(bits), note)
}

/// The table once in each half of a vector.
#[target_feature(enable = "avx2")]
fn repeat(table: [u8; 16]) -> __m256i {
    let [low, high] = words(&table);
    _mm256_set_epi64x(high, low, high, low)
}

#[target_feature(enable = "avx2")]
fn half(bytes: &[u8; 32], blanks: __m256i, operators: __m256i) -> [u32; 6] {
    let [a, b, c, d] = words(bytes);
    let bytes = _mm256_set_epi64x(d, c, b, a);
    let curled = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
    let lowest = _mm256_min_epu8(bytes, _mm256_set1_epi8(0x1F));
    [
        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'"' as i8)),
        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'\\' as i8)),
        _mm256_cmpeq_epi8(curled, _mm256_shuffle_epi8(operators, curled)),
        _mm256_cmpeq_epi8(bytes, _mm256_shuffle_epi8(blanks, bytes)),
        _mm256_cmpeq_epi8(bytes, lowest),
        bytes,
    ]
    .map(|mask| _mm256_movemask_epi8(mask) as u32)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx2,bmi1,popcnt,pclmulqdq")]
fn avx512(structure: &mut Structure, input: &[u8]) -> Range<usize> {
    let fourfold = |table: [u8; 16]| {
        let [low, high] = words(&table);
        _mm512_set_epi64(high, low, high, low, high, low, high, low)
    };
    let [blanks, operators] = [fourfold(BLANKS), fourfold(OPERATORS)];
    fetch(input);
    let classify = |block: &[u8; BLOCK]| {
        fetch_ahead(block);
        let bytes = load(block);
        let curled = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
        Classes {
            quotes: _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'"' as i8)),
            backslashes: _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'\\' as i8)),
            operators: _mm512_cmpeq_epi8_mask(curled, _mm512_shuffle_epi8(operators, curled)),
            blanks: _mm512_cmpeq_epi8_mask(bytes, _mm512_shuffle_epi8(blanks, bytes)),
            controls: _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(0x20)),
            beyond_ascii: _mm512_movepi8_mask(bytes),
        }
    };
    structure.read_blocks(
        input,
        classify,
        |bits| parity(bits),
        |base, block, bits, positions, bytes| gather(base, block, bits, positions, bytes),
    )
}

/// Every byte's place in its block.
const PLACES: [u8; BLOCK] = {
    let mut places = [0; BLOCK];
    let mut place = 0;
    while place < BLOCK {
        places[place] = place as u8;
        place += 1;
    }
    places
};

/// As [`note`]: the bytes under the bits moved together, and their places. Most blocks have sixteen positions at most and
/// nearly all have 32: what is written beyond them is overwritten later, and costs as much as what is needed.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,popcnt")]
fn gather(base: usize, block: &[u8; BLOCK], bits: u64, positions: &mut [u32; BLOCK], bytes: &mut [u8; BLOCK]) {
    let found = _mm512_maskz_compress_epi8(bits, load(block));
    let mut places = [0; BLOCK];
    store(&mut places, _mm512_maskz_compress_epi8(bits, load(&PLACES)));
    let is_sparse = bits.count_ones() as usize <= BLOCK / 2;
    let sixteens = positions.as_chunks_mut::<16>().0.iter_mut().zip(places.as_chunks::<16>().0);
    for (positions, places) in sixteens.take(if is_sparse { 2 } else { 4 }) {
        for (position, place) in positions.iter_mut().zip(places) {
            *position = base as u32 + u32::from(*place);
        }
    }
    match bytes.first_chunk_mut() {
        Some(bytes) if is_sparse => store_half(bytes, _mm512_castsi512_si256(found)),
        _ => store(bytes, found),
    }
}

#[target_feature(enable = "avx512f")]
fn load(block: &[u8; BLOCK]) -> __m512i {
    let [a, b, c, d, e, f, g, h] = words(block);
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

#[target_feature(enable = "avx512f")]
fn store(block: &mut [u8; BLOCK], bytes: __m512i) {
    // SAFETY: a block is as large as the vector, and no alignment is asked for.
    unsafe { _mm512_storeu_si512(block.as_mut_ptr().cast(), bytes) }
}

#[target_feature(enable = "avx512f")]
fn store_half(block: &mut [u8; BLOCK / 2], bytes: __m256i) {
    // SAFETY: half a block is as large as the vector, and no alignment is asked for.
    unsafe { _mm256_storeu_si256(block.as_mut_ptr().cast(), bytes) }
}

/// The bytes as words; the compiler makes one load of it.
#[inline(always)]
fn words<const BYTES: usize, const WORDS: usize>(bytes: &[u8; BYTES]) -> [i64; WORDS] {
    let mut words = [0; WORDS];
    for (word, eight) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *word = i64::from_le_bytes(*eight);
    }
    words
}
