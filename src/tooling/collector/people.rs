//! The people whose events the collector makes: invented, with addresses that can belong to nobody.
//!
//! E-mail addresses are on the domains of RFC 2606, IP addresses from the documentation ranges of RFC 5737 and
//! RFC 3849, telephone numbers from the ranges that regulators keep for film and fiction (or that cannot be dialled).

use super::random::Random;

/// Where somebody lives, with what goes with that.
pub(super) struct Home {
    /// ISO 3166-1.
    pub(super) country: &'static str,
    /// ISO 3166-2.
    pub(super) region: &'static str,
    /// The city.
    pub(super) city: &'static str,
    /// Degrees north.
    pub(super) latitude: f64,
    /// Degrees east.
    pub(super) longitude: f64,
    /// BCP 47.
    pub(super) locale: &'static str,
    /// IANA time zone.
    pub(super) timezone: &'static str,
    /// ISO 4217.
    pub(super) currency: &'static str,
}

/// A kind of device with the browser on it.
pub(super) struct Model {
    /// Who made it.
    pub(super) manufacturer: &'static str,
    /// Which one.
    pub(super) model: &'static str,
    /// `ios`, `android` or `desktop`.
    pub(super) kind: &'static str,
    /// Operating system and its version.
    pub(super) os: (&'static str, &'static str),
    /// Width and height in points.
    pub(super) screen: (u16, u16),
    /// The user agent that it sends.
    pub(super) user_agent: &'static str,
}

/// What somebody chose in the consent banner.
#[derive(Clone, Copy)]
pub(super) struct Choices {
    /// Advertising.
    pub(super) advertising: bool,
    /// Analytics.
    pub(super) analytics: bool,
    /// Sharing with partners.
    pub(super) sharing: bool,
    /// The browser sends Global Privacy Control.
    pub(super) gpc: bool,
}

/// One invented person; the same in all events.
pub(super) struct Person {
    pub(super) user_id: String,
    pub(super) anonymous_id: String,
    pub(super) name: String,
    pub(super) email: String,
    /// The address as it stands in a query.
    pub(super) email_in_url: String,
    pub(super) phone: String,
    pub(super) ip: String,
    pub(super) device_id: String,
    pub(super) advertising_id: String,
    pub(super) home: &'static Home,
    pub(super) model: &'static Model,
    pub(super) choices: Choices,
    /// Whether they have an account; without one there is only `anonymousId`.
    pub(super) registered: bool,
}

/// By share: how many in a hundred people live there.
const HOMES: [(u32, Home); 6] = [
    (
        30,
        Home {
            country: "DE",
            region: "DE-BE",
            city: "Berlin",
            latitude: 52.52,
            longitude: 13.405,
            locale: "de-DE",
            timezone: "Europe/Berlin",
            currency: "EUR",
        },
    ),
    (
        20,
        Home {
            country: "FR",
            region: "FR-IDF",
            city: "Paris",
            latitude: 48.857,
            longitude: 2.352,
            locale: "fr-FR",
            timezone: "Europe/Paris",
            currency: "EUR",
        },
    ),
    (
        18,
        Home {
            country: "US",
            region: "US-CA",
            city: "Oakland",
            latitude: 37.804,
            longitude: -122.271,
            locale: "en-US",
            timezone: "America/Los_Angeles",
            currency: "USD",
        },
    ),
    (
        7,
        Home {
            country: "US",
            region: "US-TX",
            city: "Austin",
            latitude: 30.267,
            longitude: -97.743,
            locale: "en-US",
            timezone: "America/Chicago",
            currency: "USD",
        },
    ),
    (
        15,
        Home {
            country: "GB",
            region: "GB-ENG",
            city: "Leeds",
            latitude: 53.801,
            longitude: -1.549,
            locale: "en-GB",
            timezone: "Europe/London",
            currency: "GBP",
        },
    ),
    (
        10,
        Home {
            country: "BR",
            region: "BR-SP",
            city: "S\u{e3}o Paulo",
            latitude: -23.551,
            longitude: -46.633,
            locale: "pt-BR",
            timezone: "America/Sao_Paulo",
            currency: "BRL",
        },
    ),
];

const MODELS: [Model; 4] = [
    Model {
        manufacturer: "Apple",
        model: "iPhone15,4",
        kind: "ios",
        os: ("iOS", "18.1"),
        screen: (393, 852),
        user_agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/18.1 Mobile/15E148 Safari/604.1",
    },
    Model {
        manufacturer: "Google",
        model: "Pixel 8",
        kind: "android",
        os: ("Android", "15"),
        screen: (412, 915),
        user_agent: "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) \
                     Chrome/131.0.6778.39 Mobile Safari/537.36",
    },
    Model {
        manufacturer: "Apple",
        model: "MacBookPro18,3",
        kind: "desktop",
        os: ("macOS", "15.1"),
        screen: (1512, 982),
        user_agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/18.1 Safari/605.1.15",
    },
    Model {
        manufacturer: "Lenovo",
        model: "ThinkPad T14",
        kind: "desktop",
        os: ("Windows", "11"),
        screen: (1920, 1080),
        user_agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                     Chrome/131.0.0.0 Safari/537.36",
    },
];

