//! All there is of the language, as the pages name it: which of it a run of random cases touched. A function counts as
//! touched when it came to more than one value, a clause when it made a difference, a key when an accepted playbook had it.

use std::fmt::Write as _;

use crate::model::touched;

/// By section of the pages.
const LANGUAGE: &[(&str, &[&str])] = &[
    (
        "signals, asked",
        &[
            "count()",
            "count(w, ago)",
            "sum()",
            "max()",
            "avg()",
            "last()",
            "distinct()",
            "days()",
            "days(w, ago)",
            "total()",
            "seen()",
            "silent()",
            "streak()",
        ],
    ),
    (
        "values of a person",
        &[
            "traits.",
            "group.",
            "groupId",
            "score.",
            "segment.",
            "email.domain",
            "email.is_personal",
            "age()",
            "time_since()",
            "time_until()",
        ],
    ),
    (
        "values of an event",
        &[
            "where type",
            "where event",
            "where name",
            "where category",
            "where properties",
            "where traits",
            "where context",
            "where userId",
            "where anonymousId",
            "where groupId",
            "where path",
        ],
    ),
    (
        "expressions",
        &[
            "&&",
            "||",
            "!",
            "==",
            "!=",
            "<",
            "<=",
            ">",
            ">=",
            "in",
            "+",
            "+ of texts",
            "-",
            "*",
            "/",
            "%",
            "-x",
            "?:",
            "has()",
            "size()",
            "startsWith()",
            "endsWith()",
            "contains()",
            "matches()",
            "lowerAscii()",
            "double()",
            "int()",
            "string()",
            "duration()",
            "x[0]",
            "x[\"key\"]",
        ],
    ),
    (
        "keys",
        &[
            "settings.min_interval",
            "settings.free_mail",
            "signals.on",
            "signals.event",
            "signals.where",
            "signals.value",
            "signals.distinct",
            "signals.sequence",
            "signals.within",
            "on track",
            "on page",
            "on screen",
            "on identify",
            "on group",
            "on alias",
            "scores.half",
            "scores.segments",
            "scores.terms",
            "scores.publish_score",
            "scores.publish_signals",
            "scores.min_delta",
            "scores.margin",
            "term.label",
            "term.points",
            "term.signal",
            "term.lifespan",
            "term.cap",
            "term.when",
            "moments.when",
            "moments.until",
            "moments.for",
            "moments.cooldown",
            "moments.needs_history",
            "moments.score",
            "moments.trait",
            "moments.ended",
            "moments.enabled",
        ],
    ),
    (
        "time",
        &[
            "the idle clock",
            "a record far ahead",
            "a record of an earlier time",
            "a late event",
            "an event time set back",
            "a message at a minute",
        ],
    ),
    (
        "scores and moments",
        &[
            "cap",
            "raw below 0",
            "margin",
            "for waits",
            "for waited",
            "a run of for while on",
            "cooldown waits",
            "needs_history waits",
            "until keeps it on",
            "until ends it while when is true",
            "an end sent",
            "a step that is not enabled",
            "a sequence occurs",
        ],
    ),
    (
        "what goes out",
        &[
            "a trait goes out as null",
            "a later path of a trait",
            "a trait that is a number",
            "a trait that is true or false",
            "a score goes out alone",
            "min_interval waits",
            "min_delta waits",
            "more reasons than five",
            "before the hold-back time",
            "the hold-back minute",
            "a moment sent late",
            "a score at the hold-back minute",
        ],
    ),
    (
        "who is who",
        &[
            "an anonymous profile",
            "a linked anonymousId alone",
            "a link moves",
            "two profiles are merged",
            "a user is merged",
            "links move to the survivor",
            "an alias without a user",
            "a repeat",
            "the group changes",
            "a trait is removed",
            "a context path",
            "a user is deleted",
            "a linked user is deleted by anonymousId",
            "an anonymous profile is deleted",
        ],
    ),
    (
        "what comes in",
        &[
            "a record without a value",
            "a record with none",
            "a record with many messages",
            "a context merged in",
            "an item that is a dead letter",
            "our own message",
            "a group call without a person",
            "a number as an id",
            "a placeholder id",
            "not_json",
            "not_an_object",
            "no_type",
            "no_id",
            "no_event",
            "id_too_long",
        ],
    ),
];

/// The share of each section that was touched, with the number of cases by name; what was never touched.
pub fn touched() -> (String, Vec<&'static str>) {
    let noted = touched::next_case();
    let (mut text, mut missing) = (String::new(), Vec::new());
    let strangers = noted.keys().filter(|name| !LANGUAGE.iter().any(|(_, names)| names.contains(&name.as_str())));
    let strangers: Vec<&String> = strangers.collect();
    assert!(strangers.is_empty(), "not on the list: {strangers:?}");
    for (section, names) in LANGUAGE {
        let cases = |name: &str| noted.get(name).filter(|touched| touched.differed).map_or(0, |touched| touched.cases);
        let there: Vec<_> = names.iter().filter(|name| cases(name) > 0).collect();
        let listed: Vec<String> = names.iter().map(|name| format!("{name} {}", cases(name))).collect();
        writeln!(text, "{section}: {} of {}: {}", there.len(), names.len(), listed.join(", ")).expect("a text");
        missing.extend(names.iter().filter(|name| cases(name) == 0));
    }
    let all: usize = LANGUAGE.iter().map(|(_, names)| names.len()).sum();
    writeln!(text, "{} of {all} touched", all - missing.len()).expect("a text");
    (text, missing)
}
