//! Invented events with canaries: words that a sink must not see, at places that rules name, in spellings that rules meet.

use crate::random::Random;
use crate::tree::{Style, Tree, spell};

/// An event and the words in it that must not leave.
pub struct Event {
    /// The event.
    pub tree: Tree,
    /// Stands only at places that every sink's rules remove or replace.
    pub secret: String,
    /// Stands only at places that no rule of the allow-list names.
    pub unlisted: String,
}

/// Makes an event.
pub fn event(random: &mut Random<'_>) -> Event {
    let word = |prefix: &str, random: &mut Random<'_>| {
        let letters: String = (0..10).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
        format!("{prefix}{letters}")
    };
    let secret = word("zqs", random);
    let unlisted = word("zqu", random);
    let mut maker = Maker { random, secret: &secret, unlisted: &unlisted };
    let mut root = maker.root();
    if maker.random.once_in(12) {
        let other = maker.root();
        root = Tree::List(vec![root, other]);
    }
    Event { tree: root, secret, unlisted }
}

struct Maker<'m, 'b> {
    random: &'m mut Random<'b>,
    secret: &'m str,
    unlisted: &'m str,
}

impl Maker<'_, '_> {
    fn root(&mut self) -> Tree {
        let mut members = Vec::new();
        let count = self.random.below(9);
        for _ in 0..count {
            let (name, value) = self.member();
            members.push((name, value));
        }
        self.add_neutral(&mut members, 2);
        finish(members, self.random)
    }

    /// A member of the root that some rule is about.
    fn member(&mut self) -> (String, Tree) {
        let (name, value) = match self.random.below(13) {
            0 => ("user", self.user()),
            1 => ("context", self.context()),
            2 => ("payload", self.payload(0)),
            3 => ("userId", Tree::Text(self.secret.into())),
            4 => ("payment", self.payment()),
            5 => return (self.name_of("email"), self.hidden(2)),
            6 => return (self.name_of("token"), self.hidden(2)),
            7 => return (self.dotted(), self.hidden(1)),
            8 => ("secret", self.hidden(2)),
            9 => return (String::from("event"), Tree::Text("Order Completed".into())),
            10 => return (String::from("properties"), self.properties()),
            11 => return (String::from("ok"), Tree::Plain((*self.random.pick(&["true", "false", "1"])).into())),
            _ => return (self.neutral_name(), self.neutral(3)),
        };
        (self.name_of(name), value)
    }

    fn user(&mut self) -> Tree {
        if self.random.once_in(5) {
            // A scalar, or an array of scalars, where a rule expects an object.
            let text = Tree::Text(format!("{} ", self.secret));
            return if self.random.once_in(2) { text } else { Tree::List(vec![text, Tree::Plain("1".into())]) };
        }
        let mut members = vec![(self.name_of("email"), self.hidden(2))];
        self.add_neutral(&mut members, 2);
        let user = finish(members, self.random);
        if self.random.once_in(4) { Tree::List(vec![user]) } else { user }
    }

    fn context(&mut self) -> Tree {
        let mut members = Vec::new();
        if self.random.once_in(2) {
            members.push((self.name_of("ip"), self.hidden(1)));
        }
        let mut page = vec![("path".into(), Tree::Text("/a".into()))];
        if self.random.once_in(2) {
            page.push((self.name_of("url"), Tree::Text(self.url())));
        }
        self.add_neutral(&mut page, 1);
        members.push((String::from("page"), finish(page, self.random)));
        self.add_neutral(&mut members, 1);
        finish(members, self.random)
    }

    fn payment(&mut self) -> Tree {
        // Of a card's number a mask shows at most the last half: longer words stay hidden.
        let mut members = vec![(self.name_of("card"), Tree::Text(self.secret.into()))];
        self.add_neutral(&mut members, 1);
        finish(members, self.random)
    }

    fn properties(&mut self) -> Tree {
        let mut members = vec![(String::from("total"), Tree::Plain("12".into()))];
        self.add_neutral(&mut members, 2);
        finish(members, self.random)
    }

    /// JSON text, or what is none, with secrets where the rules inside are.
    fn payload(&mut self, level: usize) -> Tree {
        let text = match self.random.below(8) {
            0 => format!("{}=1&email={}", self.secret, self.secret),
            1 => format!("[{{\"email\":\"{}\"}}]", self.secret),
            2 => format!("\"{}\"", self.secret),
            3 => format!("{{\"email\":\"{}\"", self.secret),
            4 => return self.hidden(1),
            _ => {
                let mut members = vec![(self.name_of("email"), self.hidden(1))];
                if level < 2 && self.random.once_in(2) {
                    members.push((self.name_of("inner"), self.payload(level + 1)));
                }
                if self.random.once_in(2) {
                    members.push((self.name_of("token"), self.hidden(1)));
                }
                self.add_neutral(&mut members, 2);
                let tree = finish(members, self.random);
                let style = Style { shuffle: false, numbers: false };
                String::from_utf8(spell(&tree, style, self.random)).unwrap_or_default()
            }
        };
        if self.random.once_in(6) { Tree::List(vec![Tree::Text(text)]) } else { Tree::Text(text) }
    }

