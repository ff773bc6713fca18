//! One record's bytes → its messages, each an event or a dead letter (wire.md, In). It knows nothing of profiles.

use crate::model::json::{self, Json};
use crate::model::number::Decimal;
use crate::model::time;
use crate::model::touched;
use crate::model::value::Value;

/// A message that can be used.
#[derive(Debug, Clone)]
pub struct Event {
    /// In lower case.
    pub call: String,
    pub user: Option<String>,
    pub anonymous: Option<String>,
    /// Its own `groupId`.
    pub own_group: Option<String>,
    /// The account it names, from any of the three places.
    pub group: Option<String>,
    pub previous: Option<String>,
    pub message_id: Option<String>,
    /// Time: never later than record time.
    pub time: i64,
    pub body: Json,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Dead {
    pub reason: &'static str,
    /// For one item of a batch: its index, and the item with the outer context merged in.
    pub item: Option<(u32, Json)>,
}

/// How records are read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    pub unwrap: Vec<String>,
    pub placeholders: Vec<String>,
}

/// One message of a record; `None` for one of our own, coming back.
pub type Message = Result<Option<Event>, Dead>;

const CALLS: [&str; 7] = ["track", "page", "screen", "identify", "group", "alias", "delete"];
const ID_BYTES: usize = 512;

impl Reading {
    pub fn record(&self, value: &[u8], record_time: i64) -> Vec<Message> {
        let Some(record) = Json::parse(value) else {
            return vec![Err(Dead { reason: "not_json", item: None })];
        };
        // wire.md, Dead letters: a record over 1 MiB; playbook.md: the first reason in the order listed, so the last.
        let too_large = value.len() > 1 << 20;
        let message = self.unwrapped(record);
        let (outer, items) = match message {
            Json::List(items) => (Json::Null, items),
            ref whole if call(whole).is_none() && matches!(whole.get("batch"), Some(Json::List(_))) => {
                let Some(Json::List(items)) = whole.get("batch").cloned() else { unreachable!("just seen") };
                (message, items)
            }
            single => {
                return vec![self.message(single, record_time, too_large).map_err(|r| Dead { reason: r, item: None })];
            }
        };
        let mut messages = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let item = with_outer(item, &outer);
            let dead = |reason| Dead { reason, item: Some((index as u32, item.clone())) };
            messages.push(self.message(item.clone(), record_time, too_large).map_err(dead));
        }
        messages
    }

    /// wire.md, Envelopes: an object with a known `type` is one message; else the unwrap path, when set and there (an
    /// object, an array, or a text that is JSON), is taken, else the record itself.
    fn unwrapped(&self, record: Json) -> Json {
        if call(&record).is_some() || self.unwrap.is_empty() {
            return record;
        }
        let path: Vec<&str> = self.unwrap.iter().map(String::as_str).collect();
        match record.at(&path) {
            Some(inner @ (Json::Object(_) | Json::List(_))) => inner.clone(),
            Some(Json::Text(text)) => Json::parse(text.as_bytes()).unwrap_or(record),
            _ => record,
        }
    }

    fn message(&self, body: Json, record_time: i64, too_large: bool) -> Result<Option<Event>, &'static str> {
        // Our own messages are recognised first, whatever else is wrong with them.
        if body.at(&["context", "library", "name"]).and_then(Json::text) == Some("kairos") {
            return Ok(None);
        }
        if !matches!(body, Json::Object(_)) {
            return Err("not_an_object");
        }
        let call = call(&body).ok_or("no_type")?;
        let id = |key: &str| self.id(member(&body, &[key]));
        let (user, anonymous, group, previous) = (id("userId"), id("anonymousId"), id("groupId"), id("previousId"));
        if user.is_none() && anonymous.is_none() && !(call == "group" && group.is_some()) {
            return Err("no_id");
        }
        let named = |name: &str| !name.trim().is_empty();
        if call == "track" && !body.get("event").and_then(Json::text).is_some_and(named) {
            return Err("no_event");
        }
        let long = |id: &Option<String>| id.as_ref().is_some_and(|id| id.len() > ID_BYTES);
        if long(&user) || long(&anonymous) || call == "group" && long(&group) || call == "alias" && long(&previous) {
            return Err("id_too_long");
        }
        if too_large {
            return Err("too_large");
        }
        // The account in `groupId`, `context.groupId` or `traits.company.id`; one too long is no id.
        let company = self.id(member(&body, &["traits", "company", "id"]));
        let own_group = group.filter(|id| id.len() <= ID_BYTES);
        let group = [own_group.clone(), self.id(member(&body, &["context", "groupId"])), company]
            .into_iter()
            .flatten()
            .find(|id| id.len() <= ID_BYTES);
        let message_id = body.get("messageId").and_then(Json::text).filter(|id| !id.is_empty()).map(str::to_owned);
        let time = event_time(&body, record_time);
        Ok(Some(Event { call, user, anonymous, own_group, group, previous, message_id, time, body }))
    }

    /// An id: a text as it is, or a number: an integral value's exact digits, another's text as written. A placeholder is no id.
    fn id(&self, value: Option<&Json>) -> Option<String> {
        let id = match value? {
            Json::Text(text) => text.clone(),
            Json::Number(text) => Decimal::parse(text)?.integral().unwrap_or_else(|| text.clone()),
            _ => return None,
        };
        let bare = id.trim().to_ascii_lowercase();
        touched::clause_if("a number as an id", matches!(value, Some(Json::Number(_))));
        let built_in = ["", "-1", "null", "undefined", "anonymous", "none", "nil", "nan", "(null)", "[object object]"];
        let set = self.placeholders.iter().any(|more| more.trim().to_ascii_lowercase() == bare);
        let only_zeros_and_dashes = bare.chars().all(|c| matches!(c, '0' | '-'));
        let is_none = built_in.contains(&bare.as_str()) || set || only_zeros_and_dashes;
        touched::clause_if("a placeholder id", is_none);
        (!is_none).then_some(id)
    }
}

