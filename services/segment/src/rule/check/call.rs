//! Functions: which there are, how each is written, and those of features, tags, days and numbers.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr};
use huan_chassis::clock::Day;

use super::{Checker, Typed};
use crate::catalogue::{Column, Kind, nearest};
use crate::rule::clause::Read;
use crate::rule::cost;
use crate::rule::tree::{DayExpr, FlagExpr, NumberExpr, TextExpr};

/// All functions and how each is written.
pub(in crate::rule) const FUNCTIONS: [(&str, &str); 20] = [
    ("abs", "abs(number)"),
    ("all", "[…].all(x, condition)"),
    ("contains", "text.contains(\"…\")"),
    ("day", "day(\"YYYY-MM-DD\")"),
    ("days_since", "days_since(day)"),
    ("endsWith", "text.endsWith(\"…\")"),
    ("exists", "[…].exists(x, condition)"),
    ("exists_one", "[…].exists_one(x, condition)"),
    ("filter", "[…].filter(x, condition).size()"),
    ("has", "has(feature)"),
    ("has_tag", "has_tag(\"tag\")"),
    ("has_tag_prefix", "has_tag_prefix(\"start\")"),
    ("lowerAscii", "text.lowerAscii()"),
    ("matches", "text.matches(\"regular expression\")"),
    ("max", "max(number, …)"),
    ("min", "min(number, …)"),
    ("size", "size(text)"),
    ("startsWith", "text.startsWith(\"…\")"),
    ("upperAscii", "text.upperAscii()"),
    ("years_since", "years_since(day)"),
];

impl Checker<'_> {
    pub(super) fn function(&mut self, node: &IdedExpr, call: &CallExpr) -> Option<Typed> {
        let name = call.func_name.as_str();
        self.spend(node, cost::of_function(name))?;
        match (name, call.target.as_deref(), call.args.as_slice()) {
            ("has", None, [feature]) => self.has(feature),
            ("has_tag", None, [tag]) => self.has_tag(tag),
            ("has_tag_prefix", None, [start]) => self.has_tag_prefix(start),
            ("day", None, [day]) => self.day_literal(day),
            ("days_since", None, [day]) => self.day(day).map(|day| Typed::Number(NumberExpr::DaysSince(day))),
            ("years_since", None, [day]) => self.day(day).map(|day| Typed::Number(NumberExpr::YearsSince(day))),
            ("abs", None, [number]) => {
                self.number(number).map(|number| Typed::Number(NumberExpr::Absolute(Box::new(number))))
            }
            ("min", None, [_, ..]) => self.numbers(&call.args).map(|each| Typed::Number(NumberExpr::Least(each))),
            ("max", None, [_, ..]) => self.numbers(&call.args).map(|each| Typed::Number(NumberExpr::Greatest(each))),
            ("size", None, [value]) | ("size", Some(value), []) => match filter(value) {
                Some((list, name, test)) => self.count(value, list, name, test),
                None => self.size(value),
            },
            ("startsWith" | "endsWith" | "contains" | "matches", Some(text), [wanted]) => {
                self.text_test(name, text, wanted)
            }
            ("lowerAscii", Some(text), []) => self.lower(text),
            ("upperAscii", Some(text), []) => self.upper(text),
            ("all" | "exists" | "exists_one", Some(list), [variable, test]) => {
                self.quantified(node, name, (list, variable, test))
            }
            _ => self.no_function(node, name),
        }
    }

    fn no_function(&mut self, node: &IdedExpr, name: &str) -> Option<Typed> {
        let usage = |name: &str| FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, usage)| *usage);
        let known = || FUNCTIONS.iter().map(|(name, _)| *name);
        let description = if let Some(usage) = usage(name) {
            format!("{name} is not so used; it is written {usage}")
        } else if self.catalogue.find(name).is_some() {
            format!("{name} is a feature: it is written without brackets")
        } else if let Some(usage) = nearest(name, known()).and_then(usage) {
            format!("no function is called {name}; did you mean {usage}?")
        } else {
            format!("no function is called {name}; there are {}", known().collect::<Vec<_>>().join(", "))
        };
        self.fault_at(self.parsed.place_of_call(node), description)
    }

    fn numbers(&mut self, nodes: &[IdedExpr]) -> Option<Vec<NumberExpr>> {
        let numbers: Vec<_> = nodes.iter().map(|node| self.number(node)).collect();
        numbers.into_iter().collect()
    }

    fn has(&mut self, node: &IdedExpr) -> Option<Typed> {
        let Expr::Ident(name) = &node.expr else {
            return self.fault(node, "has asks for a feature by its bare name");
        };
        let (kind, slot) = match self.name(node, name)? {
            Typed::Number(NumberExpr::Feature(slot)) => (Kind::Number, slot),
            Typed::Text(TextExpr::Feature(slot)) => (Kind::Text, slot),
            Typed::Day(DayExpr::Feature(slot)) => (Kind::Day, slot),
            Typed::Flag(FlagExpr::Feature(slot), _) => (Kind::Flag, slot),
            _ => return self.fault(node, "has asks for a feature by its bare name"),
        };
        Some(Typed::flag(FlagExpr::Has(Column { kind, slot })))
    }

    fn has_tag(&mut self, node: &IdedExpr) -> Option<Typed> {
        let Some(tag) = self.quoted(node) else {
            return self.fault(node, "has_tag takes a tag's name in quotes");
        };
        self.hint_tag(node, &tag);
        let code = self.names.tags.intern(&tag);
        self.reads.push(Read::Tag(tag, code));
        Some(Typed::flag(FlagExpr::HasTag(code)))
    }

    fn has_tag_prefix(&mut self, node: &IdedExpr) -> Option<Typed> {
        let Some(start) = self.quoted(node) else {
            return self.fault(node, "has_tag_prefix takes the start of a tag's name in quotes");
        };
        self.reads.push(Read::TagPrefix(start.clone()));
        Some(Typed::flag(FlagExpr::HasTagPrefix(start)))
    }

    fn day_literal(&mut self, node: &IdedExpr) -> Option<Typed> {
        match self.quoted(node).and_then(|text| text.parse::<Day>().ok()) {
            Some(day) => Some(Typed::Day(DayExpr::Literal(day.0))),
            None => self.fault(node, "is not a calendar day as \"YYYY-MM-DD\""),
        }
    }
}

/// The parts of `list.filter(name, test)`.
fn filter(node: &IdedExpr) -> Option<(&IdedExpr, &IdedExpr, &IdedExpr)> {
    match &node.expr {
        Expr::Call(call) if call.func_name == "filter" => match (call.target.as_deref(), call.args.as_slice()) {
            (Some(list), [name, test]) => Some((list, name, test)),
            _ => None,
        },
        _ => None,
    }
}
