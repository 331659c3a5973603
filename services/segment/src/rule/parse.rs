//! From a rule's text to its syntax tree, within bounds. What the names in it mean is not known here.

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue, SourceInfo};

use super::place::{Place, Source};
use super::{Fault, MAX_BYTES, MAX_DEPTH, MAX_NODES};

/// Stack for the parser, which goes at most 96 levels deep.
const STACK: usize = 64 << 20;

/// The most faults that are told of a rule which does not parse.
const MAX_FAULTS: usize = 10;

/// A rule that parses and is of allowed size.
pub struct Parsed {
    pub(super) root: IdedExpr,
    source: Source,
    offsets: SourceInfo,
}

impl Parsed {
    /// Parses a rule. Errors: too long, too deep, not CEL, too many nodes.
    pub fn new(source: &str) -> Result<Self, Vec<Fault>> {
        if source.len() > MAX_BYTES {
            return Err(vec![fault(format!("is {} bytes long; at most {MAX_BYTES} are allowed", source.len()))]);
        }
        if source.trim().is_empty() {
            return Err(vec![fault("is empty".into())]);
        }
        let source = Source::new(source);
        if source.depth() > MAX_DEPTH {
            let depth = source.depth();
            return Err(vec![fault(format!("nests {depth} brackets; at most {MAX_DEPTH} are allowed"))]);
        }
        // The parser calls itself for every level that brackets open, and takes up to 100 kB a level.
        std::thread::scope(|scope| {
            let parse = || Self::parse(&source);
            let parser = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, parse);
            let parsed = parser.ok().and_then(|parser| parser.join().ok());
            parsed.unwrap_or_else(|| Err(vec![fault("could not be parsed".into())]))
        })
        .map(|(root, offsets)| Self { root, source, offsets })
    }

    fn parse(source: &Source) -> Result<(IdedExpr, SourceInfo), Vec<Fault>> {
        // An environment of nothing: no macro rewrites what was written.
        let parsed = cel::Env::default().parser().parse_with_source_info(source.text());
        let (root, offsets) = parsed.map_err(|faults| not_cel(source.text(), &faults))?;
        match count(&root) {
            nodes if nodes > MAX_NODES => {
                Err(vec![fault(format!("has {nodes} nodes; at most {MAX_NODES} are allowed"))])
            }
            _ => Ok((root, offsets)),
        }
    }

    /// The piece of text that a node was made of.
    pub(super) fn place(&self, node: &IdedExpr) -> Place {
        match self.span(node) {
            Some((start, stop)) => self.source.place(start, stop),
            None => Place { part: self.source.text().to_owned(), line: 1, column: 1 },
        }
    }

    /// The name and the arguments of a call, without what it is called on.
    pub(super) fn place_of_call(&self, node: &IdedExpr) -> Place {
        match self.offsets.offset_for(node.id) {
            Some((at, _)) => self.source.place(self.source.name_before(at as usize), at as usize + 1),
            None => self.place(node),
        }
    }

    /// The bytes from a node's first to its last, its operands included.
    fn span(&self, node: &IdedExpr) -> Option<(usize, usize)> {
        let mut span = self.offsets.offset_for(node.id).map(|(from, to)| self.named(node, from as usize, to as usize));
        each_operand(node, |operand| {
            span = match (span, self.span(operand)) {
                (Some((start, stop)), Some((from, to))) => Some((start.min(from), stop.max(to))),
                (one, other) => one.or(other),
            };
        });
        span
    }

    /// A node's own bytes, with what belongs to it: the parser notes of a call its bracket, of a selection its dot, of a
    /// number its digits.
    fn named(&self, node: &IdedExpr, from: usize, to: usize) -> (usize, usize) {
        match &node.expr {
            Expr::Call(call) if call.target.is_none() && self.source.text().as_bytes().get(from) == Some(&b'(') => {
                (self.source.name_before(from), to + 1)
            }
            Expr::Struct(_) => (self.source.name_before(from), to + 1),
            Expr::Select(_) => (from, self.source.name_after(to + 1)),
            Expr::Literal(LiteralValue::Int(number)) if *number.inner() < 0 => (self.source.sign_before(from), to + 1),
            Expr::Literal(LiteralValue::Double(number)) if number.inner().is_sign_negative() => {
                (self.source.sign_before(from), to + 1)
            }
            _ => (from, to + 1),
        }
    }
}

fn fault(description: String) -> Fault {
    Fault { description, place: Place::default() }
}

fn not_cel(source: &str, faults: &cel::ParseErrors) -> Vec<Fault> {
    faults.errors.iter().take(MAX_FAULTS).map(|error| at_position(source, error.pos, &error.msg)).collect()
}

fn at_position(source: &str, (line, column): (isize, isize), message: &str) -> Fault {
    let Some((line, column)) = i32::try_from(line).ok().zip(i32::try_from(column).ok()).filter(|(line, _)| *line > 0)
    else {
        return fault(format!("does not parse: {message}"));
    };
    // The parser lists all that could stand here, which is nearly everything.
    let message = message.split(" expecting {").next().unwrap_or_default();
    let rest = source.split('\n').nth(line as usize - 1).unwrap_or_default();
    let part = rest.chars().skip((column - 1).max(0) as usize).take(20).collect();
    let description = format!("does not parse at line {line}, column {column}: {message}");
    Fault { description, place: Place { part, line, column } }
}

fn count(node: &IdedExpr) -> usize {
    let mut nodes = 1;
    each_operand(node, |operand| nodes += count(operand));
    nodes
}

fn each_operand<'a>(node: &'a IdedExpr, mut each: impl FnMut(&'a IdedExpr)) {
    match &node.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).for_each(each),
        Expr::List(list) => list.elements.iter().for_each(each),
        Expr::Select(select) => each(&select.operand),
        _ => {}
    }
}
