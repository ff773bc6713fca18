//! Whether one message can be used: an event, our own coming back, or the first reason that speaks against it.
//! It knows nothing of envelopes.

use super::fields::{Event, Fields};
use super::fold::fold_into;
use super::ids::{BYTES_MAX, Id, Placeholders};
use crate::engine::Reason;
use crate::engine::playbook::meant::Call;

/// The name in `context.library` of what we send.
const OUR_LIBRARY: &str = "kairos";

pub(super) enum Verdict<'a> {
    Event(Event<'a>),
    Own,
    Rejected(Reason, String),
}

/// Reasons are tried in the order of the list of reasons; our own messages come before any.
pub(super) fn judge<'a>(fields: Fields<'a>, placeholders: &Placeholders, folded: &'a mut String) -> Verdict<'a> {
    let fixed = &fields.wanted.fixed;
    let id = |place: usize| placeholders.read(fields.text, fields.spans[place]);
    if fields.text(fixed.library_name).is_some_and(|name| name == OUR_LIBRARY) {
        return Verdict::Own;
    }
    let Some(call) = call(&fields) else { return Verdict::Rejected(Reason::NoType, no_type(&fields)) };
    let (user_id, anonymous_id, group_id) = (id(fixed.user_id), id(fixed.anonymous_id), id(fixed.group_id));
    if let (Id::None(user), Id::None(anonymous)) = (&user_id, &anonymous_id)
        && (call != Call::Group || matches!(group_id, Id::None(_)))
    {
        return Verdict::Rejected(Reason::NoId, format!("`userId` {user}, `anonymousId` {anonymous}"));
    }
    folded.clear();
    if call == Call::Track {
        match fields.text(fixed.event) {
            Some(name) if !name.trim().is_empty() => fold_into(folded, &name),
            Some(_) => return Verdict::Rejected(Reason::NoEvent, "`event` of a track is blank".into()),
            None => return Verdict::Rejected(Reason::NoEvent, "`event` of a track is missing or no text".into()),
        }
    }
    let previous_id = if call == Call::Alias { id(fixed.previous_id) } else { Id::None("") };
    let refused_group = call == Call::Group && group_id == Id::TooLong;
    for (key, is_too_long) in [
        ("userId", user_id == Id::TooLong),
        ("anonymousId", anonymous_id == Id::TooLong),
        ("groupId", refused_group),
        ("previousId", previous_id == Id::TooLong),
    ] {
        if is_too_long {
            return Verdict::Rejected(Reason::IdTooLong, format!("`{key}` has more than {BYTES_MAX} bytes"));
        }
    }
    let group_id = group_id.usable();
    let account = group_id.clone().or_else(|| id(fixed.context_group_id).usable());
    Verdict::Event(Event {
        call,
        user_id: user_id.usable(),
        anonymous_id: anonymous_id.usable(),
        group_id,
        account: account.or_else(|| id(fixed.company_id).usable()),
        previous_id: previous_id.usable(),
        message_id: fields.text(fixed.message_id).filter(|id| !id.is_empty()),
        folded,
        fields,
    })
}

/// The call a message's `type` names, in any case.
pub(super) fn call(fields: &Fields<'_>) -> Option<Call> {
    let kind = fields.text(fields.wanted.fixed.kind)?;
    Call::ALL.into_iter().find(|call| kind.eq_ignore_ascii_case(call.as_str()))
}

fn no_type(fields: &Fields<'_>) -> String {
    let known = Call::ALL.map(Call::as_str).join(", ");
    match fields.text(fields.wanted.fixed.kind) {
        Some(kind) => format!("`type` is \"{}\", none of {known}", kind.chars().take(40).collect::<String>()),
        None => format!("`type` is missing or no text; known are {known}"),
    }
}
