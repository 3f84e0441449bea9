//! `user_agent`: a browser's family and major version, in place of all that a user agent string tells.

use super::output::Output;

/// Longer strings are no user agents.
const LONGEST: usize = 2048;

/// Tokens that tell a family, in the order in which they are looked for: most browsers name those that they descend from
/// as well.
const FAMILIES: &[(&str, &str)] = &[
    // Crawlers name the browser that they look like.
    ("Googlebot/", "Googlebot"),
    ("bingbot/", "bingbot"),
    ("Applebot/", "Applebot"),
    ("YandexBot/", "YandexBot"),
    ("DuckDuckBot/", "DuckDuckBot"),
    ("GPTBot/", "GPTBot"),
    ("ClaudeBot/", "ClaudeBot"),
    ("AhrefsBot/", "AhrefsBot"),
    ("facebookexternalhit/", "facebookexternalhit"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edg/", "Edge"),
    ("Edge/", "Edge"),
    ("OPR/", "Opera"),
    ("OPiOS/", "Opera"),
    ("OPT/", "Opera"),
    ("Opera Mini/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("YaBrowser/", "Yandex"),
    ("Vivaldi/", "Vivaldi"),
    ("UCBrowser/", "UC Browser"),
    ("MiuiBrowser/", "MIUI Browser"),
    ("HuaweiBrowser/", "Huawei Browser"),
    ("Whale/", "Whale"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("Electron/", "Electron"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("GSA/", "Google app"),
    ("HeadlessChrome/", "Chrome"),
    ("Chromium/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("MSIE ", "Internet Explorer"),
    ("okhttp/", "okhttp"),
    ("Dalvik/", "Dalvik"),
    ("CFNetwork/", "CFNetwork"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("python-requests/", "python-requests"),
    ("Go-http-client/", "Go-http-client"),
    ("axios/", "axios"),
    ("PostmanRuntime/", "Postman"),
    ("Java/", "Java"),
    ("Apache-HttpClient/", "Apache HttpClient"),
];

/// Writes `Chrome 120`. A family that is not known is dropped: its name may be somebody's own.
pub(super) fn write(text: &str, out: &mut Output<'_>) -> Option<()> {
    if text.len() > LONGEST {
        return None;
    }
    let (family, version) = family(text)?;
    let digits = version.bytes().take_while(u8::is_ascii_digit).count();
    // A major version has at most four digits; longer ones are dates, builds, or ids.
    if digits == 0 || digits > 4 {
        return None;
    }
    out.quote();
    out.plain(format_args!("{family} {}", &version[..digits]));
    out.quote();
    Some(())
}

/// The family and the text behind its token.
fn family(text: &str) -> Option<(&'static str, &str)> {
    let known = FAMILIES.iter().find_map(|(token, family)| Some((*family, behind(text, token)?)));
    known.or_else(|| {
        if text.contains("Trident/") {
            return Some(("Internet Explorer", behind(text, "rv:")?));
        }
        // Safari's own version stands behind another word.
        if text.contains("Safari/") { Some(("Safari", behind(text, "Version/")?)) } else { None }
    })
}

/// The text behind a token that begins a word.
fn behind<'a>(text: &'a str, token: &str) -> Option<&'a str> {
    text.match_indices(token).find_map(|(at, _)| {
        let begins = !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '-' || before == '_');
        begins.then(|| &text[at + token.len()..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user_agent(text: &str) -> Option<String> {
        let mut buffer = Vec::new();
        write(text, &mut Output::bare(&mut buffer))?;
        Some(String::from_utf8(buffer).unwrap())
    }

    /// Strings as the browsers' makers document them.
    #[test]
    fn knows_families_and_major_versions() {
        const KIT: &str =
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
        for (text, expected) in [
            (KIT.to_owned(), "Chrome 120"),
            (format!("{KIT} Edg/121.0.2277.83"), "Edge 121"),
            (format!("{KIT} OPR/106.0.0.0"), "Opera 106"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0".into(), "Firefox 121"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 \
                 Safari/604.1"
                    .into(),
                "Safari 17",
            ),
            ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko".into(), "Internet Explorer 11"),
            ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)".into(), "Internet Explorer 8"),
            ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)".into(), "Googlebot 2"),
            ("curl/8.4.0".into(), "curl 8"),
        ] {
            assert_eq!(user_agent(&text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn drops_what_it_does_not_know() {
        for text in
            ["", "ann-laptop/1.0", "Chrome", "Chrome/", "Chrome/20260101", "MyChrome/120", "mailto:ann@x.io", "Version/17.2"]
        {
            assert_eq!(user_agent(text), None, "{text}");
        }
    }
}
