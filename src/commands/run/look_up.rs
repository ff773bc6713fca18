//! What `/users/{id}` answers: the workers are asked for the user, who is explained on a thread beside them. It must not
//! know how they are asked, nor HTTP.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::engine::explain::said::{Explanation, ReadFrom};
use crate::processor::{Known, LookUps};
use crate::telemetry::admin::{Answer, LookUp};

/// Look-ups that wait for their turn; more are turned away.
const WAITING_MAX: usize = 16;
/// How long workers may take; they answer between two batches.
const WITHIN: Duration = Duration::from_secs(2);

type Asked = (String, oneshot::Sender<Answer>);

/// Starts the thread. It ends with the last clone of what is returned.
pub fn start(look_ups: Arc<LookUps>, redact: bool) -> Result<LookUp, String> {
    let (ask, asked) = sync_channel::<Asked>(WAITING_MAX);
    std::thread::Builder::new()
        .name("look-ups".into())
        .spawn(move || answer_all(&asked, &look_ups, redact))
        .map_err(|error| format!("no thread for look-ups: {error}"))?;
    Ok(Arc::new(move |user, answer| {
        if let Err(TrySendError::Full((_, answer)) | TrySendError::Disconnected((_, answer))) =
            ask.try_send((user, answer))
        {
            let _nobody_waits = answer.send(Answer::Late);
        }
    }))
}

fn answer_all(asked: &Receiver<Asked>, look_ups: &LookUps, redact: bool) {
    for (user, answer) in asked {
        let said = said(look_ups.ask(&user, WITHIN), redact);
        let _nobody_waits = answer.send(said);
    }
}

fn said(known: Known, redact: bool) -> Answer {
    match known {
        Known::As(holdings) => {
            let mut holdings = holdings.into_iter();
            let first = holdings.next().expect("somebody holds them");
            let read_from = ReadFrom {
                partition: first.partition,
                next_offset: first.next,
                snapshot: None,
                also_in: holdings.map(|other| other.partition).collect(),
            };
            let said = Explanation { read_from: Some(read_from), ..first.subject.explain(redact) };
            Answer::Known(serde_json::to_value(said).expect("only texts, numbers and lists"))
        }
        Known::Nowhere { partitions, unread, is_anonymous } => {
            Answer::Unknown(nowhere(&partitions, &unread, is_anonymous))
        }
        Known::Unsure => Answer::Late,
    }
}

fn nowhere(partitions: &[i32], unread: &[i32], is_anonymous: bool) -> String {
    if is_anonymous {
        return "this is an anonymous id that no user has claimed: what it did is kept for whoever will, and not evaluated"
            .into();
    }
    let here = match partitions {
        [] => "this instance holds no partition that is ready".to_owned(),
        _ => format!("no such user in the partitions of this instance ({})", list(partitions)),
    };
    let restoring = match unread {
        [] => String::new(),
        _ => format!("; not ready here: {}", list(unread)),
    };
    format!("{here}{restoring}. Other partitions belong to other instances: ask those too")
}

fn list(numbers: &[i32]) -> String {
    numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_not_found_is_told_where_not() {
        let said = nowhere(&[0, 3], &[1], false);
        assert!(said.contains("of this instance (0, 3); not ready here: 1. Other partitions"), "{said}");
        assert!(nowhere(&[], &[], false).contains("holds no partition"));
        assert!(nowhere(&[0], &[], true).contains("anonymous id"));
    }

    #[tokio::test]
    async fn too_many_at_once_are_turned_away() {
        let workers = Arc::new(LookUps::default());
        // A worker that never answers holds the first one up.
        let _asked = workers.join(0);
        let look_up = start(Arc::clone(&workers), false).expect("a thread");
        let answers: Vec<_> = (0..WAITING_MAX + 2)
            .map(|_| {
                let (answer, answered) = oneshot::channel();
                look_up("u1".into(), answer);
                answered
            })
            .collect();
        let last = answers.into_iter().next_back().expect("many were asked");
        assert!(matches!(last.await, Ok(Answer::Late)));
    }
}
