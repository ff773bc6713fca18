//! Two sides of a comparison: types that can never match, and texts that are no segment.

use super::expression::Checker;
use super::types::Types;
use crate::engine::playbook::expression::{Kind, NodeId};
use crate::engine::playbook::meant::Expr;
use crate::engine::playbook::mistake::Code;

impl Checker<'_> {
    pub(super) fn equality(&mut self, id: NodeId, left: NodeId, right: NodeId, (l, r): (Types, Types)) {
        if self.segment_text(left, right) || self.segment_text(right, left) {
            return;
        }
        if !l.can_be(r) {
            self.never_alike(id, left, right, (l, r));
        }
    }

    pub(super) fn order(&mut self, id: NodeId, left: NodeId, right: NodeId, (l, r): (Types, Types)) {
        for side in [left, right] {
            if matches!(self.meanings[side], Expr::Segment(_)) {
                let mistake =
                    self.mistake(Code::NeverMatches, id, "segments are texts and have no order: \"low\" > \"high\"");
                let help = "name them, as in `segment.x in [\"high\", \"very high\"]`, or compare `score.x`";
                self.mistakes.push(mistake.help(help));
                return;
            }
        }
        if !(l & r).can_be(Types::NUMBER | Types::TEXT | Types::DURATION) {
            self.never_alike(id, left, right, (l, r));
        } else if let Some(text) = [left, right].into_iter().find_map(|side| self.tree.text(side))
            && text.parse::<f64>().is_ok()
        {
            let help = format!("write {text}, without quotes; `double(x)` makes a number of a text");
            let mistake = self.mistake(Code::TextOrder, id, "texts are compared sign by sign: \"9\" > \"10\"");
            self.mistakes.push(mistake.help(help));
        }
    }

    pub(super) fn membership(&mut self, id: NodeId, left: NodeId, right: NodeId, (l, r): (Types, Types)) {
        if !r.can_be(Types::LIST | Types::OBJECT) {
            let message = format!("`in` takes a list on its right, and this is {r}");
            let mistake = self.mistake(Code::NeverMatches, right, message);
            self.mistakes
                .push(mistake.help("such as `x in [\"a\", \"b\"]`; for a part of a text use `x.contains(\"a\")`"));
            return;
        }
        let Kind::List(items) = self.tree.node(right).kind.clone() else { return };
        for item in items {
            // The items were checked with the list; once more for the types of each alone.
            let before = self.mistakes.len();
            let types = self.check(item);
            self.mistakes.truncate(before);
            if !self.segment_text(left, item) && !l.can_be(types) {
                self.never_alike(id, left, item, (l, types));
            }
        }
    }

    /// A segment against a text must be one of the score's. True when something was wrong.
    fn segment_text(&mut self, segment: NodeId, text: NodeId) -> bool {
        let (Expr::Segment(score), Some(wrong)) = (&self.meanings[segment], self.tree.text(text)) else { return false };
        let score = &self.names.scores[*score];
        if score.segments.is_empty() || score.segments.iter().any(|name| name == wrong) {
            return false;
        }
        let known: Vec<_> = score.segments.iter().map(|name| format!("\"{name}\"")).collect();
        let message = format!("`{}` has no segment \"{wrong}\"", score.name);
        let mistake = self.mistake(Code::UnknownSegment, text, message).help(format!("it has {}", known.join(", ")));
        let wrong = wrong.to_string();
        let mistake = mistake.nearest(&wrong, score.segments.iter().map(String::as_str));
        self.mistakes.push(mistake.label("never matches"));
        true
    }

    fn never_alike(&mut self, id: NodeId, left: NodeId, right: NodeId, (l, r): (Types, Types)) {
        let mistake = self
            .mistake(Code::NeverMatches, id, format!("{l} and {r} never match"))
            .label(format!("{l} here, {r} there"));
        let texts = self.tree.text(left).or(self.tree.text(right));
        let number = [left, right].into_iter().find_map(|side| match self.tree.node(side).kind {
            Kind::Number(number) => Some(number),
            _ => None,
        });
        let is_order = |side: NodeId| match self.tree.node(side).kind {
            Kind::Binary(operator, ..) => operator.is_order(),
            _ => false,
        };
        let score = [left, right].into_iter().find_map(|side| match self.meanings[side] {
            Expr::Score(score) => Some(&self.names.scores[score]),
            _ => None,
        });
        let mistake = match (texts, score) {
            (Some(_), Some(score)) => mistake.help(format!("the segment's name is `segment.{}`", score.name)),
            (Some(text), _) if (l | r).can_be(Types::DURATION) => mistake.help(format!("write duration(\"{text}\")")),
            (Some(text), _) if text.parse::<f64>().is_ok() => mistake.help(format!("write {text}, without quotes")),
            (Some(text @ ("true" | "false")), _) => mistake.help(format!("write {text}, without quotes")),
            (None, _) if (l | r).can_be(Types::DURATION) && number.is_some() => {
                mistake.help(format!("write duration(\"{}d\"), with its unit", number.unwrap_or_default()))
            }
            _ if is_order(left) || is_order(right) => {
                mistake.help("a chain of comparisons needs `&&`: `1 < x && x < 5`")
            }
            _ if (l | r).can_be(Types::BOOL) => mistake.help("a condition stands alone, or after `!`"),
            _ => mistake,
        };
        self.mistakes.push(mistake);
    }
}
