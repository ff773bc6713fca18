//! Expressions as meant, back into the words a playbook uses. It knows nothing of their values.

use super::super::Millis;
use super::super::playbook::meant::{
    Arith, Compare, Convert, Expr, Path, Playbook, Root, SignalQuery, TextTest, Window,
};

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;

pub fn expression(expr: &Expr, playbook: &Playbook) -> String {
    say(expr, playbook, 0)
}

/// How tightly an expression holds together: looser ones need brackets inside tighter ones.
fn rank(expr: &Expr) -> u8 {
    match expr {
        Expr::If(..) => 0,
        Expr::Or(_) => 1,
        Expr::And(_) => 2,
        Expr::Compare(..) | Expr::In(..) => 3,
        Expr::Arith(Arith::Add | Arith::Subtract, ..) => 4,
        Expr::Arith(..) => 5,
        Expr::Not(_) | Expr::Negate(_) => 6,
        _ => 7,
    }
}

fn say(expr: &Expr, playbook: &Playbook, least: u8) -> String {
    let own = rank(expr);
    let text = words(expr, playbook, own);
    if own < least { format!("({text})") } else { text }
}

fn words(expr: &Expr, playbook: &Playbook, own: u8) -> String {
    let at = |expr: &Expr, least: u8| say(expr, playbook, least);
    let joined = |all: &[Expr], sign: &str| all.iter().map(|e| at(e, own + 1)).collect::<Vec<_>>().join(sign);
    let method = |of: &Expr, name: &str, with: &Expr| format!("{}.{name}({})", at(of, 7), at(with, 0));
    match expr {
        Expr::Null => "null".into(),
        Expr::Bool(b) => b.to_string(),
        Expr::Number(n) => n.to_string(),
        Expr::Text(text) => quoted(text),
        Expr::Duration(text) => format!("duration({})", at(text, 0)),
        Expr::List(items) => format!("[{}]", items.iter().map(|e| at(e, 0)).collect::<Vec<_>>().join(", ")),
        Expr::Path(of) => path(of),
        Expr::Has(of) => format!("has({})", path(of)),
        Expr::Index(of, key) => format!("{}[{}]", at(of, 7), at(key, 0)),
        Expr::Not(one) => format!("!{}", at(one, 6)),
        Expr::Negate(one) => format!("-{}", at(one, 6)),
        Expr::And(all) => joined(all, " && "),
        Expr::Or(all) => joined(all, " || "),
        Expr::If(test, yes, no) => format!("{} ? {} : {}", at(test, 1), at(yes, 1), at(no, 0)),
        Expr::Compare(op, a, b) => format!("{} {} {}", at(a, 4), sign(*op), at(b, 4)),
        Expr::In(a, b) => format!("{} in {}", at(a, 4), at(b, 4)),
        Expr::Arith(op, a, b) => format!("{} {} {}", at(a, own), arith(*op), at(b, own + 1)),
        Expr::TextTest(test, of, with) => method(of, text_test(*test), with),
        // A word's edge was compiled as ASCII's, for that is what it means in a playbook.
        Expr::Matches(of, pattern) => {
            format!("{}.matches({})", at(of, 7), quoted(&pattern.0.as_str().replace("(?-u:\\b)", "\\b")))
        }
        Expr::MatchesDynamic(of, with) => method(of, "matches", with),
        Expr::Convert(Convert::LowerAscii, of) => format!("{}.lowerAscii()", at(of, 7)),
        Expr::Convert(convert, of) => format!("{}({})", conversion(*convert), at(of, 0)),
        Expr::Signal(signal, asked) => {
            format!("{}.{}", playbook.signals[*signal].name, query(*asked, playbook))
        }
        Expr::Score(score) => format!("score.{}", playbook.scores[*score].name),
        Expr::Segment(score) => format!("segment.{}", playbook.scores[*score].name),
        Expr::ProfileAge => "profile.age()".into(),
        Expr::TimeSince(of) => format!("time_since({})", at(of, 0)),
        Expr::TimeUntil(of) => format!("time_until({})", at(of, 0)),
        Expr::EmailDomain => "email.domain".into(),
        Expr::EmailIsPersonal => "email.is_personal".into(),
        Expr::AccountId => "groupId".into(),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub fn sign(op: Compare) -> &'static str {
    match op {
        Compare::Equal => "==",
        Compare::NotEqual => "!=",
        Compare::Less => "<",
        Compare::LessEqual => "<=",
        Compare::Greater => ">",
        Compare::GreaterEqual => ">=",
    }
}

fn arith(op: Arith) -> &'static str {
    match op {
        Arith::Add => "+",
        Arith::Subtract => "-",
        Arith::Multiply => "*",
        Arith::Divide => "/",
        Arith::Remainder => "%",
    }
}

