//! What the reasons mean, for people. It must not know where they are found.

use super::Which;
use crate::engine::Reason;
use crate::forwarder::DeadReason;

/// All names that either topic has.
pub fn known() -> Vec<&'static str> {
    let mut all: Vec<&str> = Reason::ALL.map(Reason::as_str).to_vec();
    all.extend(DeadReason::ALL.map(DeadReason::name));
    all.sort_unstable();
    all.dedup();
    all
}

/// What it means, and whether sending it again can help.
pub fn meaning(which: Which, name: &str) -> Option<&'static str> {
    match which {
        Which::Raw => Reason::ALL.into_iter().find(|reason| reason.as_str() == name).map(raw),
        Which::Outgoing => DeadReason::ALL.into_iter().find(|reason| reason.name() == name).map(outgoing),
    }
}

fn raw(reason: Reason) -> &'static str {
    match reason {
        Reason::NotJson => {
            "not JSON: empty, cut off, more after its end, NaN, or nested over 128 deep. It fails again as it is."
        }
        Reason::NotAnObject => {
            "JSON, but no object where a message was looked for. If it lies deeper, set raw.unwrap, and then replay."
        }
        Reason::NoType => {
            "without a `type` that is one of Segment's calls. If the message lies deeper, set raw.unwrap, and then replay."
        }
        Reason::NoId => {
            "nobody's: no usable userId or anonymousId. Placeholders such as `null` or `undefined` are no ids; mend the source. If raw.placeholders was too wide, narrow it, and then replay."
        }
        Reason::NoEvent => "a `track` without the name of its event. Mend the source; it fails again as it is.",
        Reason::IdTooLong => "an id of more than 512 bytes. Mend the source; it fails again as it is.",
        Reason::TooLarge => "a record of more than 1 MiB. Split the batch at its source; it fails again as it is.",
    }
}

fn outgoing(reason: DeadReason) -> &'static str {
    match reason {
        DeadReason::NotJson => {
            "not JSON: something other than Kairos writes to the outgoing topic. It fails again as it is."
        }
        DeadReason::NotAnObject => {
            "JSON, but no object: something other than Kairos writes to the outgoing topic. It fails again as it is."
        }
        DeadReason::NoType => "its `type` is none of Segment's calls. It fails again as it is.",
        DeadReason::NoMessageId => {
            "without a `messageId` the receiver could not tell a repeated delivery. It fails again as it is."
        }
        DeadReason::TooLarge => "Segment silently drops items of 32 KB and more. It fails again as it is.",
        DeadReason::Refused => {
            "the endpoint refused this one by itself; the detail has its status and first words. Once the cause is mended there, replay."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_a_meaning_where_they_occur() {
        assert!(known().iter().all(|name| [Which::Raw, Which::Outgoing].iter().any(|w| meaning(*w, name).is_some())));
        assert_eq!(meaning(Which::Outgoing, "no_id"), None);
        assert_eq!(meaning(Which::Raw, "refused"), None);
        assert_ne!(meaning(Which::Raw, "too_large"), meaning(Which::Outgoing, "too_large"));
    }
}
