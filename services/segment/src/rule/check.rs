//! The type checker: from a syntax tree and a catalogue to a typed tree, or to every fault at once. What a rule costs is
//! counted as its tree grows, so that a rule which costs too much is never built.

mod call;
mod date;
mod list;
mod operator;
mod text;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue};

pub(super) use self::call::FUNCTIONS;
use super::clause::{Clause, Read, Shape};
use super::cost::{MAX_COST, NODE};
use super::place::Place;
use super::tree::{DayExpr, FlagExpr, NumberExpr, SpellingExpr, TextExpr};
use super::{Fault, Parsed};
use crate::catalogue::{Catalogue, Kind, nearest};
use crate::columns::Names;

/// What checking finds out.
pub(super) struct Checked {
    pub root: FlagExpr,
    pub clause: Clause,
    pub reads: Vec<Read>,
    pub cost: u32,
    /// What is no fault, but may not be what was meant.
    pub hints: Vec<Fault>,
}

/// Checks a whole rule.
pub(super) fn check(parsed: &Parsed, catalogue: &Catalogue, names: &mut Names) -> Result<Checked, Vec<Fault>> {
    let known_texts = names.texts.len();
    let mut checker = Checker {
        parsed,
        catalogue,
        names,
        known_texts,
        faults: Vec::new(),
        hints: Vec::new(),
        reads: Vec::new(),
        scope: Vec::new(),
        cost: 0,
    };
    match checker.clause(&parsed.root) {
        Some((root, clause)) if checker.faults.is_empty() => {
            let Checker { reads, cost, hints, .. } = checker;
            Ok(Checked { root, clause, reads, cost, hints })
        }
        _ => Err(checker.faults),
    }
}

/// What is carried along. Every function answers `None` for a part at fault, having said why.
struct Checker<'a> {
    parsed: &'a Parsed,
    catalogue: &'a Catalogue,
    names: &'a mut Names,
    /// How many texts had a code before this rule.
    known_texts: usize,
    faults: Vec<Fault>,
    hints: Vec<Fault>,
    /// What has been read so far, in order: a comparison's reads are those since it began.
    reads: Vec<Read>,
    scope: Vec<Bound>,
    cost: u32,
}

/// A name that stands for an element of a list, while the list is gone through.
#[derive(Clone)]
struct Bound {
    name: String,
    part: String,
    /// `None` if the element is at fault.
    value: Option<Typed>,
    reads: Vec<Read>,
}

/// An expression of some type. A flag without a shape is a comparison by itself.
#[derive(Clone)]
enum Typed {
    Number(NumberExpr),
    Text(TextExpr),
    Spelling(SpellingExpr),
    Day(DayExpr),
    Flag(FlagExpr, Option<Shape>),
}

impl Typed {
    fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Number,
            Self::Text(_) | Self::Spelling(_) => Kind::Text,
            Self::Day(_) => Kind::Day,
            Self::Flag(..) => Kind::Flag,
        }
    }

    /// A comparison by itself.
    fn flag(expr: FlagExpr) -> Self {
        Self::Flag(expr, None)
    }
}

