//! `email_domain`: what follows the `@`.

use super::output::Output;

/// Only of a plain address: one `@`, an unquoted local part, a host name. An address literal is an IP address, and
/// a display name or a second address would come along with anything less strict.
pub(super) fn write(text: &str, out: &mut Output<'_>) -> Option<()> {
    let (local, domain) = text.split_once('@')?;
    if local.is_empty() || !local.chars().all(is_local) || !is_host_name(domain) {
        return None;
    }
    out.quote();
    out.text(domain);
    out.quote();
    Some(())
}

/// RFC 5322 `atext` and the dot, and with RFC 6531 whatever is not ASCII.
fn is_local(letter: char) -> bool {
    if letter.is_ascii() {
        letter.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(letter)
    } else {
        letter.is_alphanumeric()
    }
}

fn is_host_name(domain: &str) -> bool {
    domain.split('.').all(|label| !label.is_empty() && label.chars().all(|letter| letter == '-' || letter.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(text: &str) -> Option<String> {
        let mut buffer = Vec::new();
        write(text, &mut Output::bare(&mut buffer))?;
        Some(String::from_utf8(buffer).unwrap())
    }

    #[test]
    fn gives_the_domain_of_a_plain_address() {
        assert_eq!(domain("ann.b+news@mail.example.org").as_deref(), Some("mail.example.org"));
        assert_eq!(domain("jürgen@müller.example").as_deref(), Some("müller.example"));
        assert_eq!(domain("a@Example.COM").as_deref(), Some("Example.COM"));
        assert_eq!(domain("a@localhost").as_deref(), Some("localhost"));
    }

    #[test]
    fn drops_everything_else() {
        for text in [
            "",
            "@",
            "ann",
            "@example.org",
            "ann@",
            "ann@b@example.org",
            "\"ann@home\"@example.org",
            "\"ann\"@example.org",
            "Ann <ann@example.org>",
            "ann@example.org, bob@example.org",
            "mailto:ann@example.org",
            "ann@[203.0.113.7]",
            "ann@example..org",
            "ann@example.org.",
            " ann@example.org",
            "ann@example.org ",
            "ann@example.org/ann",
            "ann@example.org\n",
        ] {
            assert_eq!(domain(text), None, "{text}");
        }
    }
}