    fn url(&mut self) -> String {
        let name: String =
            if self.random.once_in(2) {
                "email".into()
            } else {
                "email"
                    .bytes()
                    .map(|byte| {
                        if self.random.once_in(2) { format!("%{byte:02x}") } else { char::from(byte).to_uppercase().to_string() }
                    })
                    .collect()
            };
        let secret = self.secret;
        match self.random.below(5) {
            0 => format!("https://{secret}@shop.example/a?b=1"),
            1 => format!("https://shop.example/a?b=1#{name}={secret}"),
            2 => format!("https://shop.example/a;{name}={secret}?b=1"),
            3 => format!("ftp://shop.example/{secret}"),
            _ => format!("https://shop.example/a?b=1&{name}={secret}&c"),
        }
    }

    /// Any value with the secret in it.
    fn hidden(&mut self, depth: usize) -> Tree {
        let text = Tree::Text(format!("{}@x.io", self.secret));
        match self.random.below(if depth == 0 { 2 } else { 6 }) {
            0..=2 => text,
            3 => Tree::List(vec![text, Tree::Plain("1".into())]),
            4 => Tree::Map(vec![("v".into(), self.hidden(depth - 1))]),
            _ => Tree::List(vec![Tree::Map(vec![("v".into(), text)])]),
        }
    }

    /// A spelling of a name that rules still meet.
    fn name_of(&mut self, name: &str) -> String {
        match self.random.below(8) {
            0 => name.to_uppercase(),
            1 => name.chars().map(|letter| if self.random.once_in(2) { letter.to_ascii_uppercase() } else { letter }).collect(),
            2 => name.chars().map(|letter| self.alike(letter)).collect(),
            3 => {
                let at = self.random.below(name.len());
                let unseen = *self.random.pick(&['\u{200B}', '\u{200D}', '\u{AD}', '\u{FE0F}', '\u{2060}']);
                format!("{}{unseen}{}", &name[..at], &name[at..])
            }
            _ => name.into(),
        }
    }

    fn alike(&mut self, letter: char) -> char {
        let alike = match letter {
            'a' => ['\u{430}', 'ａ', '𝐚'],
            'e' => ['\u{435}', 'ｅ', '𝐞'],
            'i' => ['\u{456}', 'ｉ', 'ⅰ'],
            'o' => ['\u{43E}', 'ｏ', '\u{3BF}'],
            'p' => ['\u{440}', 'ｐ', '𝗽'],
            's' => ['\u{455}', 'ｓ', '\u{17F}'],
            'k' => ['\u{212A}', 'ｋ', '𝓀'],
            _ => [letter; 3],
        };
        if self.random.once_in(3) { letter } else { *self.random.pick(&alike) }
    }

    fn dotted(&mut self) -> String {
        let email = self.name_of("email");
        match self.random.below(4) {
            0 => format!("user.{email}"),
            1 => format!("/user/{email}"),
            2 => format!("x.y.{email}"),
            _ => "context.ip".into(),
        }
    }

    fn neutral_name(&mut self) -> String {
        let number = self.random.below(40);
        match self.random.below(6) {
            0 => format!("n{number} Größe \"q\""),
            1 => format!("n{number}😀\\"),
            _ => format!("n{number}"),
        }
    }

    fn add_neutral(&mut self, members: &mut Vec<(String, Tree)>, most: usize) {
        for _ in 0..self.random.below(most + 1) {
            members.push((self.neutral_name(), self.neutral(2)));
        }
    }

    /// What no rule of the deny-list is about; deeper down there may be an e-mail address again.
    fn neutral(&mut self, depth: usize) -> Tree {
        match self.random.below(if depth == 0 { 5 } else { 8 }) {
            0 => Tree::Plain((*self.random.pick(&["null", "true", "false", "-0", "1e400", "12.50", "1E+2", "0.1000"])).into()),
            1 => Tree::Plain(self.random.below(1000).to_string()),
            2 | 3 => Tree::Text(self.unlisted.into()),
            4 => Tree::Text((*self.random.pick(&["", "é \u{2028}", "\\\"\u{1}", "{\"a\":1}", "]}", "😀"])).into()),
            5 => {
                let count = self.random.below(4);
                Tree::List((0..count).map(|_| self.neutral(depth - 1)).collect())
            }
            _ => {
                let mut members = Vec::new();
                self.add_neutral(&mut members, 3);
                if self.random.once_in(3) {
                    members.push((self.name_of("email"), self.hidden(1)));
                }
                finish(members, self.random)
            }
        }
    }
}

/// An object in which no two names are equal.
fn finish(mut members: Vec<(String, Tree)>, random: &mut Random<'_>) -> Tree {
    let mut seen = std::collections::HashSet::new();
    members.retain(|(name, _)| seen.insert(name.clone()));
    for position in (1..members.len()).rev() {
        members.swap(position, random.below(position + 1));
    }
    Tree::Map(members)
}
