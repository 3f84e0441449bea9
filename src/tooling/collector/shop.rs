//! The shop that the events come from: what is sold, what people write, and one event as Segment's libraries send it.

use super::people::{Person, uuid};
use super::random::Random;
use crate::event::Timestamp;
use std::fmt;
use std::io::Write;

/// What can happen in the shop, with its share in a hundred events of type `track`.
const EVENTS: [(u32, &str); 7] = [
    (38, "Product Viewed"),
    (17, "Product Added"),
    (12, "Products Searched"),
    (10, "Checkout Started"),
    (12, "Order Completed"),
    (6, "Product Reviewed"),
    (5, "Newsletter Subscribed"),
];

/// Name, id, category and price in cents.
const PRODUCTS: [(&str, &str, &str, u32); 8] = [
    ("Trail running shoe, women", "P-10412", "Shoes", 12_995),
    ("Merino base layer", "P-20833", "Clothing", 7_950),
    ("Head torch 400 lm", "P-31007", "Equipment", 4_490),
    ("Down jacket, men", "P-20911", "Clothing", 24_900),
    ("Trekking pole, pair", "P-31544", "Equipment", 8_995),
    ("Water filter 1 l", "P-32018", "Equipment", 3_950),
    ("Climbing harness", "P-41120", "Climbing", 6_490),
    ("Two-person tent", "P-50077", "Camping", 34_900),
];

/// Free text with what people put into free text. `{e}`, `{p}` and `{n}` stand for e-mail, telephone number and name.
const COMMENTS: [&str; 8] = [
    "Please leave the parcel with the neighbour on the second floor, the bell does not work. Call {p} if in doubt.",
    "Great service as always! My old order was under {e}, could you merge the two accounts? Thanks a lot, {n}",
    "Size 42 fits like 41, so order one larger. \"Waterproof\" held up for a week of rain in the Harz mountains.",
    "Is this available in blue? If so, write to {e} \u{2013} I would take two of them, one as a present for my sister.",
    "Third pair already. Light, quick to dry, and the sole still grips after 600 km on gravel\\scree. Recommended.",
    "Gift for my daughter, please no invoice in the box. Wrapping paper with stars if you still have it. {n}",
    "The zip jammed after two weeks; support answered within a day and sent a new one. That is how it should be \u{1F44D}",
    "Deliver to the shop in the station, pick-up code to {p}. Opening hours on your page are wrong on Saturdays, by the way.",
];

const REFERRERS: [&str; 4] =
    ["https://www.google.com/", "https://search.example.net/?q=trail+running", "https://blog.example.org/hut-to-hut", ""];
const CAMPAIGNS: [(&str, &str, &str); 3] =
    [("autumn-sale", "newsletter", "email"), ("brand", "google", "cpc"), ("hut-to-hut", "blog", "referral")];

/// How one event departs from the usual.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    /// The e-mail address stands in the page's query, as it does where a form was sent with GET.
    pub(super) email_in_url: bool,
    /// Whether the consent object is there, and whether it says yes to advertising.
    pub(super) consent: Option<bool>,
    /// Whether the collector knows where the person is.
    pub(super) located: bool,
    /// `context.gpc` is there.
    pub(super) gpc: bool,
    /// `userId` is an object: some client library wraps it.
    pub(super) wrapped_user: bool,
    /// A key is written with an escape, as some encoders do: `"\u0065mail"`.
    pub(super) escaped_name: bool,
}

/// A string as JSON text.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"")?;
        for letter in self.0.chars() {
            match letter {
                '"' => out.write_str("\\\"")?,
                '\\' => out.write_str("\\\\")?,
                control if control < ' ' => write!(out, "\\u{:04x}", control as u32)?,
                other => write!(out, "{other}")?,
            }
        }
        out.write_str("\"")
    }
}

macro_rules! put {
    ($out:expr, $($text:tt)*) => { write!($out, $($text)*).expect("writing to memory does not fail") };
}

