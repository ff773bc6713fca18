//! An inventory as JSON. It knows nothing of how it was made.

use serde_json::{Value, json};

use crate::commands::inventory::{Ids, Inventory, Paths, People, Seen, Span, Tally};
use crate::engine::event::time;

pub fn of(inventory: &Inventory) -> Value {
    let rejected = inventory.rejected.iter().map(
        |(reason, rejects)| json!({ "reason": reason.as_str(), "count": rejects.count, "places": rejects.places }),
    );
    let names = inventory.by_count().into_iter().map(|(call, name)| {
        let mut found = json!({
            "type": call.as_str(),
            "event": name.spellings.common(1).first().map(|(spelling, _)| spelling),
            "count": name.count,
            "spellings": tally(&name.spellings),
        });
        add_span(&mut found, name.span);
        found["paths"] = paths(&name.paths);
        found["paths_left_out"] = name.paths.left_out.into();
        found
    });
    let mut found = json!({
        "records": inventory.records,
        "not_read": inventory.not_read,
        "messages": inventory.messages,
        "empty": inventory.empty,
        "own": inventory.own,
        "untimed": inventory.untimed,
        "rejected": rejected.collect::<Vec<_>>(),
        "names": names.collect::<Vec<_>>(),
        "more_names": inventory.more_names,
        "traits": section(&inventory.traits),
        "group": section(&inventory.group),
        "context": section(&inventory.context),
        "ids": ids(&inventory.ids),
    });
    add_span(&mut found, inventory.span);
    found
}

fn add_span(to: &mut Value, span: Span) {
    to["first"] = span.0.map(|(first, _)| time::format(first)).into();
    to["last"] = span.0.map(|(_, last)| time::format(last)).into();
}

fn section(of: &Paths) -> Value {
    json!({ "messages": of.messages, "paths": paths(of), "paths_left_out": of.left_out })
}

fn paths(of: &Paths) -> Value {
    of.seen.iter().map(|(path, seen)| one_path(path, seen, of.messages)).collect()
}

fn one_path(path: &str, seen: &Seen, messages: u64) -> Value {
    let types: serde_json::Map<_, _> =
        seen.kinds.iter().map(|(kind, count)| (kind.as_str().to_owned(), (*count).into())).collect();
    json!({
        "path": path,
        "count": seen.count,
        "fill": seen.count as f64 / messages.max(1) as f64,
        "types": types,
        "values": tally(&seen.values),
        "more_values": seen.values.has_more,
    })
}

fn tally(of: &Tally) -> Value {
    of.common(usize::MAX).into_iter().map(|(value, count)| json!({ "value": value, "count": count })).collect()
}

fn ids(ids: &Ids) -> Value {
    let people = |people: &People| json!({ "different": people.count(), "more": people.is_full, "in_several_partitions": people.scattered });
    let topic = ids.topic.as_ref().map(|topic| {
        let keys = &topic.keys;
        json!({
            "partitions": topic.messages,
            "keys": {
                "user_id": keys.user_id, "anonymous_id": keys.anonymous_id, "other": keys.other, "none": keys.none,
            },
            "misrouted": topic.misrouted,
        })
    });
    json!({
        "both": ids.both,
        "user_id_only": ids.user_only,
        "anonymous_id_only": ids.anonymous_only,
        "neither": ids.neither,
        "without_message_id": ids.without_message_id,
        "user_ids": people(&ids.users),
        "anonymous_ids": people(&ids.anonymous),
        "topic": topic,
    })
}
