//! A playbook as the model holds it: the file's tables, in file order, with every default of the page filled in.
//! The file is taken to be one that the checker accepts.

use toml::de::{DeTable, DeValue};

use crate::model::expr::{self, Expr};
use crate::model::number::Decimal;
use crate::model::time::{HOUR, Span};
use crate::model::touched;

pub struct Playbook {
    /// Name and paths.
    pub traits: Vec<(String, Vec<Vec<String>>)>,
    pub signals: Vec<Signal>,
    pub scores: Vec<Score>,
    pub moments: Vec<Moment>,
    pub min_interval: i64,
    pub free_mail: Vec<String>,
    /// The first 12 hex digits of the fingerprint.
    pub fingerprint: String,
    /// Every length of time that the file names, for the agenda of minutes.
    pub spans: Vec<Span>,
}

pub struct Signal {
    pub name: String,
    pub kind: Kind,
}

pub enum Kind {
    Plain {
        calls: Vec<String>,
        /// Folded; `None`: any.
        events: Option<Vec<String>>,
        filter: Option<Expr>,
        value: Option<Expr>,
        distinct: Option<Expr>,
    },
    Sequence {
        steps: Vec<usize>,
        within: i64,
    },
}

pub struct Score {
    pub name: String,
    pub half: f64,
    /// Name and threshold, lowest first.
    pub segments: Vec<(String, f64)>,
    pub terms: Vec<Term>,
    pub publish_score: bool,
    pub publish_signals: bool,
    /// Whole hundredths.
    pub min_delta: i128,
    pub margin: f64,
}

pub struct Term {
    pub label: String,
    /// Thousandths.
    pub points: i128,
    pub kind: TermKind,
}

pub enum TermKind {
    Behaviour { signal: usize, lifespan: Span, cap: Option<i128> },
    Attribute(Expr),
}

pub struct Moment {
    pub name: String,
    pub when: Expr,
    pub until: Option<Expr>,
    pub hold: i64,
    pub cooldown: i64,
    pub needs_history: i64,
    pub score: Option<usize>,
    pub in_traits: bool,
    pub ended: bool,
    pub enabled: bool,
}

impl Playbook {
    pub fn read(text: &str) -> Result<Playbook, String> {
        let file = DeTable::parse(text).map_err(|error| error.to_string())?;
        let file = Table(file.get_ref());
        let settings = file.table("settings");
        let signals = file.table("signals").map_or_else(Vec::new, |table| table.tables());
        let names: Vec<&str> = signals.iter().map(|(name, _)| *name).collect();
        let scores = file.table("scores").map_or_else(Vec::new, |table| table.tables());
        let score_names: Vec<&str> = scores.iter().map(|(name, _)| *name).collect();
        let moments = file.table("moments").map_or_else(Vec::new, |table| table.tables());
        let hash = blake3::hash(text.replace("\r\n", "\n").as_bytes());
        let mut playbook = Playbook {
            traits: file.table("traits").map_or_else(Vec::new, output_traits),
            signals: signals.iter().map(|(name, table)| signal(name, *table, &names)).collect::<Result<_, _>>()?,
            scores: scores.iter().map(|(name, table)| score(name, *table, &names)).collect::<Result<_, _>>()?,
            moments: moments.iter().map(|(n, table)| moment(n, *table, &score_names)).collect::<Result<_, _>>()?,
            min_interval: settings.and_then(|table| table.length("min_interval")).unwrap_or(HOUR),
            free_mail: settings.map_or_else(Vec::new, |table| table.texts("free_mail")),
            fingerprint: hash.to_hex()[..12].to_owned(),
            spans: Vec::new(),
        };
        playbook.spans = playbook.spans();
        note_keys(file);
        Ok(playbook)
    }

    pub fn signal(&self, name: &str) -> Option<usize> {
        self.signals.iter().position(|signal| signal.name == name)
    }

    pub fn score_index(&self, name: &str) -> usize {
        self.scores.iter().position(|score| score.name == name).expect("a checked playbook")
    }