/// First and last names, each with its plain form for an address.
const FIRST: [(&str, &str); 16] = [
    ("Anna", "anna"),
    ("Bj\u{f6}rn", "bjoern"),
    ("Camille", "camille"),
    ("Diego", "diego"),
    ("Elif", "elif"),
    ("Fran\u{e7}oise", "francoise"),
    ("Grace", "grace"),
    ("Hiroshi", "hiroshi"),
    ("In\u{ea}s", "ines"),
    ("Jane", "jane"),
    ("Kofi", "kofi"),
    ("Luc\u{ed}a", "lucia"),
    ("Mehmet", "mehmet"),
    ("Nora", "nora"),
    ("Oluwaseun", "oluwaseun"),
    ("Priya", "priya"),
];
const LAST: [(&str, &str); 12] = [
    ("Almeida", "almeida"),
    ("Baker", "baker"),
    ("Dubois", "dubois"),
    ("Fernandes", "fernandes"),
    ("M\u{fc}ller", "mueller"),
    ("Nguyen", "nguyen"),
    ("O'Brien", "obrien"),
    ("Okafor", "okafor"),
    ("Schr\u{f6}der", "schroeder"),
    ("Silva", "silva"),
    ("Tanaka", "tanaka"),
    ("Y\u{131}lmaz", "yilmaz"),
];

/// 70 % said yes to advertising, 85 % to analytics; a tenth of the Californians send GPC.
const ADVERTISING: u32 = 700;
const ANALYTICS: u32 = 850;
const GPC_IN_CALIFORNIA: u32 = 100;

impl Person {
    /// Invents the person of this number.
    pub(super) fn invent(number: u32, random: &mut Random) -> Person {
        let home = pick_home(random);
        let model = random.pick(&MODELS);
        let (first, plain_first) = *random.pick(&FIRST);
        let (last, plain_last) = *random.pick(&LAST);
        let tag = if random.per_mille(60) { "+shop" } else { "" };
        let domain = *random.pick(&["example.com", "example.org", "example.net"]);
        let local = format!("{plain_first}.{plain_last}{number}");
        Person {
            user_id: format!("u-{:010x}", random.bits() & 0xFF_FFFF_FFFF),
            anonymous_id: uuid(random),
            name: format!("{first} {last}"),
            email: format!("{local}{tag}@{domain}"),
            email_in_url: format!("{local}{}%40{domain}", tag.replace('+', "%2B")),
            phone: phone(home.country, random),
            ip: address(random),
            device_id: uuid(random).to_uppercase(),
            advertising_id: uuid(random).to_uppercase(),
            home,
            model,
            choices: Choices {
                advertising: random.per_mille(ADVERTISING),
                analytics: random.per_mille(ANALYTICS),
                sharing: random.per_mille(500),
                gpc: home.region == "US-CA" && random.per_mille(GPC_IN_CALIFORNIA),
            },
            registered: random.per_mille(800),
        }
    }

    /// What a collector would use as record key: the account, else the browser.
    pub(super) fn key(&self) -> &str {
        if self.registered { &self.user_id } else { &self.anonymous_id }
    }
}

fn pick_home(random: &mut Random) -> &'static Home {
    let mut left = random.below(100);
    for (share, home) in &HOMES {
        match left.checked_sub(*share) {
            None => return home,
            Some(rest) => left = rest,
        }
    }
    &HOMES[0].1
}

/// A version 4 UUID (RFC 9562).
pub(super) fn uuid(random: &mut Random) -> String {
    let (high, low) = (random.bits(), random.bits());
    let variant = 0x8000 | (low >> 48) & 0x3FFF;
    let (first, second, third) = (high >> 32, (high >> 16) & 0xFFFF, 0x4000 | high & 0xFFF);
    format!("{first:08x}-{second:04x}-{third:04x}-{variant:04x}-{:012x}", low & 0xFFFF_FFFF_FFFF)
}

/// Ofcom's and the Bundesnetzagentur's and ARCEP's numbers for drama, 555-01xx, and for Brazil a leading zero that no
/// subscriber has.
fn phone(country: &str, random: &mut Random) -> String {
    let (digits, two) = (random.below(1000), random.below(100));
    match country {
        "DE" => format!("+49 30 23125 {digits:03}"),
        "FR" => format!("+33 1 99 00 {two:02} {:02}", digits % 100),
        "GB" => format!("+44 7700 900{digits:03}"),
        "BR" => format!("+55 11 0{digits:03}-{two:02}{two:02}"),
        _ => format!("+1 510 555 01{two:02}"),
    }
}

/// Three in four have an IPv4 address.
fn address(random: &mut Random) -> String {
    if random.per_mille(250) {
        let (net, host) = (random.below(0x1_0000), random.below(0x1_0000));
        return format!("2001:db8:{net:x}:{:x}::{host:x}", random.below(256));
    }
    let net = *random.pick(&["192.0.2", "198.51.100", "203.0.113"]);
    format!("{net}.{}", 1 + random.below(254))
}
