//! Operators: logic, comparison, arithmetic and the ternary.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, operators};

use super::{Checker, Typed, a, date};
use crate::catalogue::Kind;
use crate::rule::clause::{Clause, Shape};
use crate::rule::tree::{Arithmetic, Comparison, DayExpr, FlagExpr, NumberExpr, SpellingExpr, TextExpr};

impl Checker<'_> {
    /// Checks a call that is an operator; `None` if it is none.
    pub(super) fn operator(&mut self, node: &IdedExpr, call: &CallExpr) -> Option<Option<Typed>> {
        let name = call.func_name.as_str();
        Some(match (name, call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => self.both(left, right),
            (operators::LOGICAL_OR, [left, right]) => self.either(left, right),
            (operators::LOGICAL_NOT, [inner]) => self.clause(inner).map(negate),
            (operators::CONDITIONAL, [test, then, or]) => self.conditional(node, test, then, or),
            (operators::NEGATE, [inner]) => {
                self.number(inner).map(|inner| Typed::Number(NumberExpr::Negate(Box::new(inner))))
            }
            (operators::IN, [value, list]) => self.is_in(value, list),
            (operators::MODULO, [left, right]) => {
                let (left, right) = (self.number(left), self.number(right));
                left.zip(right)
                    .map(|(left, right)| Typed::Number(NumberExpr::Remainder(Box::new(left), Box::new(right))))
            }
            (operators::INDEX, _) => self.fault(node, "there are no places in lists: write in or exists"),
            (_, [left, right]) => {
                if let Some(comparison) = comparison(name) {
                    self.compare(node, comparison, left, right)
                } else {
                    let operation = arithmetic(name)?;
                    self.reckon(operation, left, right)
                }
            }
            _ => return None,
        })
    }

    fn both(&mut self, left: &IdedExpr, right: &IdedExpr) -> Option<Typed> {
        let (left, right) = (self.clause(left), self.clause(right));
        let ((left, one), (right, other)) = (left?, right?);
        let clauses = [one, other].into_iter().flat_map(|clause| match clause.shape {
            Shape::All(clauses) => clauses,
            _ => vec![clause],
        });
        let shape = Shape::All(clauses.collect());
        Some(Typed::Flag(FlagExpr::And(Box::new(left), Box::new(right)), Some(shape)))
    }

    fn either(&mut self, left: &IdedExpr, right: &IdedExpr) -> Option<Typed> {
        let (left, right) = (self.clause(left), self.clause(right));
        let ((left, one), (right, other)) = (left?, right?);
        let clauses = [one, other].into_iter().flat_map(|clause| match clause.shape {
            Shape::Any(clauses) => clauses,
            _ => vec![clause],
        });
        let shape = Shape::Any(clauses.collect());
        Some(Typed::Flag(FlagExpr::Or(Box::new(left), Box::new(right)), Some(shape)))
    }

    fn reckon(&mut self, operation: Arithmetic, left: &IdedExpr, right: &IdedExpr) -> Option<Typed> {
        let (left, right) = (self.number(left), self.number(right));
        Some(Typed::Number(NumberExpr::Reckon(operation, Box::new(left?), Box::new(right?))))
    }

    fn conditional(&mut self, node: &IdedExpr, test: &IdedExpr, then: &IdedExpr, or: &IdedExpr) -> Option<Typed> {
        let tested = self.clause(test);
        let mark = self.reads.len();
        let then_typed = self.typed(then);
        let middle = self.reads.len();
        let or_typed = self.typed(or);
        let (test, tested) = tested?;
        let test = Box::new(test);
        Some(match (then_typed?, or_typed?) {
            (Typed::Number(then), Typed::Number(or)) => {
                Typed::Number(NumberExpr::If(test, Box::new(then), Box::new(or)))
            }
            (Typed::Text(then), Typed::Text(or)) => Typed::Text(TextExpr::If(test, Box::new(then), Box::new(or))),
            (Typed::Day(then), Typed::Day(or)) => Typed::Day(DayExpr::If(test, Box::new(then), Box::new(or))),
            (Typed::Flag(yes, shape), Typed::Flag(no, other)) => {
                // The second part's reads end where the third's begin.
                let reads = self.reads.split_off(middle);
                let (yes, yes_clause) = self.shaped(then, mark, yes, shape);
                self.reads.extend(reads);
                let (no, no_clause) = self.shaped(or, middle, no, other);
                let shape = Shape::If(Box::new([tested, yes_clause, no_clause]));
                Typed::Flag(FlagExpr::If(test, Box::new(yes), Box::new(no)), Some(shape))
            }
            (then, or) if then.kind() == or.kind() => {
                let (then, or) = (self.respell(then)?, self.respell(or)?);
                Typed::Spelling(SpellingExpr::If(test, Box::new(then), Box::new(or)))
            }
            (then, or) => return self.unlike(node, &then, &or),
        })
    }

    fn compare(&mut self, node: &IdedExpr, comparison: Comparison, left: &IdedExpr, right: &IdedExpr) -> Option<Typed> {
        let mark = self.reads.len();
        let left_typed = self.typed(left);
        let middle = self.reads.len();
        let right_typed = self.typed(right);
        let equal = match comparison {
            Comparison::Equal => true,
            Comparison::NotEqual => false,
            ordered => return self.compare_order(node, ordered, left_typed?, right_typed?).map(Typed::flag),
        };
        let same = match (left_typed?, right_typed?) {
            (Typed::Text(one), Typed::Text(other)) => {
                for (node, text) in [(left, &one), (right, &other)] {
                    if let TextExpr::Literal(code) = text {
                        self.hint_text(node, *code);
                    }
                }
                FlagExpr::EqualText(one, other)
            }
            (Typed::Flag(one, shape), Typed::Flag(other, other_shape)) => {
                let reads = self.reads.split_off(middle);
                let (one, one_clause) = self.shaped(left, mark, one, shape);
                self.reads.extend(reads);
                let (other, other_clause) = self.shaped(right, middle, other, other_shape);
                let shape = Shape::Same(Box::new([one_clause, other_clause]));
                let same = FlagExpr::Equal(Box::new(one), Box::new(other));
                if equal {
                    return Some(Typed::Flag(same, Some(shape)));
                }
                let clause = Clause { place: self.place_bound(node), shape };
                return Some(negate((same, clause)));
            }
            (one, other) if one.kind() == other.kind() && one.kind() == Kind::Text => self.same_spelling(one, other)?,
            (one, other) => return self.compare_order(node, comparison, one, other).map(Typed::flag),
        };
        Some(Typed::flag(if equal { same } else { FlagExpr::Not(Box::new(same)) }))
    }

    fn compare_order(
        &mut self,
        node: &IdedExpr,
        comparison: Comparison,
        left: Typed,
        right: Typed,
    ) -> Option<FlagExpr> {
        match (left, right) {
            (Typed::Number(left), Typed::Number(right)) => Some(date::compare(comparison, left, right)),
            (Typed::Day(left), Typed::Day(right)) => Some(FlagExpr::CompareDay(comparison, left, right)),
            (left, right) if (left.kind(), right.kind()) == (Kind::Text, Kind::Text) => {
                self.fault(node, "texts have no order: compare them with == or !=")
            }
            (Typed::Flag(..), Typed::Flag(..)) => self.fault(node, "flags have no order: compare them with == or !="),
            (left, right) => self.unlike(node, &left, &right),
        }
    }

    fn unlike<T>(&mut self, node: &IdedExpr, left: &Typed, right: &Typed) -> Option<T> {
        let hint = match (left.kind(), right.kind()) {
            (Kind::Day, Kind::Text) | (Kind::Text, Kind::Day) => "; write day(\"YYYY-MM-DD\")",
            (Kind::Day, Kind::Number) | (Kind::Number, Kind::Day) => "; write days_since(…) or years_since(…)",
            _ => "",
        };
        self.fault(node, format!("{} and {} are unlike types{hint}", a(left.kind()), a(right.kind())))
    }
}

fn negate((expr, clause): (FlagExpr, Clause)) -> Typed {
    Typed::Flag(FlagExpr::Not(Box::new(expr)), Some(Shape::Not(Box::new(clause))))
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
