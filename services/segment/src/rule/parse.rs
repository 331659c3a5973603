//! From a rule's text to its syntax tree, within bounds. What the names in it mean is not known here.

use cel::IdedExpr;
use cel::common::ast::{Expr, SourceInfo};

use super::{Fault, MAX_BYTES, MAX_NODES};

/// Stack for the parser, which goes at most 96 levels deep.
const STACK: usize = 64 << 20;

/// A rule that parses and is of allowed size.
pub struct Parsed {
    pub(super) root: IdedExpr,
    source: String,
    offsets: SourceInfo,
}

impl Parsed {
    /// Parses a rule. Errors: too long, not CEL, too many nodes.
    pub fn new(source: &str) -> Result<Self, Vec<Fault>> {
        if source.len() > MAX_BYTES {
            return Err(vec![fault(format!("is {} bytes long; at most {MAX_BYTES} are allowed", source.len()))]);
        }
        if source.trim().is_empty() {
            return Err(vec![fault("is empty".into())]);
        }
        // The parser calls itself for every level that brackets open, and takes up to 100 kB a level.
        std::thread::scope(|scope| {
            let parser = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || Self::parse(source));
            let parsed = parser.ok().and_then(|parser| parser.join().ok());
            parsed.unwrap_or_else(|| Err(vec![fault("could not be parsed".into())]))
        })
    }

    fn parse(source: &str) -> Result<Self, Vec<Fault>> {
        // An environment of nothing: no macro rewrites what was written.
        let parsed = cel::Env::default().parser().parse_with_source_info(source);
        let (root, offsets) = parsed.map_err(|faults| not_cel(source, &faults))?;
        match count(&root) {
            nodes if nodes > MAX_NODES => {
                Err(vec![fault(format!("has {nodes} nodes; at most {MAX_NODES} are allowed"))])
            }
            _ => Ok(Self { root, source: source.to_owned(), offsets }),
        }
    }

    /// The piece of text that a node was made of.
    pub(super) fn part(&self, node: &IdedExpr) -> String {
        let (mut start, mut stop) = (usize::MAX, 0);
        visit(node, &mut |node| {
            if let Some((from, to)) = self.offsets.offset_for(node.id) {
                start = start.min(from as usize);
                stop = stop.max(to as usize + 1);
            }
        });
        let characters: Vec<char> = self.source.chars().collect();
        let Some(piece) = characters.get(start..stop.min(characters.len())) else {
            return self.source.clone();
        };
        // A call's own place is its opening bracket: its name stands before it.
        let named = characters[..start].iter().rev();
        let name = if piece.starts_with(&['(']) { named.take_while(|c| is_name(**c)).count() } else { 0 };
        // It ends in a bracket that belongs to no node, as a selection ends in a name.
        let after = &characters[start + piece.len()..];
        let rest = match piece.last() {
            Some('.') => after.iter().take_while(|c| is_name(**c)).count(),
            _ => closing(piece, after),
        };
        characters[start - name..start].iter().chain(piece).chain(&after[..rest]).collect()
    }
}

/// How much of what comes after closes the brackets that a piece leaves open.
fn closing(piece: &[char], after: &[char]) -> usize {
    let count = |bracket: char| piece.iter().filter(|c| **c == bracket).count();
    match count('(').saturating_sub(count(')')) {
        0 => 0,
        open => after.iter().enumerate().filter(|(_, c)| **c == ')').nth(open - 1).map_or(0, |(at, _)| at + 1),
    }
}

fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn fault(description: String) -> Fault {
    Fault { description, part: String::new() }
}

fn not_cel(source: &str, faults: &cel::ParseErrors) -> Vec<Fault> {
    faults.errors.iter().map(|error| at_position(source, error.pos, &error.msg)).collect()
}

fn at_position(source: &str, (line, column): (isize, isize), message: &str) -> Fault {
    let line_at = usize::try_from(line - 1).unwrap_or(0);
    let column_at = usize::try_from(column).unwrap_or(0).saturating_sub(1);
    let part: String = source.lines().nth(line_at).unwrap_or("").chars().skip(column_at).take(20).collect();
    Fault { description: format!("does not parse at line {line}, column {column}: {message}"), part }
}

fn count(node: &IdedExpr) -> usize {
    let mut nodes = 0;
    visit(node, &mut |_| nodes += 1);
    nodes
}

fn visit(node: &IdedExpr, each: &mut impl FnMut(&IdedExpr)) {
    each(node);
    match &node.expr {
        Expr::Call(call) => {
            call.target.iter().for_each(|target| visit(target, each));
            call.args.iter().for_each(|arg| visit(arg, each));
        }
        Expr::List(list) => list.elements.iter().for_each(|element| visit(element, each)),
        Expr::Select(select) => visit(&select.operand, each),
        _ => {}
    }
}