/// A member as it is: an id may be a number that no double holds.
fn member<'a>(body: &'a Json, path: &[&str]) -> Option<&'a Json> {
    path.iter().try_fold(body, |value, key| value.members().iter().find(|(name, _)| name == key).map(|(_, v)| v))
}

/// A known `type`, in any case of ASCII letters.
fn call(body: &Json) -> Option<String> {
    let name = body.get("type")?.text()?.to_ascii_lowercase();
    CALLS.contains(&name.as_str()).then_some(name)
}

/// wire.md, Envelopes: batch-level `context` merges per top-level key, the item wins; `integrations`, `sentAt` only if the
/// item has none; nothing else merges.
fn with_outer(mut item: Json, outer: &Json) -> Json {
    if !matches!(item, Json::Object(_)) {
        return item;
    }
    for key in ["integrations", "sentAt"] {
        if let (None, Some(value)) = (item.get(key), outer.get(key)) {
            item.set(key, value.clone());
        }
    }
    if let Some(outer @ Json::Object(_)) = outer.get("context") {
        let own = item.get("context").cloned().unwrap_or(Json::Object(Vec::new()));
        if matches!(own, Json::Object(_)) {
            touched::clause("a context merged in");
            let mut merged = outer.clone();
            own.members().iter().for_each(|(key, value)| merged.set(key, value.clone()));
            item.set("context", merged);
        }
    }
    item
}

/// Time: the first of three that parses, else record time; never later than record time.
fn event_time(body: &Json, record_time: i64) -> i64 {
    let keys = ["timestamp", "originalTimestamp", "receivedAt"];
    let said = keys.iter().find_map(|key| time::parse(body.get(key)?.text()?)).unwrap_or(record_time);
    touched::clause_if("a late event", said < record_time);
    touched::clause_if("an event time set back", said > record_time);
    said.min(record_time)
}

impl Event {
    /// Signals: what a `where`, `value` or `distinct` can name.
    pub fn root(&self, name: &str) -> Value {
        match name {
            "type" => Value::Text(self.call.clone()),
            "userId" => Value::text(self.user.as_deref()),
            "anonymousId" => Value::text(self.anonymous.as_deref()),
            "groupId" => Value::text(self.own_group.as_deref()),
            // Only a track has one, whatever else is written there.
            "event" if self.call != "track" => Value::Null,
            // Filled from `properties.name` when it is not there.
            "name" => Value::of(self.body.get("name").or_else(|| self.body.at(&["properties", "name"]))),
            "path" => self.path().map_or(Value::Null, Value::Text),
            _ => Value::of(self.body.get(name)),
        }
    }

    /// Small print, Paths and times: the first of the three that is a text.
    fn path(&self) -> Option<String> {
        let text = |path: &[&str]| self.body.at(path).and_then(Json::text);
        if let Some(path) = text(&["properties", "path"]).or_else(|| text(&["context", "page", "path"])) {
            return Some(path.to_owned());
        }
        let url = text(&["properties", "url"])?.split(['?', '#']).next().expect("split yields at least one");
        let path = match url.split_once("://") {
            Some((scheme, rest)) if !scheme.contains('/') => rest.find('/').map_or("", |slash| &rest[slash..]),
            _ => url,
        };
        Some(if path.is_empty() { "/".to_owned() } else { path.to_owned() })
    }

    /// The value at a path as JSON, with a number's own text.
    pub fn json(&self, expr: &crate::model::expr::Expr) -> Option<Json> {
        use crate::model::expr::Expr;
        match expr {
            Expr::Member(base, key) => self.json(base)?.get(key).cloned(),
            Expr::Index(base, index) => match (self.json(base)?, &**index) {
                (object, Expr::Text(key)) => object.get(key).cloned(),
                (Json::List(items), Expr::Number(at)) => {
                    items.get(*at as usize).cloned().filter(|item| !item.is_null())
                }
                _ => None,
            },
            Expr::Name(name) => match name.as_str() {
                "properties" | "traits" | "context" | "category" => self.body.get(name).cloned(),
                _ => match self.root(name) {
                    Value::Text(text) => Some(json::text(text)),
                    _ => None,
                },
            },
            _ => None,
        }
    }
}