    /// Scores may use each other and are computed in dependency order.
    pub fn score_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = Vec::new();
        while order.len() < self.scores.len() {
            let next = (0..self.scores.len())
                .find(|i| {
                    !order.contains(i) && self.scores[*i].needs().iter().all(|n| order.contains(&self.score_index(n)))
                })
                .expect("a checked playbook has no cycle");
            order.push(next);
        }
        order
    }

    fn expressions(&self) -> Vec<&Expr> {
        let terms = self.scores.iter().flat_map(|score| &score.terms);
        let in_terms =
            terms.filter_map(|term| if let TermKind::Attribute(when) = &term.kind { Some(when) } else { None });
        let in_moments = self.moments.iter().flat_map(|moment| [Some(&moment.when), moment.until.as_ref()]);
        in_terms.chain(in_moments.flatten()).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut open = self.expressions();
        while let Some(expr) = open.pop() {
            if let Expr::Text(text) = expr {
                spans.extend(Span::parse(text));
            }
            // A window with `ago` reaches as far back as both together.
            if let Expr::Call(_, _, args) = expr
                && let [Expr::Text(window), Expr::Text(ago)] = args.as_slice()
                && let (Some(a), Some(b)) = (Span::parse(window), Span::parse(ago))
            {
                spans.push(Span { length: a.length + b.length, bucket: a.bucket.min(b.bucket) });
            }
            open.extend(expr.parts());
        }
        for term in self.scores.iter().flat_map(|score| &score.terms) {
            if let TermKind::Behaviour { lifespan, .. } = &term.kind {
                spans.push(*lifespan);
            }
        }
        let exact = |length: i64| Span { length, bucket: HOUR };
        spans.extend(self.moments.iter().flat_map(|m| [m.hold, m.cooldown, m.needs_history]).map(exact));
        spans.push(exact(self.min_interval));
        spans
    }
}

impl Score {
    fn needs(&self) -> Vec<&str> {
        self.terms
            .iter()
            .flat_map(|term| if let TermKind::Attribute(when) = &term.kind { when.scores() } else { Vec::new() })
            .collect()
    }
}

/// Which keys a playbook uses, and for `on` which calls.
fn note_keys(file: Table) {
    let keys = |section: &str, table: Table| {
        table.rows().iter().for_each(|(key, _)| touched::clause(&format!("{section}.{key}")));
        table.texts("on").iter().for_each(|call| touched::clause(&format!("on {call}")));
    };
    if let Some(settings) = file.table("settings") {
        keys("settings", settings);
    }
    for section in ["signals", "scores", "moments"] {
        for (_, table) in file.table(section).map_or_else(Vec::new, Table::tables) {
            keys(section, table);
            table.list("terms").into_iter().for_each(|term| keys("term", term));
        }
    }
}

fn output_traits(table: Table) -> Vec<(String, Vec<Vec<String>>)> {
    let path = |text: String| text.split('.').map(str::to_owned).collect();
    table
        .rows()
        .into_iter()
        .map(|(name, _)| (name.to_owned(), table.texts(name).into_iter().map(path).collect()))
        .collect()
}

fn signal(name: &str, table: Table, names: &[&str]) -> Result<Signal, String> {
    let expression = |key: &str| table.text(key).map(expr::parse).transpose();
    let index = |step: &String| names.iter().position(|name| name == step).ok_or(format!("no signal {step}"));
    let steps = table.texts("sequence");
    let kind = if steps.is_empty() {
        let events = table.texts("event");
        Kind::Plain {
            calls: if events.is_empty() { table.texts("on") } else { vec!["track".to_owned()] },
            events: (!events.is_empty()).then(|| events.iter().map(|event| fold(event)).collect()),
            filter: expression("where")?,
            value: expression("value")?,
            distinct: expression("distinct")?,
        }
    } else {
        Kind::Sequence {
            steps: steps.iter().map(index).collect::<Result<_, _>>()?,
            within: table.length("within").ok_or("within")?,
        }
    };
    Ok(Signal { name: name.to_owned(), kind })
}

/// Signals: event names are compared after folding.
pub fn fold(name: &str) -> String {
    name.to_lowercase().chars().filter(|c| !matches!(c, ' ' | '_' | '-' | '.')).collect()
}

