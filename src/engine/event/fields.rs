//! One message as the engine sees it: ids resolved, everything else found but not converted before it is asked for.
//! It knows nothing of envelopes, profiles or playbooks.

use std::borrow::Cow;

use super::json::{Kind, Span};
use super::text::unescape;
use super::time;
use super::value::{Object, Value};
use super::wanted::{Slot, Source, Wanted};
use crate::engine::Millis;
use crate::engine::playbook::meant::Call;

/// A message that can be used.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    pub call: Call,
    pub user_id: Option<Cow<'a, str>>,
    pub anonymous_id: Option<Cow<'a, str>>,
    /// The top level's.
    pub group_id: Option<Cow<'a, str>>,
    /// The first of `groupId`, `context.groupId` and `traits.company.id` that is an id.
    pub account: Option<Cow<'a, str>>,
    /// Only of an `alias`.
    pub previous_id: Option<Cow<'a, str>>,
    /// Never empty.
    pub message_id: Option<Cow<'a, str>>,
    /// Of a `track`: its event's name, folded. Else empty.
    pub folded: &'a str,
    pub(super) fields: Fields<'a>,
}

impl<'a> Event<'a> {
    /// The first of the message's own times that parses.
    pub fn event_time(&self) -> Option<Millis> {
        self.fields.event_time()
    }
    pub fn received_at(&self) -> Option<Millis> {
        self.fields.time(self.fields.wanted.fixed.received_at)
    }
    /// As written; of a `track`, the other calls have none whatever is there.
    pub fn event(&self) -> Value<'a> {
        if self.call == Call::Track { self.fields.at(self.fields.wanted.fixed.event) } else { Value::Null }
    }
    /// `properties.name` where there is no `name`.
    pub fn name(&self) -> Value<'a> {
        let fixed = &self.fields.wanted.fixed;
        let own = self.fields.spans[fixed.name].is_there();
        self.fields.at(if own { fixed.name } else { fixed.properties_name })
    }
    pub fn category(&self) -> Value<'a> {
        self.fields.at(self.fields.wanted.fixed.category)
    }
    /// `properties.path`, else `context.page.path`, else the path of `properties.url`: the first that is a text.
    pub fn page_path(&self) -> Option<Cow<'a, str>> {
        let fixed = &self.fields.wanted.fixed;
        let path = self.fields.text(fixed.properties_path).or_else(|| self.fields.text(fixed.page_path));
        path.or_else(|| self.fields.text(fixed.properties_url).map(path_of_url))
    }

    /// What a `where` sees at a path. Ids are those on the message, traits those of its top level: `context.traits` has
    /// a path of its own.
    pub fn value(&self, slot: Slot) -> Value<'a> {
        let fields = &self.fields;
        let text = |id: &Option<Cow<'a, str>>| id.clone().map_or(Value::Null, Value::Text);
        match slot.0 {
            Source::At(place) => fields.at(place),
            Source::Trait { own, .. } => fields.at(own),
            Source::AllTraits => fields.at(fields.wanted.fixed.traits),
            Source::AllContext => fields.all_context(),
            Source::Type => Value::Text(Cow::Borrowed(self.call.as_str())),
            Source::Event => self.event(),
            Source::Name => self.name(),
            Source::UserId => text(&self.user_id),
            Source::AnonymousId => text(&self.anonymous_id),
            Source::GroupId => text(&self.group_id),
            Source::PagePath => self.page_path().map_or(Value::Null, Value::Text),
        }
    }

    /// Whether it may say something about traits of the person.
    pub fn has_traits(&self) -> bool {
        let fixed = &self.fields.wanted.fixed;
        [fixed.traits, fixed.context_traits].iter().any(|place| self.fields.spans[*place].kind != Kind::Absent)
    }

    /// What this message says about a trait of the person: `None` when nothing; null takes it away. A path into an
    /// object follows the object, which is replaced whole. A `group`'s own traits are not the person's.
    pub fn person_trait(&self, slot: Slot) -> Option<Value<'a>> {
        let Source::Trait { own, own_key, context, context_key } = slot.0 else { return None };
        let has = |key: usize| self.fields.spans[key].kind != Kind::Absent;
        if self.call != Call::Group && has(own_key) {
            Some(self.fields.at(own))
        } else {
            has(context_key).then(|| self.fields.at(context))
        }
    }

    /// The same for a trait of the group of a `group`.
    pub fn group_trait(&self, slot: Slot) -> Option<Value<'a>> {
        let Source::Trait { own, own_key, .. } = slot.0 else { return None };
        let is_there = self.call == Call::Group && self.fields.spans[own_key].kind != Kind::Absent;
        is_there.then(|| self.fields.at(own))
    }
}

