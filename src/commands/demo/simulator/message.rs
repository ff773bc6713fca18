//! What a person does, as the Segment message that a browser or a server would send: real in shape and size. It decides
//! nothing about people.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::person::{Act, Person};
use crate::engine::Millis;

const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
];

/// When it happened, and when it reached Kafka.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub happened: Millis,
    pub received: Millis,
}

/// The message as JSON. `known`: have they said who they are?
pub fn write(dice: &mut Dice, person: &Person, known: bool, act: Act, times: Times) -> Vec<u8> {
    let mut message = Map::new();
    let mut put = |key: &str, value: Value| message.insert(key.to_owned(), value);
    let server = matches!(act, Act::Server(_));
    put("messageId", json!(format!("{}-{}", if server { "node-next" } else { "ajs-next" }, dice.uuid())));
    if !server {
        put("anonymousId", json!(person.anonymous_id));
    }
    put("userId", if known { json!(person.user_id) } else { Value::Null });
    put("timestamp", json!(instant(times.happened)));
    put("originalTimestamp", json!(instant(times.happened)));
    put("sentAt", json!(instant(times.happened + dice.between(20, 400))));
    put("receivedAt", json!(instant(times.received)));
    put("integrations", json!({}));
    put("channel", json!(if server { "server" } else { "client" }));
    put("version", json!(2));
    put("context", if server { server_context() } else { browser_context(dice, person, act) });
    for (key, value) in body(dice, person, act) {
        put(key, value);
    }
    serde_json::to_vec(&message).expect("a JSON map without foreign keys can always be written")
}

fn body(dice: &mut Dice, person: &Person, act: Act) -> Vec<(&'static str, Value)> {
    match act {
        Act::Page(path) => {
            let properties =
                json!({"path": path, "referrer": "", "search": "", "title": title(path), "url": url(path)});
            vec![("type", json!("page")), ("name", Value::Null), ("properties", properties)]
        }
        Act::Track(event) | Act::Server(event) => {
            let properties = json!({"plan": person.plan, "accountName": person.account.name, "feature": title(event)});
            vec![("type", json!("track")), ("event", json!(event)), ("properties", properties)]
        }
        Act::Order => {
            vec![("type", json!("track")), ("event", json!("Order Completed")), ("properties", order(dice, person))]
        }
        Act::Identify => vec![("type", json!("identify")), ("traits", traits(person))],
        Act::Group => {
            vec![("type", json!("group")), ("groupId", json!(person.account.id)), ("traits", account(person))]
        }
    }
}

fn order(dice: &mut Dice, person: &Person) -> Value {
    let seats = dice.between(3, 40);
    let price = if person.orders > 1 { 49 } else { 29 };
    let product =
        json!({"product_id": format!("plan-{}", person.plan), "name": person.plan, "price": price, "quantity": seats});
    // Amounts come as numbers from browsers and as texts from webhooks.
    let revenue = if person.odd_form { json!(format!("{}.00", seats * price)) } else { json!(seats * price) };
    let id = format!("{}-{}", person.user_id, person.orders);
    json!({"order_id": id, "revenue": revenue, "currency": "USD", "products": [product]})
}

fn traits(person: &Person) -> Value {
    let mut company = account(person);
    company["id"] = json!(person.account.id);
    let title = if person.odd_form { "jobTitle" } else { "title" };
    json!({"email": person.email, title: person.title, "plan": person.plan, "company": company,
           "address": {"country": person.account.country}})
}

fn account(person: &Person) -> Value {
    let Person { account, odd_form, .. } = person;
    let employees = if *odd_form { json!(account.employees.to_string()) } else { json!(account.employees) };
    json!({"name": account.name, "employees": employees, "industry": account.industry, "plan": person.plan})
}

fn server_context() -> Value {
    json!({"library": {"name": "@segment/analytics-node", "version": "2.3.0"}})
}

fn browser_context(dice: &mut Dice, person: &Person, act: Act) -> Value {
    let path = if let Act::Page(path) = act { path } else { "/app" };
    json!({
        "ip": format!("203.0.113.{}", dice.between(1, 254)),
        "userAgent": dice.pick(&AGENTS),
        "locale": "en-US",
        "timezone": "Europe/Berlin",
        "library": {"name": "analytics.js", "version": "next-1.81.1"},
        "page": {"path": path, "referrer": "", "search": "", "title": title(path), "url": url(path)},
        "location": {"country": person.account.country},
    })
}

fn url(path: &str) -> String {
    format!("https://saas.example{path}")
}

fn title(path: &str) -> String {
    format!("{} · Simulated SaaS", path.trim_start_matches('/').replace(['/', '-'], " "))
}

/// In the form that the libraries write.
fn instant(time: Millis) -> String {
    Timestamp::from_millisecond(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}
