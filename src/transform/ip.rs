//! `truncate_ip`: the network prefix of an address, host bits zero.

use super::output::Output;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// More addresses than any chain of proxies has; a longer list is dropped.
const LONGEST_LIST: usize = 64;

/// Addresses in their strict text forms, with or without a port or zone, which go; lists of them with commas between, as
/// in `X-Forwarded-For`, each shortened. A mask, octal or short forms, and a list with anything else in it are dropped: which
/// address was meant, or that nothing else is in there, is not certain.
pub(super) fn write(text: &str, v4: u8, v6: u8, out: &mut Output<'_>) -> Option<()> {
    out.quote();
    if text.contains(',') {
        for (position, part) in text.split(',').enumerate() {
            if position == LONGEST_LIST {
                return None;
            }
            out.part(if position == 0 { "" } else { ", " });
            one(part.trim_matches([' ', '\t']), v4, v6, out)?;
        }
    } else {
        one(text, v4, v6, out)?;
    }
    out.quote();
    Some(())
}

fn one(text: &str, v4: u8, v6: u8, out: &mut Output<'_>) -> Option<()> {
    let address = match parse(text)? {
        IpAddr::V4(address) => IpAddr::V4(truncate_v4(address, v4)),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(address) => IpAddr::V4(truncate_v4(address, v4)),
            None => IpAddr::V6(truncate_v6(address, v6)),
        },
    };
    match address {
        IpAddr::V4(address) => write_v4(address, out.buffer()),
        IpAddr::V6(address) => out.plain(format_args!("{address}")),
    }
    Some(())
}

/// Four numbers and the dots between them. How many digits they have differs from event to event, and is computed.
fn write_v4(address: Ipv4Addr, out: &mut Vec<u8>) {
    let mut text = [0; 16];
    let mut length = 0;
    for octet in address.octets() {
        for (digit, stands) in [(octet / 100, octet >= 100), (octet / 10 % 10, octet >= 10), (octet % 10, true)] {
            text[length % 16] = b'0' + digit;
            length += usize::from(stands);
        }
        text[length % 16] = b'.';
        length += 1;
    }
    out.extend_from_slice(&text[..length - 1]);
}

fn parse(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (inner, port) = rest.split_once(']')?;
        let address = without_zone(inner)?;
        return (port.is_empty() || is_port(port.strip_prefix(':')?)).then_some(IpAddr::V6(address));
    }
    if text.contains('%') {
        return without_zone(text).map(IpAddr::V6);
    }
    let (address, port) = text.split_once(':')?;
    let address: Ipv4Addr = address.parse().ok()?;
    is_port(port).then_some(IpAddr::V4(address))
}

/// An IPv6 address, with or without a zone (RFC 4007, section 11): it names an interface of the machine and goes.
fn without_zone(text: &str) -> Option<Ipv6Addr> {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    let is_zone = !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    address.parse().ok().filter(|_| is_zone)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// The IPv4 address that the first bits of an IPv6 address spell out: mapped (RFC 4291, section 2.5.5.2) and
/// 6to4 (RFC 3056), whose /48 would be the whole IPv4 address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    match octets {
        [0x20, 0x02, a, b, c, d, ..] => Some(Ipv4Addr::new(a, b, c, d)),
        _ => address.to_ipv4_mapped(),
    }
}

fn truncate_v4(address: Ipv4Addr, bits: u8) -> Ipv4Addr {
    let host = 32u32.saturating_sub(u32::from(bits));
    Ipv4Addr::from_bits(address.to_bits() & u32::MAX.checked_shl(host).unwrap_or(0))
}

fn truncate_v6(address: Ipv6Addr, bits: u8) -> Ipv6Addr {
    let host = 128u32.saturating_sub(u32::from(bits));
    Ipv6Addr::from_bits(address.to_bits() & u128::MAX.checked_shl(host).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truncate(text: &str, v4: u8, v6: u8) -> Option<String> {
        let mut buffer = Vec::new();
        write(text, v4, v6, &mut Output::bare(&mut buffer))?;
        Some(String::from_utf8(buffer).unwrap())
    }

    #[test]
    fn keeps_the_prefix_only() {
        for (text, v4, v6, expected) in [
            ("203.0.113.77", 24, 48, "203.0.113.0"),
            ("203.0.113.77", 16, 48, "203.0.0.0"),
            ("203.0.113.77", 20, 48, "203.0.112.0"),
            ("203.0.113.77", 0, 0, "0.0.0.0"),
            ("203.0.113.77", 32, 128, "203.0.113.77"),
            ("2a02:5758:c632:c3dc:62a7:dd3f:c21b:c8db", 24, 48, "2a02:5758:c632::"),
            ("2a02:5758:c632:c3dc:62a7:dd3f:c21b:c8db", 24, 32, "2a02:5758::"),
            ("2a02:5758:c632:c3dc::1", 24, 0, "::"),
            ("2001:DB8::FF", 24, 64, "2001:db8::"),
        ] {
            assert_eq!(truncate(text, v4, v6).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn ipv4_inside_ipv6_is_ipv4() {
        for text in
            ["::ffff:203.0.113.77", "::FFFF:cb00:714d", "[::ffff:203.0.113.77]:443", "2002:cb00:714d::1", "203.0.113.77:8080"]
        {
            assert_eq!(truncate(text, 24, 48).as_deref(), Some("203.0.113.0"), "{text}");
        }
        assert_eq!(truncate("[2001:db8::1]:443", 24, 32).as_deref(), Some("2001:db8::"));
        assert_eq!(truncate("[2001:db8::1]", 24, 32).as_deref(), Some("2001:db8::"));
    }

    #[test]
    fn zones_go_and_lists_are_shortened_one_by_one() {
        for (text, expected) in [
            ("fe80::ecbf:62ff:fe28:ea24%eth0", "fe80::"),
            ("[fe80::ecbf:62ff:fe28:ea24%25eth0]:443", "fe80::"),
            ("203.0.113.77, 198.51.100.1", "203.0.113.0, 198.51.100.0"),
            ("203.0.113.77:80,\t[2001:db8:1:2::3]:443,::ffff:198.51.100.1", "203.0.113.0, 2001:db8:1::, 198.51.100.0"),
        ] {
            assert_eq!(truncate(text, 24, 48).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(truncate(&["203.0.113.77"; 64].join(","), 24, 48).map(|text| text.len()), Some(64 * 13 - 2));
        assert_eq!(truncate(&["203.0.113.77"; 65].join(","), 24, 48), None);
    }

    #[test]
    fn drops_what_is_no_address() {
        for text in [
            "",
            " 203.0.113.77",
            "203.0.113.77 ",
            "203.0.113.77/32",
            "2001:db8::1/64",
            "fe80::1%",
            "fe80::1%a b",
            "203.0.113.77%eth0",
            "203.0.113.77,",
            "203.0.113.77, unknown",
            "203.0.113.77 198.51.100.1",
            "203.0.113.77; 198.51.100.1",
            "0313.0.113.77",
            "203.000.113.077",
            "203.0.29005",
            "3405803853",
            "0xcb00714d",
            "203.0.113.77:",
            "203.0.113.77:+1",
            "203.0.113.77:99999",
            "[2001:db8::1]443",
            "[203.0.113.77]:80",
            "unknown",
            "203.0.113.٧٧",
        ] {
            assert_eq!(truncate(text, 24, 48), None, "{text}");
        }
    }
}
