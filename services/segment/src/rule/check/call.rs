//! Functions: `has`, `has_tag`, `day`, `days_since`, `years_since` and `startsWith`.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr};
use huan_chassis::clock::Day;

use super::{Checker, Typed, literal_text};
use crate::rule::tree::{DayExpr, FlagExpr, NumberExpr};

const KNOWN: &str = "has(feature), has_tag(\"tag\"), day(\"YYYY-MM-DD\"), days_since(day), years_since(day), \
                     text.startsWith(\"…\")";

impl Checker<'_> {
    pub(super) fn function(&mut self, node: &IdedExpr, call: &CallExpr) -> Option<Typed> {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            ("has", None, [feature]) => self.has(feature).map(Typed::Flag),
            ("has_tag", None, [tag]) => self.has_tag(tag).map(Typed::Flag),
            ("day", None, [day]) => self.day_literal(day).map(Typed::Day),
            ("days_since", None, [day]) => self.day(day).map(|day| Typed::Number(NumberExpr::DaysSince(day))),
            ("years_since", None, [day]) => self.day(day).map(|day| Typed::Number(NumberExpr::YearsSince(day))),
            ("startsWith", Some(text), [start]) => self.starts_with(text, start).map(Typed::Flag),
            (name, _, _) => self.fault(node, format!("{name} is no function so used; there are {KNOWN}")),
        }
    }

    fn has(&mut self, node: &IdedExpr) -> Option<FlagExpr> {
        let Expr::Ident(name) = &node.expr else {
            return self.fault(node, "has asks for a feature by its bare name");
        };
        self.feature(node, name)?;
        self.catalogue.find(name).map(|feature| FlagExpr::Has(feature.column))
    }

    fn has_tag(&mut self, node: &IdedExpr) -> Option<FlagExpr> {
        match literal_text(node) {
            Some(tag) => Some(FlagExpr::HasTag(self.names.tags.intern(tag))),
            None => self.fault(node, "has_tag takes a tag's name in quotes"),
        }
    }

    fn day_literal(&mut self, node: &IdedExpr) -> Option<DayExpr> {
        match literal_text(node).and_then(|text| text.parse::<Day>().ok()) {
            Some(day) => Some(DayExpr::Literal(day.0)),
            None => self.fault(node, "is not a calendar day as \"YYYY-MM-DD\""),
        }
    }

    fn starts_with(&mut self, text: &IdedExpr, start: &IdedExpr) -> Option<FlagExpr> {
        let text = self.text(text);
        match literal_text(start) {
            Some(start) => text.map(|text| FlagExpr::StartsWith(text, start.to_owned())),
            None => self.fault(start, "startsWith takes a text in quotes"),
        }
    }
}
