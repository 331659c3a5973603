//! Operators: logic, comparison, membership of a list, arithmetic and the ternary.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, operators};

use super::{Checker, Typed, a};
use crate::rule::tree::{Arithmetic, Comparison, DayExpr, FlagExpr, NumberExpr, TextExpr};

impl Checker<'_> {
    /// Checks a call that is an operator; `None` if it is none.
    pub(super) fn operator(&mut self, node: &IdedExpr, call: &CallExpr) -> Option<Option<Typed>> {
        let name = call.func_name.as_str();
        Some(match (name, call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => self.both(left, right, FlagExpr::And),
            (operators::LOGICAL_OR, [left, right]) => self.both(left, right, FlagExpr::Or),
            (operators::LOGICAL_NOT, [inner]) => self.flag(inner).map(|inner| Typed::Flag(not(inner))),
            (operators::CONDITIONAL, [test, then, or]) => self.conditional(node, test, then, or),
            (operators::NEGATE, [inner]) => {
                self.number(inner).map(|inner| Typed::Number(NumberExpr::Negate(Box::new(inner))))
            }
            (operators::IN, [value, list]) => self.is_in(value, list).map(Typed::Flag),
            (_, [left, right]) => {
                if let Some(comparison) = comparison(name) {
                    self.compare(node, comparison, left, right).map(Typed::Flag)
                } else {
                    let operation = arithmetic(name)?;
                    self.reckon(operation, left, right)
                }
            }
            _ => return None,
        })
    }

    fn both(
        &mut self,
        left: &IdedExpr,
        right: &IdedExpr,
        join: fn(Box<FlagExpr>, Box<FlagExpr>) -> FlagExpr,
    ) -> Option<Typed> {
        let (left, right) = (self.flag(left), self.flag(right));
        Some(Typed::Flag(join(Box::new(left?), Box::new(right?))))
    }

    fn reckon(&mut self, operation: Arithmetic, left: &IdedExpr, right: &IdedExpr) -> Option<Typed> {
        let (left, right) = (self.number(left), self.number(right));
        Some(Typed::Number(NumberExpr::Reckon(operation, Box::new(left?), Box::new(right?))))
    }

    fn conditional(&mut self, node: &IdedExpr, test: &IdedExpr, then: &IdedExpr, or: &IdedExpr) -> Option<Typed> {
        let (test, then, or) = (self.flag(test), self.typed(then), self.typed(or));
        let test = Box::new(test?);
        Some(match (then?, or?) {
            (Typed::Number(then), Typed::Number(or)) => {
                Typed::Number(NumberExpr::If(test, Box::new(then), Box::new(or)))
            }
            (Typed::Text(then), Typed::Text(or)) => Typed::Text(TextExpr::If(test, Box::new(then), Box::new(or))),
            (Typed::Day(then), Typed::Day(or)) => Typed::Day(DayExpr::If(test, Box::new(then), Box::new(or))),
            (Typed::Flag(then), Typed::Flag(or)) => Typed::Flag(FlagExpr::If(test, Box::new(then), Box::new(or))),
            (then, or) => return self.unlike(node, &then, &or),
        })
    }

    fn compare(
        &mut self,
        node: &IdedExpr,
        comparison: Comparison,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Option<FlagExpr> {
        let (left, right) = (self.typed(left), self.typed(right));
        let equal = match comparison {
            Comparison::Equal => true,
            Comparison::NotEqual => false,
            ordered => return self.compare_order(node, ordered, left?, right?),
        };
        let same = match (left?, right?) {
            (Typed::Text(left), Typed::Text(right)) => FlagExpr::EqualText(left, right),
            (Typed::Flag(left), Typed::Flag(right)) => FlagExpr::Equal(Box::new(left), Box::new(right)),
            (left, right) => return self.compare_order(node, comparison, left, right),
        };
        Some(if equal { same } else { not(same) })
    }

    fn compare_order(
        &mut self,
        node: &IdedExpr,
        comparison: Comparison,
        left: Typed,
        right: Typed,
    ) -> Option<FlagExpr> {
        match (left, right) {
            (Typed::Number(left), Typed::Number(right)) => Some(FlagExpr::CompareNumber(comparison, left, right)),
            (Typed::Day(left), Typed::Day(right)) => Some(FlagExpr::CompareDay(comparison, left, right)),
            (Typed::Text(_), Typed::Text(_)) => self.fault(node, "texts have no order: compare them with == or !="),
            (Typed::Flag(_), Typed::Flag(_)) => self.fault(node, "flags have no order: compare them with == or !="),
            (left, right) => self.unlike(node, &left, &right),
        }
    }

    fn unlike<T>(&mut self, node: &IdedExpr, left: &Typed, right: &Typed) -> Option<T> {
        let hint = match (left, right) {
            (Typed::Day(_), Typed::Text(_)) | (Typed::Text(_), Typed::Day(_)) => "; write day(\"YYYY-MM-DD\")",
            (Typed::Day(_), Typed::Number(_)) | (Typed::Number(_), Typed::Day(_)) => {
                "; write days_since(…) or years_since(…)"
            }
            _ => "",
        };
        self.fault(node, format!("{} and {} are unlike types{hint}", a(left.kind()), a(right.kind())))
    }

    fn is_in(&mut self, value: &IdedExpr, list: &IdedExpr) -> Option<FlagExpr> {
        let value = self.typed(value);
        let Expr::List(elements) = &list.expr else {
            return self.fault(list, "to the right of in stands a list, such as [\"a\", \"b\"]");
        };
        // Each element is checked, so that all faults are named, and must be a literal.
        let elements: Vec<_> = elements.elements.iter().map(|node| (node, self.typed(node))).collect();
        match value? {
            Typed::Number(value) => {
                let numbers = elements.into_iter().map(|(node, element)| match element? {
                    Typed::Number(NumberExpr::Literal(number)) => Some(number),
                    Typed::Number(NumberExpr::Negate(inner)) if matches!(*inner, NumberExpr::Literal(_)) => {
                        let NumberExpr::Literal(number) = *inner else {
                            return None;
                        };
                        Some(-number)
                    }
                    _ => self.fault(node, "is not a plain number, as all of this list must be"),
                });
                all(numbers).map(|numbers| FlagExpr::InNumber(value, numbers))
            }
            Typed::Text(value) => {
                let texts = elements.into_iter().map(|(node, element)| match element? {
                    Typed::Text(TextExpr::Literal(code)) => Some(code),
                    _ => self.fault(node, "is not a plain text, as all of this list must be"),
                });
                all(texts).map(|texts| FlagExpr::InText(value, texts))
            }
            Typed::Day(value) => {
                let days = elements.into_iter().map(|(node, element)| match element? {
                    Typed::Day(DayExpr::Literal(day)) => Some(day),
                    _ => self.fault(node, "is not a day(\"YYYY-MM-DD\"), as all of this list must be"),
                });
                all(days).map(|days| FlagExpr::InDay(value, days))
            }
            Typed::Flag(_) => self.fault(list, "a flag is in no list: write it bare, or with ! before it"),
        }
    }
}

/// All or nothing, but every one is looked at.
fn all<T>(each: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    each.collect::<Vec<_>>().into_iter().collect()
}

fn not(inner: FlagExpr) -> FlagExpr {
    FlagExpr::Not(Box::new(inner))
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::NotEqual,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessEqual,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterEqual,
        _ => return None,
    })
}

fn arithmetic(name: &str) -> Option<Arithmetic> {
    Some(match name {
        operators::ADD => Arithmetic::Add,
        operators::SUBSTRACT => Arithmetic::Subtract,
        operators::MULTIPLY => Arithmetic::Multiply,
        operators::DIVIDE => Arithmetic::Divide,
        _ => return None,
    })
}
