//! Lists that are written out: `in`, and conditions on each element, which are checked once an element.

use cel::IdedExpr;
use cel::common::ast::{Expr, ListExpr};

use super::{Bound, Checker, Typed};
use crate::rule::clause::{Clause, Shape};
use crate::rule::cost;
use crate::rule::tree::{Comparison, DayExpr, FlagExpr, NumberExpr, TextExpr, TextTest};

impl Checker<'_> {
    /// `value in [a, b]`.
    pub(super) fn is_in(&mut self, value: &IdedExpr, list: &IdedExpr) -> Option<Typed> {
        let value = self.typed(value);
        let Expr::List(elements) = &list.expr else {
            let tags = matches!(&list.expr, Expr::Ident(name) if name == "tags");
            let hint = if tags { "; of tags ask has_tag(\"…\")" } else { "" };
            return self.fault(list, format!("to the right of in stands a list, such as [\"a\", \"b\"]{hint}"));
        };
        // Each element is checked, so that all faults are named, and must be plain.
        let elements: Vec<_> = elements.elements.iter().map(|node| (node, self.typed(node))).collect();
        match value? {
            Typed::Number(value) => {
                self.plain(elements, "number", number).map(|numbers| FlagExpr::InNumber(value, numbers))
            }
            Typed::Text(value) => self.codes(elements, true).map(|codes| FlagExpr::InText(value, codes)),
            Typed::Spelling(value) => self.codes(elements, false).map(|codes| {
                let spell = |code: &u32| self.names.texts.spelling(*code).to_owned();
                FlagExpr::Spelled(value, TextTest::In(codes.iter().map(spell).collect()))
            }),
            Typed::Day(value) => {
                self.plain(elements, "day(\"YYYY-MM-DD\")", day).map(|days| FlagExpr::InDay(value, days))
            }
            Typed::Flag(..) => self.fault(list, "a flag is in no list: write it bare, or with ! before it"),
        }
        .map(Typed::flag)
    }

    fn codes(&mut self, elements: Vec<(&IdedExpr, Option<Typed>)>, hint: bool) -> Option<Vec<u32>> {
        let nodes: Vec<_> = elements.iter().map(|(node, _)| *node).collect();
        let codes = self.plain(elements, "text", text)?;
        for (node, code) in nodes.into_iter().zip(&codes).filter(|_| hint) {
            self.hint_text(node, *code);
        }
        Some(codes)
    }

    /// All or nothing, but every one is looked at.
    fn plain<T>(
        &mut self,
        elements: Vec<(&IdedExpr, Option<Typed>)>,
        what: &str,
        read: fn(Typed) -> Option<T>,
    ) -> Option<Vec<T>> {
        let each = elements.into_iter().map(|(node, element)| match read(element?) {
            Some(plain) => Some(plain),
            None => self.fault(node, format!("is not a plain {what}, as all of this list must be")),
        });
        each.collect::<Vec<_>>().into_iter().collect()
    }

    /// `all`, `exists` and `exists_one`, over a list, a name and a condition.
    pub(super) fn quantified(
        &mut self,
        node: &IdedExpr,
        name: &str,
        (list, variable, test): (&IdedExpr, &IdedExpr, &IdedExpr),
    ) -> Option<Typed> {
        let tests = self.each(list, variable, test)?;
        if name == "exists_one" {
            let flags = tests.into_iter().map(|(flag, _)| flag).collect();
            let (count, one) = (NumberExpr::Count(flags), NumberExpr::Literal(1.0));
            return Some(Typed::flag(FlagExpr::CompareNumber(Comparison::Equal, count, one)));
        }
        let all = name == "all";
        let (flags, clauses): (Vec<FlagExpr>, Vec<Clause>) = tests.into_iter().unzip();
        self.spend(node, cost::NODE)?;
        let join = if all { FlagExpr::And } else { FlagExpr::Or };
        let joined = flags.into_iter().reduce(|left, right| join(Box::new(left), Box::new(right)));
        let shape = if all { Shape::All(clauses) } else { Shape::Any(clauses) };
        Some(Typed::Flag(joined.unwrap_or(FlagExpr::Literal(all)), Some(shape)))
    }

    /// `list.filter(name, condition).size()`.
    pub(super) fn count(
        &mut self,
        node: &IdedExpr,
        list: &IdedExpr,
        variable: &IdedExpr,
        test: &IdedExpr,
    ) -> Option<Typed> {
        self.spend(node, cost::NODE)?;
        let tests = self.each(list, variable, test)?;
        Some(Typed::Number(NumberExpr::Count(tests.into_iter().map(|(flag, _)| flag).collect())))
    }

    /// The condition on each element.
    fn each(&mut self, list: &IdedExpr, variable: &IdedExpr, test: &IdedExpr) -> Option<Vec<(FlagExpr, Clause)>> {
        let (Expr::List(ListExpr { elements, .. }), Expr::Ident(name)) = (&list.expr, &variable.expr) else {
            let wanted = "is written […].all(x, condition): a list that is written out, and a name for its elements";
            let is_list = matches!(list.expr, Expr::List(_));
            return self.fault(if is_list { variable } else { list }, wanted);
        };
        let tests: Vec<_> = elements.iter().map(|element| self.one(element, name, test)).collect();
        tests.into_iter().collect()
    }

    /// The condition on one element. The element is checked where it stands, so it cannot speak of its own name.
    fn one(&mut self, element: &IdedExpr, name: &str, test: &IdedExpr) -> Option<(FlagExpr, Clause)> {
        let mark = self.reads.len();
        let value = self.typed(element);
        let reads = self.reads[mark..].to_vec();
        let part = self.parsed.place(element).part;
        self.scope.push(Bound { name: name.to_owned(), part, value, reads });
        let checked = self.clause(test);
        self.scope.pop();
        checked
    }
}

fn number(typed: Typed) -> Option<f64> {
    match typed {
        Typed::Number(NumberExpr::Literal(number)) => Some(number),
        Typed::Number(NumberExpr::Negate(inner)) => match *inner {
            NumberExpr::Literal(number) => Some(-number),
            _ => None,
        },
        _ => None,
    }
}

fn text(typed: Typed) -> Option<u32> {
    match typed {
        Typed::Text(TextExpr::Literal(code)) => Some(code),
        _ => None,
    }
}

fn day(typed: Typed) -> Option<i32> {
    match typed {
        Typed::Day(DayExpr::Literal(day)) => Some(day),
        _ => None,
    }
}
