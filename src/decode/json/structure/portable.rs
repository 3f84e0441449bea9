//! Sixteen bytes a step, with the vectors that every processor of an architecture has.

use super::{BLOCK, Classes, Structure, note, parity};
use std::ops::Range;
use wide::u8x16;

pub(super) fn read(structure: &mut Structure, input: &[u8]) -> Range<usize> {
    structure.read_blocks(input, classify, parity, note)
}

fn classify(block: &[u8; BLOCK]) -> Classes {
    let mut classes = Classes { quotes: 0, backslashes: 0, operators: 0, blanks: 0, controls: 0, beyond_ascii: 0 };
    for (position, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*sixteen);
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        // Both kinds of brackets differ in this bit alone; two control characters look like the other operators.
        let curled = bytes | u8x16::splat(0x20);
        let is_curled = |byte: u8| curled.simd_eq(u8x16::splat(byte));
        let at = |mask: u8x16| u64::from(mask.to_bitmask()) << (16 * position);
        classes.quotes |= at(is(b'"'));
        classes.backslashes |= at(is(b'\\'));
        classes.operators |= at(is_curled(b',') | is_curled(b':') | is_curled(b'{') | is_curled(b'}'));
        classes.blanks |= at(is(b' ') | is(b'\n') | is(b'\r') | is(b'\t'));
        classes.controls |= at(bytes.min(u8x16::splat(0x1F)).simd_eq(bytes));
        classes.beyond_ascii |= at(bytes);
    }
    classes
}
