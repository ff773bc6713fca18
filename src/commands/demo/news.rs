//! Messages that arrived at the endpoint, as news for people: which moment, of whom, why, and the identify that went
//! with it. It knows nothing of terminals.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// People remembered by their latest identify; past this all are forgotten, and come again with their next one.
const PEOPLE_MAX: usize = 50_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// As sent: `2026-03-12T19:11:01.266Z`.
    pub time: String,
    /// Without `mk_`.
    pub moment: String,
    pub who: String,
    pub why: String,
    pub identify: String,
}

#[derive(Default)]
pub struct Desk {
    identifies: HashMap<String, Map<String, Value>>,
}

impl Desk {
    /// A moment makes news; an identify is kept for the moment that follows it.
    pub fn read(&mut self, message: &Value) -> Option<News> {
        let user = text(&message["userId"]);
        if let Some(traits) = message["traits"].as_object() {
            if self.identifies.len() >= PEOPLE_MAX {
                self.identifies.clear();
            }
            self.identifies.insert(user.to_owned(), traits.clone());
            return None;
        }
        let moment = text(&message["event"]).strip_prefix("mk_")?.to_owned();
        let traits = self.identifies.get(user);
        Some(News {
            time: text(&message["timestamp"]).to_owned(),
            moment,
            who: who(user, traits),
            why: why(&message["properties"]),
            identify: traits.map(identify).unwrap_or_default(),
        })
    }
}

fn who(user: &str, traits: Option<&Map<String, Value>>) -> String {
    let of = |name: &str| traits.and_then(|traits| traits.get(name)).and_then(Value::as_str);
    let mut who = of("email").unwrap_or(user).to_owned();
    for name in ["mk_job_title", "mk_company"] {
        if let Some(trait_) = of(name) {
            who.push_str(", ");
            who.push_str(trait_);
        }
    }
    who
}

fn why(properties: &Value) -> String {
    let signals: Vec<&str> = properties["signals"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    format!("{} {}: {}", text(&properties["score"]), text(&properties["segment"]), signals.join(", "))
}

/// What Kairos says, without what the company said itself.
fn identify(traits: &Map<String, Value>) -> String {
    let ours =
        traits.iter().filter(|(name, _)| name.ends_with("_segment") || name.ends_with("_score") || *name == "mk_plan");
    ours.map(|(name, value)| format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect::<Vec<_>>()
        .join(" ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_moment_says_who_and_why_and_goes_with_the_identify_before_it() {
        let mut desk = Desk::default();
        let identify = json!({"type": "identify", "userId": "u1", "traits":
            {"email": "cto@initech.example", "mk_company": "Initech", "mk_customer_fit_segment": "good"}});
        assert_eq!(desk.read(&identify), None);
        let moment = json!({"type": "track", "userId": "u1", "timestamp": "2026-03-12T19:11:01.266Z", "event": "mk_ready_to_buy",
            "properties": {"score": "0.72", "segment": "very high", "signals": ["viewed pricing ×5 (+24.0)", "signed up ×1 (+4.0)"]}});
        let news = desk.read(&moment).unwrap();
        assert_eq!(news.moment, "ready_to_buy");
        assert_eq!(news.who, "cto@initech.example, Initech");
        assert_eq!(news.why, "0.72 very high: viewed pricing ×5 (+24.0), signed up ×1 (+4.0)");
        assert_eq!(news.identify, "mk_customer_fit_segment=good");
    }
}
