//! From a filter's text to its tree, within bounds. Types are checked as far as they are known: an attribute may be of
//! any type until an event has it.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr as Cel, LiteralValue, operators};
use huan_chassis::clock::Day;

use super::{Arithmetic, Comparison, Expr, Field, Literal, MAX_BYTES, MAX_NODES};

/// Stack for the parser, which goes at most 96 levels deep and takes up to 100 kB a level.
const STACK: usize = 64 << 20;

const KNOWN: &str = "has(field), day(\"YYYY-MM-DD\"), text.startsWith(\"…\")";

/// Parses and checks a filter. Errors: everything that is wrong with it.
pub(super) fn parse(source: &str) -> Result<Expr, Vec<String>> {
    if source.len() > MAX_BYTES {
        return Err(vec![format!("is longer than {MAX_BYTES} bytes")]);
    }
    std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || read(source));
        let parsed = parser.ok().and_then(|parser| parser.join().ok());
        parsed.unwrap_or_else(|| Err(vec!["could not be parsed".into()]))
    })
}

fn read(source: &str) -> Result<Expr, Vec<String>> {
    // An environment of nothing: no macro rewrites what was written.
    let (root, _) = cel::Env::default().parser().parse_with_source_info(source).map_err(|faults| {
        let fault = |(line, column): (isize, isize), what: &str| {
            format!("does not parse at line {line}, column {column}: {what}")
        };
        faults.errors.iter().map(|error| fault(error.pos, &error.msg)).collect::<Vec<_>>()
    })?;
    let mut reader = Reader { faults: Vec::new(), nodes: 0 };
    let expr = reader.expr(&root);
    if reader.nodes > MAX_NODES {
        reader.faults.push(format!("has {} nodes; at most {MAX_NODES} are allowed", reader.nodes));
    }
    if let Some(expr) = &expr {
        reader.expect(expr, Type::Flag, "the whole");
    }
    match expr {
        Some(expr) if reader.faults.is_empty() => Ok(expr),
        _ => Err(reader.faults),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Type {
    Number,
    Text,
    Day,
    Flag,
}

/// What is carried along. Functions answer `None` for a part at fault, having said why.
struct Reader {
    faults: Vec<String>,
    nodes: usize,
}

impl Reader {
    fn expr(&mut self, node: &IdedExpr) -> Option<Expr> {
        self.nodes += 1;
        match &node.expr {
            Cel::Ident(name) => Some(Expr::Field(field(name))),
            Cel::Literal(value) => self.literal(value).map(Expr::Literal),
            Cel::Call(call) => self.call(call),
            Cel::List(_) => self.fault("has a list that does not stand to the right of in"),
            _ => self.fault("has a part that is no field, number, text or operator"),
        }
    }

    fn literal(&mut self, value: &LiteralValue) -> Option<Literal> {
        Some(match value {
            LiteralValue::Boolean(value) => Literal::Flag(*value.inner()),
            LiteralValue::Int(value) => Literal::Number(*value.inner() as f64),
            LiteralValue::UInt(value) => Literal::Number(*value.inner() as f64),
            LiteralValue::Double(value) if value.inner().is_finite() => Literal::Number(*value.inner()),
            LiteralValue::String(value) => Literal::Text(value.inner().to_string()),
            LiteralValue::Null => return self.fault("has null: ask has(field)"),
            _ => return self.fault("has a value that is no number, text or flag"),
        })
    }

    fn call(&mut self, call: &CallExpr) -> Option<Expr> {
        let name = call.func_name.as_str();
        match (name, call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [left, right]) => self.both(left, right, Expr::And),
            (operators::LOGICAL_OR, None, [left, right]) => self.both(left, right, Expr::Or),
            (operators::LOGICAL_NOT, None, [inner]) => {
                self.typed(inner, Type::Flag, "!").map(|inner| Expr::Not(Box::new(inner)))
            }
            (operators::NEGATE, None, [inner]) => {
                self.typed(inner, Type::Number, "-").map(|inner| Expr::Negate(Box::new(inner)))
            }
            (operators::IN, None, [value, list]) => self.is_in(value, list),
            ("has", None, [inner]) => match &inner.expr {
                Cel::Ident(name) => Some(Expr::Has(field(name))),
                _ => self.fault("asks has(…) of something else than a field"),
            },
            ("day", None, [inner]) => match text(inner).and_then(|text| text.parse::<Day>().ok()) {
                Some(day) => Some(Expr::Literal(Literal::Day(day.0))),
                None => self.fault("has a day(…) that is not \"YYYY-MM-DD\""),
            },
            ("startsWith", Some(value), [start]) => {
                let value = self.typed(value, Type::Text, "startsWith");
                match text(start) {
                    Some(start) => value.map(|value| Expr::StartsWith(Box::new(value), start.to_owned())),
                    None => self.fault("has a startsWith(…) without a text in quotes"),
                }
            }
            (_, None, [left, right]) if comparison(name).is_some() => self.compare(comparison(name)?, left, right),
            (_, None, [left, right]) if arithmetic(name).is_some() => {
                let (left, right) = (self.typed(left, Type::Number, name), self.typed(right, Type::Number, name));
                Some(Expr::Reckon(arithmetic(name)?, Box::new(left?), Box::new(right?)))
            }
            _ => self.fault(format!("has {name}, which is no function so used; there are {KNOWN}")),
        }
    }

    fn both(&mut self, left: &IdedExpr, right: &IdedExpr, join: fn(Box<Expr>, Box<Expr>) -> Expr) -> Option<Expr> {
        let (left, right) = (self.typed(left, Type::Flag, "logic"), self.typed(right, Type::Flag, "logic"));
        Some(join(Box::new(left?), Box::new(right?)))
    }

    fn compare(&mut self, comparison: Comparison, left: &IdedExpr, right: &IdedExpr) -> Option<Expr> {
        let (left, right) = (self.expr(left), self.expr(right));
        let (left, right) = (left?, right?);
        let known = (type_of(&left), type_of(&right));
        if let (Some(one), Some(other)) = known
            && one != other
        {
            return self.fault(format!("compares a {} with a {}", word(one), word(other)));
        }
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let unordered = |of| matches!(of, Some(Type::Text | Type::Flag));
        if ordered && (unordered(known.0) || unordered(known.1)) {
            return self.fault("orders texts or flags, which have no order: compare them with == or !=");
        }
        Some(Expr::Compare(comparison, Box::new(left), Box::new(right)))
    }

    fn is_in(&mut self, value: &IdedExpr, list: &IdedExpr) -> Option<Expr> {
        let value = self.expr(value);
        let Cel::List(elements) = &list.expr else {
            return self.fault("has an in without a list such as [\"a\", \"b\"] to its right");
        };
        let elements: Vec<Option<Literal>> = elements.elements.iter().map(|element| self.element(element)).collect();
        let (value, elements) = (value?, elements.into_iter().collect::<Option<Vec<_>>>()?);
        let wanted = type_of(&value).or_else(|| elements.first().map(type_of_literal));
        if elements.iter().any(|element| Some(type_of_literal(element)) != wanted) {
            return self.fault("has a list whose entries are not all of the type that is looked for");
        }
        Some(Expr::In(Box::new(value), elements))
    }

    fn element(&mut self, node: &IdedExpr) -> Option<Literal> {
        match self.expr(node)? {
            Expr::Literal(literal) => Some(literal),
            Expr::Negate(inner) => match *inner {
                Expr::Literal(Literal::Number(number)) => Some(Literal::Number(-number)),
                _ => self.fault("has a list with something else than plain values"),
            },
            _ => self.fault("has a list with something else than plain values"),
        }
    }

    fn typed(&mut self, node: &IdedExpr, wanted: Type, at: &str) -> Option<Expr> {
        let expr = self.expr(node)?;
        self.expect(&expr, wanted, at).then_some(expr)
    }

    fn expect(&mut self, expr: &Expr, wanted: Type, at: &str) -> bool {
        let fits = type_of(expr).is_none_or(|found| found == wanted);
        if !fits {
            self.faults.push(format!("needs a {} for {at}", word(wanted)));
        }
        fits
    }

    fn fault<T>(&mut self, description: impl Into<String>) -> Option<T> {
        self.faults.push(description.into());
        None
    }
}

fn field(name: &str) -> Field {
    match name {
        "type" => Field::Type,
        "source" => Field::Source,
        "amount_minor" => Field::Amount,
        other => Field::Attribute(other.to_owned()),
    }
}

/// The type of an expression, as far as it is known before there is an event.
fn type_of(expr: &Expr) -> Option<Type> {
    match expr {
        Expr::Literal(literal) => Some(type_of_literal(literal)),
        Expr::Field(Field::Type | Field::Source) => Some(Type::Text),
        Expr::Field(Field::Amount) | Expr::Negate(_) | Expr::Reckon(..) => Some(Type::Number),
        Expr::Field(Field::Attribute(_)) => None,
        Expr::Has(_) | Expr::Not(_) | Expr::And(..) | Expr::Or(..) => Some(Type::Flag),
        Expr::Compare(..) | Expr::In(..) | Expr::StartsWith(..) => Some(Type::Flag),
    }
}

fn type_of_literal(literal: &Literal) -> Type {
    match literal {
        Literal::Number(_) => Type::Number,
        Literal::Text(_) => Type::Text,
        Literal::Day(_) => Type::Day,
        Literal::Flag(_) => Type::Flag,
    }
}

fn word(of: Type) -> &'static str {
    match of {
        Type::Number => "number",
        Type::Text => "text",
        Type::Day => "day",
        Type::Flag => "flag",
    }
}

fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Cel::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
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