/// Appends one `track` event.
pub(super) fn track(person: &Person, turn: Turn, at: Timestamp, random: &mut Random, out: &mut Vec<u8>) {
    let event = pick_event(random);
    put!(out, r#"{{"type":"track","event":"{event}","#);
    envelope(person, turn, at, random, out);
    properties(event, person, random, out);
    context(person, turn, event, random, out);
    out.push(b'}');
}

/// Appends one `page` event.
pub(super) fn page(person: &Person, turn: Turn, at: Timestamp, random: &mut Random, out: &mut Vec<u8>) {
    let (name, id, category, _) = *random.pick(&PRODUCTS);
    put!(out, r#"{{"type":"page","name":{},"category":"{category}","#, Quoted(name));
    envelope(person, turn, at, random, out);
    put!(out, r#""properties":{{"product_id":"{id}","variant":"b","load_ms":{}}},"#, 180 + random.below(900));
    context(person, turn, "Page", random, out);
    out.push(b'}');
}

fn pick_event(random: &mut Random) -> &'static str {
    let mut left = random.below(100);
    for (share, event) in EVENTS {
        match left.checked_sub(share) {
            None => return event,
            Some(rest) => left = rest,
        }
    }
    EVENTS[0].1
}

/// Who, when, and where it is meant to go.
fn envelope(person: &Person, turn: Turn, at: Timestamp, random: &mut Random, out: &mut Vec<u8>) {
    let sent = at.as_millisecond().saturating_sub(i64::from(random.below(400)));
    let happened = sent.saturating_sub(i64::from(20 + random.below(3_000)));
    let shown = |millis: i64| Timestamp::from_millisecond(millis).unwrap_or(at);
    put!(out, r#""messageId":"{}","#, uuid(random));
    if turn.wrapped_user {
        put!(out, r#""userId":{{"id":"{}","realm":"shop"}},"#, person.user_id);
    } else if person.registered {
        put!(out, r#""userId":"{}","#, person.user_id);
    } else {
        put!(out, r#""userId":null,"#);
    }
    put!(out, r#""anonymousId":"{}","#, person.anonymous_id);
    put!(out, r#""timestamp":"{:.3}","sentAt":"{:.3}","receivedAt":"{at:.3}","#, shown(happened), shown(sent));
    put!(out, r#""version":2,"integrations":{{"All":true}},"#);
}

/// What it was about: one to three products, and what somebody wrote.
fn properties(event: &str, person: &Person, random: &mut Random, out: &mut Vec<u8>) {
    put!(out, r#""properties":{{"#);
    if event == "Order Completed" {
        put!(out, r#""order_id":"{:08x}","#, random.bits() as u32);
    }
    if event == "Products Searched" {
        put!(out, r#""query":"{}","#, random.pick(&["trail shoes 42", "tent 2 persons", "warm jacket", "anna.b@example.com"]));
    }
    put!(out, r#""currency":"{}","products":["#, person.home.currency);
    let mut total = 0;
    for position in 0..1 + random.below(3) {
        let (name, id, category, cents) = *random.pick(&PRODUCTS);
        let quantity = 1 + random.below(2);
        total += cents * quantity;
        let comma = if position == 0 { "" } else { "," };
        put!(out, r#"{comma}{{"product_id":"{id}","name":{},"category":"{category}","#, Quoted(name));
        put!(out, r#""price":{}.{:02},"quantity":{quantity},"position":{position}}}"#, cents / 100, cents % 100);
    }
    put!(out, r#"],"revenue":{}.{:02},"#, total / 100, total % 100);
    let comment = random.pick(&COMMENTS);
    let comment = comment.replace("{e}", &person.email).replace("{p}", &person.phone).replace("{n}", &person.name);
    put!(out, r#""comment":{}}},"#, Quoted(&comment));
}

/// Where it happened: address, device, page, person, place, consent.
fn context(person: &Person, turn: Turn, event: &str, random: &mut Random, out: &mut Vec<u8>) {
    let (home, model) = (person.home, person.model);
    put!(out, r#""context":{{"ip":"{}","locale":"{}","timezone":"{}","#, person.ip, home.locale, home.timezone);
    put!(out, r#""userAgent":"{}","library":{{"name":"analytics.js","version":"2.11.1"}},"#, model.user_agent);
    page_of(person, turn, event, random, out);
    let email = if turn.escaped_name { r"\u0065mail" } else { "email" };
    put!(out, r#""traits":{{"{email}":"{}","name":{},"#, person.email, Quoted(&person.name));
    put!(out, r#""phone":"{}","plan":"{}"}},"#, person.phone, random.pick(&["free", "member"]));
    put!(out, r#""device":{{"id":"{}","advertisingId":"{}","#, person.device_id, person.advertising_id);
    put!(out, r#""adTrackingEnabled":{},"manufacturer":"{}","#, person.choices.advertising, model.manufacturer);
    put!(out, r#""model":"{}","type":"{}"}},"#, model.model, model.kind);
    put!(out, r#""os":{{"name":"{}","version":"{}"}},"#, model.os.0, model.os.1);
    put!(out, r#""screen":{{"width":{},"height":{},"density":2}}"#, model.screen.0, model.screen.1);
    if random.per_mille(300) {
        let (name, source, medium) = random.pick(&CAMPAIGNS);
        put!(out, r#","campaign":{{"name":"{name}","source":"{source}","medium":"{medium}"}}"#);
    }
    if turn.located {
        put!(out, r#","location":{{"country":"{}","region":"{}","city":"{}","#, home.country, home.region, home.city);
        let (north, east) = (jitter(home.latitude, random), jitter(home.longitude, random));
        put!(out, r#""latitude":{north:.5},"longitude":{east:.5}}}"#);
    }
    if turn.gpc {
        put!(out, r#","gpc":true"#);
    }
    if let Some(advertising) = turn.consent {
        put!(
            out,
            r#","consent":{{"categoryPreferences":{{"Advertising":{advertising},"Analytics":{},"#,
            person.choices.analytics
        );
        put!(out, r#""Functional":true,"DataSharing":{}}}}}"#, person.choices.sharing);
    }
    out.push(b'}');
}

/// The page: address, path, query, referrer, title.
fn page_of(person: &Person, turn: Turn, event: &str, random: &mut Random, out: &mut Vec<u8>) {
    let (name, id, ..) = random.pick(&PRODUCTS);
    let path = if event == "Order Completed" { "/thanks".to_owned() } else { format!("/p/{id}") };
    let mut search = format!("?utm_source=newsletter&variant={}", 1 + random.below(4));
    if turn.email_in_url {
        search = format!("?utm_source=newsletter&email={}&variant=2", person.email_in_url);
    }
    put!(out, r#""page":{{"url":"https://shop.example{path}{search}","path":"{path}","search":"{search}","#);
    put!(out, r#""referrer":"{}","title":{}}},"#, random.pick(&REFERRERS), Quoted(name));
}

/// Within some kilometres of the city.
fn jitter(degrees: f64, random: &mut Random) -> f64 {
    degrees + (f64::from(random.below(20_000)) - 10_000.0) / 100_000.0
}
