//! A condition as a tree of its parts, each with its value now. What is to be true or false is noted as a question about
//! the future, in the order of the tree. It knows nothing of moments or scores' terms.

use serde_json::{Value, json};

use super::super::eval::{Val, eval};
use super::super::person::Person;
use super::super::playbook::code::mirrored;
use super::super::playbook::meant::{Compare, Expr, SignalQuery};
use super::super::playbook::program::cell_of;
use super::super::playbook::walk;
use super::super::profile::numbers::Basic;
use super::future::Question;
use super::said::{Compared, Flip, Part, REDACTED};
use super::say;

pub struct Conditions<'a> {
    pub person: Person<'a>,
    /// Values that come from the person's own data are not shown.
    pub redact: bool,
    pub questions: Vec<Question>,
}

impl Conditions<'_> {
    /// A part that is to be true or false, with all that it is made of.
    pub fn truth(&mut self, expr: &Expr) -> Part {
        let code = self.person.program.part(expr);
        self.questions.push(Question::Holds(code));
        let mut part = self.value(expr);
        // The answer comes when all questions are asked.
        part.flips = Some(Flip::Never);
        part.compared = self.compared(expr);
        part.parts = match expr {
            Expr::And(all) | Expr::Or(all) => all.iter().map(|one| self.truth(one)).collect(),
            Expr::Not(one) => vec![self.truth(one)],
            Expr::If(test, yes, no) => [test, yes, no].into_iter().map(|one| self.truth(one)).collect(),
            // The two sides are told already, unless they are made of something.
            Expr::Compare(_, a, b) => [a, b].into_iter().flat_map(|side| self.parts(side)).collect(),
            other => self.parts(other),
        };
        part
    }

    /// The values something is made of; constants speak for themselves.
    fn parts(&self, expr: &Expr) -> Vec<Part> {
        let varying = walk::parts(expr).into_iter().filter(|part| !is_constant(part));
        varying.map(|part| Part { parts: self.parts(part), ..self.value(part) }).collect()
    }

    fn value(&self, expr: &Expr) -> Part {
        let (value, unit) = self.shown(expr);
        Part { text: say::expression(expr, &self.person.program.playbook), value, unit, ..Part::default() }
    }

    fn shown(&self, expr: &Expr) -> (Value, Option<String>) {
        let code = self.person.program.part(expr);
        let value = eval(&code, code.root, &self.person).value;
        if self.redact && is_personal(expr) && !is_test(expr) && !matches!(value, Val::Null) {
            return (REDACTED.into(), None);
        }
        plain(&value)
    }

    fn compared(&self, expr: &Expr) -> Option<Compared> {
        match expr {
            Expr::Compare(op, a, b) if is_constant(a) && !is_constant(b) => Some(self.sides(mirrored(*op), b, a)),
            Expr::Compare(op, a, b) => Some(self.sides(*op, a, b)),
            Expr::Signal(signal, asked @ SignalQuery::Silent(needed)) => {
                let cell = self.person.program.id(&cell_of(*signal, *asked))?;
                let seen = Basic::read(self.person.body.get(cell));
                let silence = seen.map(|seen| self.person.clock - seen.latest);
                Some(Compared {
                    value: json!(silence),
                    is: say::sign(Compare::GreaterEqual).into(),
                    threshold: json!(needed),
                    gap: json!(silence.map(|silence| silence - needed)),
                    unit: Some("ms".into()),
                })
            }
            _ => None,
        }
    }

    fn sides(&self, op: Compare, value: &Expr, threshold: &Expr) -> Compared {
        let ((value, unit), (threshold, _)) = (self.shown(value), self.shown(threshold));
        let gap = match (value.as_i64(), threshold.as_i64(), value.as_f64(), threshold.as_f64()) {
            (Some(value), Some(threshold), ..) => json!(value.saturating_sub(threshold)),
            (_, _, Some(value), Some(threshold)) => json!(value - threshold),
            _ => Value::Null,
        };
        Compared { value, is: say::sign(op).into(), threshold, gap, unit }
    }
}

/// The value, and the unit where the value alone does not tell.
fn plain(value: &Val<'_>) -> (Value, Option<String>) {
    match value {
        Val::Null | Val::Items(..) => (Value::Null, None),
        Val::Bool(b) => (json!(b), None),
        Val::Number(n) if n.fract() == 0.0 => (json!(*n as i64), None),
        Val::Number(n) => (json!(n), None),
        Val::Text(text) => (json!(text), None),
        Val::Duration(length) => (json!(length), Some("ms".into())),
        Val::Json(value) => (json(value), None),
    }
}

/// A value of an event, as JSON.
pub fn json(value: &super::super::event::Value<'_>) -> Value {
    use super::super::event::Value as Kept;
    match value {
        Kept::Null => Value::Null,
        Kept::Bool(b) => json!(b),
        Kept::Number(n) => serde_json::from_str(n.text).unwrap_or_else(|_| json!(n.text)),
        Kept::Text(text) => json!(text),
        Kept::List(list) => serde_json::from_str(list.raw()).unwrap_or_else(|_| json!(list.raw())),
        Kept::Object(object) => serde_json::from_str(object.raw()).unwrap_or_else(|_| json!(object.raw())),
    }
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Null | Expr::Bool(_) | Expr::Number(_) | Expr::Text(_) => true,
        Expr::Duration(_) | Expr::List(_) | Expr::Negate(_) => walk::parts(expr).into_iter().all(is_constant),
        _ => false,
    }
}

/// Whether it rests on what the person's traits or account say.
fn is_personal(expr: &Expr) -> bool {
    let mut found = false;
    walk::each(expr, &mut |part| {
        found |= matches!(part, Expr::Path(_) | Expr::Has(_) | Expr::EmailDomain | Expr::AccountId);
    });
    found
}

/// Whether it asks a question of the playbook's, whose answer explains points and moments.
fn is_test(expr: &Expr) -> bool {
    use Expr::{And, Compare, EmailIsPersonal, Has, In, Matches, MatchesDynamic, Not, Or, TextTest};
    matches!(
        expr,
        And(_)
            | Or(_)
            | Not(_)
            | Compare(..)
            | In(..)
            | TextTest(..)
            | Matches(..)
            | MatchesDynamic(..)
            | Has(_)
            | EmailIsPersonal
    )
}