/// What is before the first `?` or `#`, without a scheme and host.
fn path_of_url(url: Cow<'_, str>) -> Cow<'_, str> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let start = match url[..end].split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => end - rest.len() + rest.find('/').unwrap_or(rest.len()),
        _ => 0,
    };
    if start == end {
        return Cow::Borrowed("/");
    }
    match url {
        Cow::Borrowed(url) => Cow::Borrowed(&url[start..end]),
        Cow::Owned(url) => Cow::Owned(url[start..end].to_owned()),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Where the wanted values of a message lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub text: &'a str,
    pub spans: &'a [Span],
    pub wanted: &'a Wanted,
    /// A batch's own context, merged under the item's.
    pub outer_context: Span,
}

impl<'a> Fields<'a> {
    fn at(&self, place: usize) -> Value<'a> {
        Value::of(self.text, self.spans[place])
    }

    /// Only what is a text.
    pub fn text(&self, place: usize) -> Option<Cow<'a, str>> {
        let span = self.spans[place];
        match span.kind {
            Kind::Text => Some(Cow::Borrowed(span.of(self.text))),
            Kind::Escaped => Some(unescape(span.of(self.text))),
            _ => None,
        }
    }

    pub fn time(&self, place: usize) -> Option<Millis> {
        time::parse(&self.text(place)?)
    }

    pub fn event_time(&self) -> Option<Millis> {
        let fixed = &self.wanted.fixed;
        [fixed.timestamp, fixed.original_timestamp, fixed.received_at].into_iter().find_map(|place| self.time(place))
    }

    fn all_context(&self) -> Value<'a> {
        let own = self.spans[self.wanted.fixed.context];
        match (own.kind, self.outer_context.kind) {
            (Kind::Object, Kind::Object) => self.overlay(own, self.outer_context),
            (Kind::Absent | Kind::Null, Kind::Object) => Value::of(self.text, self.outer_context),
            _ => Value::of(self.text, own),
        }
    }

    fn overlay(&self, over: Span, under: Span) -> Value<'a> {
        Value::Object(Object::overlay(over.of(self.text), under.of(self.text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_urls() {
        for (url, path) in [
            ("https://example.com/pricing?plan=team#top", "/pricing"),
            ("https://example.com", "/"),
            ("https://example.com?x=/y", "/"),
            ("https://example.com/", "/"),
            ("https://example.com/a%20b/", "/a%20b/"),
            ("app+v1.x-y://host/x", "/x"),
            ("/pricing#a?b", "/pricing"),
            ("", "/"),
            ("?a", "/"),
            ("example.com/x", "example.com/x"),
            ("//host/x", "//host/x"),
            ("1a://host/x", "1a://host/x"),
            ("/redirect/https://example.com/x", "/redirect/https://example.com/x"),
            ("/x?to=https://example.com/y", "/x"),
        ] {
            assert_eq!(path_of_url(Cow::Borrowed(url)), path, "{url}");
            assert_eq!(path_of_url(Cow::Owned(url.to_owned())), path, "{url}");
        }
    }
}