impl Checker<'_> {
    fn typed(&mut self, node: &IdedExpr) -> Option<Typed> {
        self.spend(node, NODE)?;
        match &node.expr {
            Expr::Ident(name) => self.name(node, name),
            Expr::Literal(literal) => self.literal(node, literal),
            Expr::Call(call) => self.call(node, call),
            Expr::List(_) => self.fault(node, "a list stands to the right of in, or before .exists and its like"),
            _ => self.fault(node, "is not part of the rule language: write features, has_tag(\"…\"), numbers, texts"),
        }
    }

    /// Counts what a part costs. Once it is too much, nothing more is looked at.
    fn spend(&mut self, node: &IdedExpr, units: u32) -> Option<()> {
        let before = self.cost;
        self.cost = before.saturating_add(units);
        match self.cost {
            cost if cost <= MAX_COST => Some(()),
            _ if before <= MAX_COST => {
                self.fault(node, format!("costs too much from here on: more than {MAX_COST} units a customer"))
            }
            _ => None,
        }
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Option<Typed> {
        match self.operator(node, call) {
            Some(result) => result,
            None => self.function(node, call),
        }
    }

    fn name(&mut self, node: &IdedExpr, name: &str) -> Option<Typed> {
        if let Some(bound) = self.scope.iter().rev().find(|bound| bound.name == name) {
            self.reads.extend(bound.reads.iter().cloned());
            return bound.value.clone();
        }
        let Some(feature) = self.catalogue.find(name) else {
            let hint = self.meant(name);
            return self.fault(node, format!("no feature is called {name}{hint}"));
        };
        self.reads.push(Read::Feature(name.to_owned(), feature.column));
        Some(match (feature.column.kind, feature.column.slot) {
            (Kind::Number, slot) => Typed::Number(NumberExpr::Feature(slot)),
            (Kind::Text, slot) => Typed::Text(TextExpr::Feature(slot)),
            (Kind::Day, slot) => Typed::Day(DayExpr::Feature(slot)),
            (Kind::Flag, slot) => Typed::flag(FlagExpr::Feature(slot)),
        })
    }

    /// What may have been meant by a name that no feature has.
    fn meant(&self, name: &str) -> String {
        if let Some(near) = self.catalogue.nearest(name) {
            return format!("; did you mean {near}?");
        }
        if self.names.tags.code(name).is_some() {
            return format!("; did you mean has_tag(\"{name}\")?");
        }
        if self.names.texts.code(name).is_some() {
            return format!("; a text stands in quotes: \"{name}\"");
        }
        let function = FUNCTIONS.iter().find(|(function, _)| *function == name);
        function.map(|(_, usage)| format!("; there is a function, written {usage}")).unwrap_or_default()
    }

    fn literal(&mut self, node: &IdedExpr, literal: &LiteralValue) -> Option<Typed> {
        Some(match literal {
            LiteralValue::Boolean(value) => Typed::flag(FlagExpr::Literal(*value.inner())),
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

    /// A flag, with what it is made of.
    fn clause(&mut self, node: &IdedExpr) -> Option<(FlagExpr, Clause)> {
        let mark = self.reads.len();
        match self.typed(node)? {
            Typed::Flag(expr, shape) => Some(self.shaped(node, mark, expr, shape)),
            other => self.mismatch(node, Kind::Flag, other.kind()),
        }
    }

    /// A flag with its clause, given what had been read before it.
    fn shaped(&self, node: &IdedExpr, mark: usize, expr: FlagExpr, shape: Option<Shape>) -> (FlagExpr, Clause) {
        let shape = shape.unwrap_or_else(|| {
            let mut reads: Vec<Read> = Vec::new();
            for read in &self.reads[mark..] {
                if !reads.contains(read) {
                    reads.push(read.clone());
                }
            }
            Shape::Comparison(expr.clone(), reads)
        });
        (expr, Clause { place: self.place_bound(node), shape })
    }

    /// A part of the rule, and what the names in it stand for just now.
    fn place_bound(&self, node: &IdedExpr) -> Place {
        let mut place = self.parsed.place(node);
        for bound in &self.scope {
            place.part = format!("{} with {} = {}", place.part, bound.name, bound.part);
        }
        place
    }

    fn number(&mut self, node: &IdedExpr) -> Option<NumberExpr> {
        match self.typed(node)? {
            Typed::Number(number) => Some(number),
            other => self.mismatch(node, Kind::Number, other.kind()),
        }
    }

    fn spelling(&mut self, node: &IdedExpr) -> Option<SpellingExpr> {
        match self.typed(node)? {
            Typed::Text(text) => Some(SpellingExpr::Text(text)),
            Typed::Spelling(spelling) => Some(spelling),
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
            (Kind::Number, Kind::Text) => "; write size(…) for the number of its characters",
            (Kind::Day, Kind::Text) => "; write day(\"YYYY-MM-DD\")",
            _ => "",
        };
        self.fault(node, format!("{} is wanted here, this is {}{hint}", a(wanted), a(found)))
    }

    fn fault<T>(&mut self, node: &IdedExpr, description: impl Into<String>) -> Option<T> {
        self.fault_at(self.parsed.place(node), description)
    }

    /// The same fault of each element of a list is one.
    fn fault_at<T>(&mut self, place: Place, description: impl Into<String>) -> Option<T> {
        let fault = Fault { description: description.into(), place };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
        None
    }

    /// A text in quotes, or a name that stands for one.
    fn quoted(&self, node: &IdedExpr) -> Option<String> {
        match &node.expr {
            Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
            Expr::Ident(name) => match &self.scope.iter().rev().find(|bound| bound.name == *name)?.value {
                Some(Typed::Text(TextExpr::Literal(code))) => Some(self.names.texts.spelling(*code).to_owned()),
                _ => None,
            },
            _ => None,
        }
    }

    /// Says of a tag that nobody has which one may have been meant.
    fn hint_tag(&mut self, node: &IdedExpr, tag: &str) {
        if self.names.tags.code(tag).is_none() {
            let near = nearest(tag, self.names.tags.spellings()).map(|near| format!("; did you mean \"{near}\"?"));
            let description = format!("no customer has the tag \"{tag}\" so far{}", near.unwrap_or_default());
            self.hints.push(Fault { description, place: self.parsed.place(node) });
        }
    }

    /// Says of a text that nobody has which one may have been meant.
    fn hint_text(&mut self, node: &IdedExpr, code: u32) {
        if code as usize >= self.known_texts {
            let text = self.names.texts.spelling(code);
            let known = self.names.texts.spellings().take(self.known_texts);
            let near = nearest(text, known).map(|near| format!("; did you mean \"{near}\"?"));
            let description = format!("no customer has the text \"{text}\" so far{}", near.unwrap_or_default());
            self.hints.push(Fault { description, place: self.parsed.place(node) });
        }
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
