//! What a name or a path in an expression stands for.

use super::expression::{Checker, Scope};
use super::types::Types;
use crate::engine::playbook::expression::{Kind, NodeId};
use crate::engine::playbook::meant::{Expr, Path, Root};
use crate::engine::playbook::mistake::Code;

/// Roots of a `where`.
const OF_EVENT: [(&str, Root); 11] = [
    ("properties", Root::Properties),
    ("traits", Root::Traits),
    ("context", Root::Context),
    ("type", Root::Type),
    ("event", Root::Event),
    ("name", Root::Name),
    ("category", Root::Category),
    ("userId", Root::UserId),
    ("anonymousId", Root::AnonymousId),
    ("groupId", Root::GroupId),
    ("path", Root::PagePath),
];

/// Roots of scores and moments, beside the signals.
const OF_PERSON: [&str; 7] = ["traits", "group", "groupId", "score", "segment", "email", "profile"];

const OF_EMAIL: [&str; 2] = ["domain", "is_personal"];

const NOTHING: (Expr, Types) = (Expr::Null, Types::ANY);

impl Checker<'_> {
    /// A name, `a.b`, or `a[…]`.
    pub(super) fn place_of_value(&mut self, id: NodeId) -> (Expr, Types) {
        let (base, keys) = self.chain(id);
        match self.tree.node(base).kind.clone() {
            Kind::Name(root) => match self.scope {
                Scope::Event => self.of_event(id, base, &root, keys),
                Scope::Person => self.of_person(id, base, &root, keys),
            },
            _ => self.part(id),
        }
    }

    /// The links down to what is no link any more, and the constant keys on the way.
    fn chain(&self, id: NodeId) -> (NodeId, Vec<String>) {
        let (mut base, mut keys) = (id, Vec::new());
        loop {
            let (of, key) = match &self.tree.node(base).kind {
                Kind::Member { of, name, .. } => (*of, name.clone()),
                Kind::Index { of, key } => match self.tree.text(*key) {
                    Some(text) => (*of, text.to_string()),
                    None => break,
                },
                _ => break,
            };
            keys.push(key);
            base = of;
        }
        keys.reverse();
        (base, keys)
    }

    /// A part of a value that is no path: `x[0]`, `x[0].name`.
    fn part(&mut self, id: NodeId) -> (Expr, Types) {
        let (of, key) = match self.tree.node(id).kind.clone() {
            Kind::Member { of, name, .. } => (of, Expr::Text(name.into())),
            Kind::Index { of, key } => {
                self.demand(key, Types::NUMBER | Types::TEXT, "a part is named by a number or a text");
                (of, self.meanings[key].clone())
            }
            _ => return NOTHING,
        };
        self.demand(of, Types::LIST | Types::OBJECT, "only lists and objects have parts");
        (Expr::Index(self.boxed(of), Box::new(key)), Types::JSON)
    }

    fn of_event(&mut self, id: NodeId, base: NodeId, name: &str, keys: Vec<String>) -> (Expr, Types) {
        let Some((_, root)) = OF_EVENT.into_iter().find(|(known, _)| *known == name) else {
            return self.unknown(base, name);
        };
        let types = match root {
            Root::Properties | Root::Traits | Root::Context => match keys.is_empty() {
                true => Types::OBJECT | Types::NULL,
                false => Types::JSON,
            },
            _ if !keys.is_empty() => {
                let mistake = self.mistake(Code::NeverMatches, id, format!("`{name}` has no parts"));
                self.mistakes.push(mistake.help(format!("`{name}` stands alone; the event's data is in `properties`")));
                return NOTHING;
            }
            Root::Type => Types::TEXT,
            Root::Name | Root::Category | Root::Event => Types::JSON,
            _ => Types::TEXT | Types::NULL,
        };
        (Expr::Path(Path { root, keys }), types)
    }

    fn of_person(&mut self, id: NodeId, base: NodeId, name: &str, keys: Vec<String>) -> (Expr, Types) {
        match (name, keys.as_slice()) {
            ("traits" | "group", []) => {
                let message = format!("`{name}` alone is everything; only what is named is kept");
                let mistake = self.mistake(Code::NotHere, id, message);
                self.mistakes.push(mistake.help(format!("name one, such as `{name}.plan`")));
                NOTHING
            }
            ("traits", _) => (Expr::Path(Path { root: Root::Traits, keys }), Types::JSON),
            ("group", _) => (Expr::Path(Path { root: Root::Group, keys }), Types::JSON),
            ("groupId", []) => (Expr::AccountId, Types::TEXT | Types::NULL),
            ("score", [score]) => match self.score(id, score) {
                Some(score) => (Expr::Score(score), Types::NUMBER),
                None => NOTHING,
            },
            ("segment", [score]) => match self.score(id, score) {
                Some(score) => (Expr::Segment(score), Types::TEXT),
                None => NOTHING,
            },
            ("email", [part]) if part == "domain" => (Expr::EmailDomain, Types::TEXT | Types::NULL),
            ("email", [part]) if part == "is_personal" => (Expr::EmailIsPersonal, Types::BOOL | Types::NULL),
            _ => self.not_a_value(id, base, name, &keys),
        }
    }

    fn score(&mut self, id: NodeId, name: &str) -> Option<usize> {
        let found = self.names.score(name);
        if found.is_none() {
            let mistake =
                self.mistake_at(Code::UnknownScore, self.name_span(id), format!("there is no score `{name}`"));
            self.mistakes.push(mistake.label("unknown score").nearest(name, self.names.score_names()));
        }
        found
    }

    /// Names that are known, but not as they are used.
    fn not_a_value(&mut self, id: NodeId, base: NodeId, name: &str, keys: &[String]) -> (Expr, Types) {
        let mistake = match (name, keys) {
            ("score" | "segment", []) => {
                self.mistake(Code::UnknownScore, id, format!("`{name}` needs the name of a score: `{name}.NAME`"))
            }
            ("score" | "segment", _) => {
                self.mistake(Code::NeverMatches, id, format!("`{name}.{}` has no parts", keys[0]))
            }
            ("email", []) => self
                .mistake(Code::UnknownName, id, "`email` alone is not a value")
                .help("use `email.domain`, `email.is_personal`, or `traits.email` for the address"),
            ("email", [part, ..]) => self
                .mistake(Code::UnknownName, id, format!("`email` has no `{part}`"))
                .help("it has `email.domain` and `email.is_personal`")
                .nearest(part, OF_EMAIL),
            ("profile", _) => self
                .mistake(Code::UnknownName, id, "of a profile only its age can be asked")
                .help("use `profile.age()`"),
            ("groupId", _) => self
                .mistake(Code::NeverMatches, id, "`groupId` has no parts")
                .help("traits of the group are in `group`, such as `group.plan`"),
            _ if self.names.signal(name).is_some() => {
                let message = format!("the signal `{name}` is not a value by itself");
                let asked = keys.first().map_or("count(\"30d\")".into(), |key| format!("{key}(…)"));
                self.mistake(Code::UnknownName, id, message).help(format!("ask it something, such as `{name}.{asked}`"))
            }
            _ => return self.unknown(base, name),
        };
        self.mistakes.push(mistake);
        NOTHING
    }

    /// A name that means nothing here, though perhaps elsewhere.
    pub(super) fn unknown(&mut self, id: NodeId, name: &str) -> (Expr, Types) {
        let is_signal = self.names.signal(name).is_some();
        let mistake = match self.scope {
            _ if name == "account" || name == "table" => {
                self.mistake(Code::NotYet, id, format!("`{name}` is reserved for later: not yet"))
            }
            Scope::Event if is_signal || OF_PERSON.contains(&name) => {
                let message = format!("`{name}` is not known in a `where`, which sees the event alone");
                self.mistake(Code::NotHere, id, message).help("ask for it in a score's term or in a moment")
            }
            Scope::Person if OF_EVENT.iter().any(|(known, _)| *known == name) => {
                let message = format!("`{name}` belongs to one event; scores and moments are about the person");
                let help = format!("make a signal with a `where` on `{name}`, and ask it here");
                self.mistake(Code::NotHere, id, message).help(help)
            }
            Scope::Event => {
                let mistake = self.mistake(Code::UnknownName, id, format!("there is no `{name}` in an event"));
                let known = OF_EVENT.map(|(known, _)| known);
                mistake.help(format!("it has {}", known.join(", "))).nearest(name, known)
            }
            Scope::Person => {
                let mistake = self.mistake(Code::UnknownName, id, format!("there is no `{name}`"));
                let known = OF_PERSON.into_iter().chain(self.names.signal_names());
                mistake.help(format!("for a trait write `traits.{name}`")).nearest(name, known)
            }
        };
        self.mistakes.push(mistake.label("unknown here"));
        NOTHING
    }

    /// The last name of a path, or all of it.
    fn name_span(&self, id: NodeId) -> std::ops::Range<usize> {
        match &self.tree.node(id).kind {
            Kind::Member { name_span, .. } => name_span.clone(),
            _ => self.tree.node(id).span.clone(),
        }
    }
}
