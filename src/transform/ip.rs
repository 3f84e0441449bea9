//! `truncate_ip`: the network prefix of an address, host bits zero.

use super::output::Output;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses in their strict text forms, with or without a port. A list, a zone, a mask, octal or short forms
/// are dropped: which address was meant, or that nothing else is in there, is not certain.
pub(super) fn write(text: &str, v4: u8, v6: u8, out: &mut Output<'_>) -> Option<()> {
    let address = match parse(text)? {
        IpAddr::V4(address) => IpAddr::V4(truncate_v4(address, v4)),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(address) => IpAddr::V4(truncate_v4(address, v4)),
            None => IpAddr::V6(truncate_v6(address, v6)),
        },
    };
    out.quote();
    out.plain(format_args!("{address}"));
    out.quote();
    Some(())
}

fn parse(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (inner, port) = rest.split_once(']')?;
        let address: Ipv6Addr = inner.parse().ok()?;
        return (port.is_empty() || is_port(port.strip_prefix(':')?)).then_some(IpAddr::V6(address));
    }
    let (address, port) = text.split_once(':')?;
    let address: Ipv4Addr = address.parse().ok()?;
    is_port(port).then_some(IpAddr::V4(address))
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
    fn drops_what_is_not_exactly_one_address() {
        for text in [
            "",
            " 203.0.113.77",
            "203.0.113.77 ",
            "203.0.113.77, 198.51.100.1",
            "203.0.113.77/32",
            "2001:db8::1/64",
            "fe80::1%eth0",
            "[fe80::1%25eth0]",
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