fn text_test(test: TextTest) -> &'static str {
    match test {
        TextTest::StartsWith => "startsWith",
        TextTest::EndsWith => "endsWith",
        TextTest::Contains => "contains",
    }
}

fn conversion(convert: Convert) -> &'static str {
    match convert {
        Convert::Size => "size",
        Convert::LowerAscii => "lowerAscii",
        Convert::Double => "double",
        Convert::Int => "int",
        Convert::Text => "string",
    }
}

fn query(asked: SignalQuery, playbook: &Playbook) -> String {
    let windowed = |name: &str, window: Window, ago: Millis| match ago {
        0 => format!("{name}(\"{}\")", length(window)),
        _ => {
            let back = Window { length: ago, bucket: window.bucket };
            format!("{name}(\"{}\", \"{}\")", length(window), length(back))
        }
    };
    match asked {
        SignalQuery::Count { window, ago } => windowed("count", window, ago),
        SignalQuery::Sum(window) => windowed("sum", window, 0),
        SignalQuery::Max(window) => windowed("max", window, 0),
        SignalQuery::Avg(window) => windowed("avg", window, 0),
        SignalQuery::Last => "last()".into(),
        SignalQuery::Distinct(window) => windowed("distinct", window, 0),
        SignalQuery::Days { window, ago } => windowed("days", window, ago),
        SignalQuery::Total => "total()".into(),
        SignalQuery::Seen => "seen()".into(),
        SignalQuery::Silent(silence) => format!("silent(\"{}\")", duration(silence)),
        SignalQuery::Streak { other, window } => {
            format!("streak({}, \"{}\")", playbook.signals[other].name, length(window))
        }
    }
}

/// A window's length in the unit that has its bucket.
pub fn length(window: Window) -> String {
    let Window { length, bucket } = window;
    match bucket {
        HOUR.. => format!("{}d", length / DAY),
        MINUTE.. => format!("{}h", length / HOUR),
        _ if length % MINUTE == 0 => format!("{}m", length / MINUTE),
        _ => format!("{}s", length / SECOND),
    }
}

fn duration(length: Millis) -> String {
    let units = [(DAY, 'd'), (HOUR, 'h'), (MINUTE, 'm')];
    let (unit, letter) = units.into_iter().find(|(unit, _)| length % unit == 0).unwrap_or((SECOND, 's'));
    format!("{}{letter}", length / unit)
}

pub fn path(path: &Path) -> String {
    let root = match path.root {
        Root::Traits => "traits",
        Root::Context => "context",
        Root::Group => "group",
        Root::Properties => "properties",
        Root::Type => "type",
        Root::Event => "event",
        Root::Name => "name",
        Root::Category => "category",
        Root::UserId => "userId",
        Root::AnonymousId => "anonymousId",
        Root::GroupId => "groupId",
        Root::PagePath => "path",
    };
    path.keys.iter().fold(root.to_owned(), |text, key| {
        let is_name = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_name { format!("{text}.{key}") } else { format!("{text}[{}]", quoted(key)) }
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::playbook;
    use super::*;

    /// What is said of a condition reads as the same condition again.
    #[test]
    fn conditions_are_said_as_they_were_written() {
        for written in [
            r#"score.s >= 0.5 && segment.s in ["low", "high"]"#,
            r#"(a.count("7d") > 1 || a.count("168h", "12h") == 0) && !(a.seen() && a.silent("90m"))"#,
            r#"a.sum("30d") - a.max("4h") / (2 - a.avg("90m")) >= -1.5"#,
            r#"a.distinct("5s") + a.days("28d", "7d") + a.streak(b, "1d") == a.total() + a.last()"#,
            r#"traits.plan.startsWith("p") && traits["job title"].matches("\\bC.O$") && has(group.size)"#,
            r#"(traits.vip ? email.is_personal : email.domain == "a.b") || groupId != null"#,
            r#"time_since(traits.end) > duration("7d") && profile.age() < duration("90m")"#,
            r#"size(traits.title) > 3 && traits.title.lowerAscii().contains("\"x\"")"#,
        ] {
            let text = format!(
                "[signals.a]\nevent = 'A'\nvalue = 'properties.v'\ndistinct = 'properties.d'\n[signals.b]\nevent = 'B'\n\
                 [scores.s]\nhalf = 1\nsegments = {{ low = 0.0, high = 0.5 }}\n\
                 terms = [{{ signal = 'a', points = 1, lifespan = '1d' }}]\n\
                 [moments.m]\nneeds_history = '1d'\nwhen = \'\'\'{written}\'\'\'\n"
            );
            let reading = playbook::read(&text, "p");
            assert_eq!(reading.errors().collect::<Vec<_>>(), Vec::<&playbook::mistake::Mistake>::new(), "{written}");
            let playbook = reading.playbook.expect("no errors");
            assert_eq!(expression(&playbook.moments[0].when, &playbook), written);
        }
    }
}