fn score(name: &str, table: Table, signals: &[&str]) -> Result<Score, String> {
    let float = |key: &str| table.number(key).and_then(|text| text.parse::<f64>().ok());
    let segments = table.table("segments").ok_or("segments")?;
    let mut thresholds: Vec<(String, f64)> = segments
        .rows()
        .iter()
        .map(|(name, _)| ((*name).to_owned(), segments.number(name).expect("a threshold").parse().expect("a number")))
        .collect();
    thresholds.sort_by(|a, b| a.1.total_cmp(&b.1));
    let terms: Vec<Term> =
        table.list("terms").into_iter().map(|table| term(table, signals)).collect::<Result<_, String>>()?;
    let behavioural = terms.iter().any(|term| matches!(term.kind, TermKind::Behaviour { .. }));
    Ok(Score {
        name: name.to_owned(),
        half: float("half").ok_or("half")?,
        segments: thresholds,
        // What goes out: default true if it has a behavioural term.
        publish_score: table.flag("publish_score").unwrap_or(behavioural),
        publish_signals: table.flag("publish_signals").unwrap_or(false),
        min_delta: table.scaled("min_delta", 2).unwrap_or(5),
        margin: float("margin").unwrap_or(0.03),
        terms,
    })
}

fn term(table: Table, signals: &[&str]) -> Result<Term, String> {
    let kind = match table.text("signal") {
        Some(name) => TermKind::Behaviour {
            signal: signals.iter().position(|signal| *signal == name).ok_or(format!("no signal {name}"))?,
            lifespan: table.text("lifespan").and_then(Span::parse).ok_or("lifespan")?,
            cap: table.scaled("cap", 3),
        },
        None => TermKind::Attribute(expr::parse(table.text("when").ok_or("when")?)?),
    };
    let label = table.text("label").or(table.text("signal")).or(table.text("when"));
    let points = table.scaled("points", 3).ok_or("points")?;
    Ok(Term { label: label.expect("one of them is there").to_owned(), points, kind })
}

fn moment(name: &str, table: Table, scores: &[&str]) -> Result<Moment, String> {
    let when = expr::parse(table.text("when").ok_or("when")?)?;
    // What goes out, A moment: default the first score that its `when` names.
    let score = table.text("score").or_else(|| when.scores().first().copied()).map(str::to_owned);
    Ok(Moment {
        name: name.to_owned(),
        until: table.text("until").map(expr::parse).transpose()?,
        hold: table.length("for").unwrap_or(0),
        cooldown: table.length("cooldown").unwrap_or(0),
        needs_history: table.length("needs_history").unwrap_or(0),
        score: score.and_then(|score| scores.iter().position(|name| *name == score)),
        in_traits: table.flag("trait").unwrap_or(false),
        ended: table.flag("ended").unwrap_or(false),
        enabled: table.flag("enabled").unwrap_or(true),
        when,
    })
}

/// A table of the file with its keys in file order.
#[derive(Clone, Copy)]
struct Table<'a>(&'a DeTable<'a>);

impl<'a> Table<'a> {
    fn rows(self) -> Vec<(&'a str, &'a DeValue<'a>)> {
        let mut rows: Vec<_> =
            self.0.iter().map(|(key, value)| (key.span().start, key.get_ref().as_ref(), value.get_ref())).collect();
        rows.sort_by_key(|(place, _, _)| *place);
        rows.into_iter().map(|(_, key, value)| (key, value)).collect()
    }

    fn get(self, key: &str) -> Option<&'a DeValue<'a>> {
        self.rows().into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    fn tables(self) -> Vec<(&'a str, Table<'a>)> {
        self.rows().into_iter().map(|(key, value)| (key, Table(value.as_table().expect("a table")))).collect()
    }

    fn table(self, key: &str) -> Option<Table<'a>> {
        self.get(key)?.as_table().map(Table)
    }

    fn list(self, key: &str) -> Vec<Table<'a>> {
        let items = self.get(key).and_then(|value| value.as_array());
        items.into_iter().flatten().map(|item| Table(item.get_ref().as_table().expect("a table"))).collect()
    }

    fn text(self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str()
    }

    /// One text, or several.
    fn texts(self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some(DeValue::String(text)) => vec![text.to_string()],
            Some(DeValue::Array(items)) => {
                items.iter().map(|item| item.get_ref().as_str().expect("a text").to_owned()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn flag(self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    fn length(self, key: &str) -> Option<i64> {
        self.text(key).and_then(Span::parse).map(|span| span.length)
    }

    fn number(self, key: &str) -> Option<String> {
        match self.get(key)? {
            DeValue::Integer(number) => Some(number.to_string()),
            DeValue::Float(number) => Some(number.to_string()),
            _ => None,
        }
    }

    fn scaled(self, key: &str, places: i64) -> Option<i128> {
        Decimal::parse(&self.number(key)?)?.scaled(places)
    }
}
