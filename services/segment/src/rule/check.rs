//! The type checker: from a syntax tree and a catalogue to a typed tree, or to every fault at once.

mod call;
mod operator;

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue};

use super::tree::{DayExpr, FlagExpr, NumberExpr, TextExpr};
use super::{Fault, Parsed};
use crate::catalogue::{Catalogue, Kind};
use crate::columns::Names;

/// Checks a whole rule: its typed tree and the features that it reads.
pub(super) fn check(
    parsed: &Parsed,
    catalogue: &Catalogue,
    names: &mut Names,
) -> Result<(FlagExpr, BTreeSet<String>), Vec<Fault>> {
    let mut checker = Checker { parsed, catalogue, names, faults: Vec::new(), features: BTreeSet::new() };
    let root = checker.flag(&parsed.root);
    match root {
        Some(root) if checker.faults.is_empty() => Ok((root, checker.features)),
        _ => Err(checker.faults),
    }
}

/// What is carried along. Every function answers `None` for a part at fault, having said why.
struct Checker<'a> {
    parsed: &'a Parsed,
    catalogue: &'a Catalogue,
    names: &'a mut Names,
    faults: Vec<Fault>,
    features: BTreeSet<String>,
}

/// An expression of some type.
enum Typed {
    Number(NumberExpr),
    Text(TextExpr),
    Day(DayExpr),
    Flag(FlagExpr),
}

impl Typed {
    fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::Day(_) => Kind::Day,
            Self::Flag(_) => Kind::Flag,
        }
    }
}

impl Checker<'_> {
    fn typed(&mut self, node: &IdedExpr) -> Option<Typed> {
        match &node.expr {
            Expr::Ident(name) => self.feature(node, name),
            Expr::Literal(literal) => self.literal(node, literal),
            Expr::Call(call) => self.call(node, call),
            Expr::List(_) => self.fault(node, "a list stands only to the right of in"),
            _ => self.fault(node, "is not part of the rule language: write features, has_tag(\"…\"), numbers, texts"),
        }
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Option<Typed> {
        match self.operator(node, call) {
            Some(result) => result,
            None => self.function(node, call),
        }
    }

    fn feature(&mut self, node: &IdedExpr, name: &str) -> Option<Typed> {
        let Some(feature) = self.catalogue.find(name) else {
            let hint = self.catalogue.nearest(name).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return self.fault(node, format!("no feature is called {name}{hint}"));
        };
        self.features.insert(name.to_owned());
        Some(match (feature.column.kind, feature.column.slot) {
            (Kind::Number, slot) => Typed::Number(NumberExpr::Feature(slot)),
            (Kind::Text, slot) => Typed::Text(TextExpr::Feature(slot)),
            (Kind::Day, slot) => Typed::Day(DayExpr::Feature(slot)),
            (Kind::Flag, slot) => Typed::Flag(FlagExpr::Feature(slot)),
        })
    }

    fn literal(&mut self, node: &IdedExpr, literal: &LiteralValue) -> Option<Typed> {
        Some(match literal {
            LiteralValue::Boolean(value) => Typed::Flag(FlagExpr::Literal(*value.inner())),
            LiteralValue::Int(value) => Typed::Number(NumberExpr::Literal(*value.inner() as f64)),
            LiteralValue::UInt(value) => Typed::Number(NumberExpr::Literal(*value.inner() as f64)),
            LiteralValue::Double(value) if value.inner().is_finite() => {
                Typed::Number(NumberExpr::Literal(*value.inner()))
            }
            LiteralValue::String(value) => Typed::Text(TextExpr::Literal(self.names.texts.intern(value.inner()))),
            LiteralValue::Null => return self.fault(node, "there is no null: ask has(feature)"),
            _ => return self.fault(node, "is not a number, a text or a flag"),
        })
    }

    fn flag(&mut self, node: &IdedExpr) -> Option<FlagExpr> {
        match self.typed(node)? {
            Typed::Flag(flag) => Some(flag),
            other => self.mismatch(node, Kind::Flag, other.kind()),
        }
    }

    fn number(&mut self, node: &IdedExpr) -> Option<NumberExpr> {
        match self.typed(node)? {
            Typed::Number(number) => Some(number),
            other => self.mismatch(node, Kind::Number, other.kind()),
        }
    }

    fn text(&mut self, node: &IdedExpr) -> Option<TextExpr> {
        match self.typed(node)? {
            Typed::Text(text) => Some(text),
            other => self.mismatch(node, Kind::Text, other.kind()),
        }
    }

    fn day(&mut self, node: &IdedExpr) -> Option<DayExpr> {
        match self.typed(node)? {
            Typed::Day(day) => Some(day),
            other => self.mismatch(node, Kind::Day, other.kind()),
        }
    }

    fn mismatch<T>(&mut self, node: &IdedExpr, wanted: Kind, found: Kind) -> Option<T> {
        let hint = match (wanted, found) {
            (Kind::Flag, _) => "; compare it with something",
            (Kind::Number, Kind::Day) => "; write days_since(…) or years_since(…)",
            (Kind::Day, Kind::Text) => "; write day(\"YYYY-MM-DD\")",
            _ => "",
        };
        self.fault(node, format!("{} is wanted here, this is {}{hint}", a(wanted), a(found)))
    }

    fn fault<T>(&mut self, node: &IdedExpr, description: impl Into<String>) -> Option<T> {
        self.faults.push(Fault { description: description.into(), part: self.parsed.part(node) });
        None
    }
}

fn a(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "a number",
        Kind::Text => "a text",
        Kind::Day => "a day",
        Kind::Flag => "a flag",
    }
}

fn literal_text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}
