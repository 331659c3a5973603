//! From a rule's text to its syntax tree, within bounds. What the names in it mean is not known here.

use cel::IdedExpr;
use cel::common::ast::{Expr, SourceInfo};

use super::{Fault, MAX_BYTES, MAX_NODES};

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
            return Err(vec![fault(format!(
                "is {} bytes long; at most {MAX_BYTES} are allowed",
                source.len()
            ))]);
        }
        if source.trim().is_empty() {
            return Err(vec![fault("is empty".into())]);
        }
        // An environment of nothing: no macro rewrites what was written.
        let (root, offsets) = cel::Env::default()
            .parser()
            .parse_with_source_info(source)
            .map_err(|faults| {
                faults
                    .errors
                    .iter()
                    .map(|error| at_position(source, error.pos, &error.msg))
                    .collect::<Vec<_>>()
            })?;
        match count(&root) {
            nodes if nodes > MAX_NODES => Err(vec![fault(format!(
                "has {nodes} nodes; at most {MAX_NODES} are allowed"
            ))]),
            _ => Ok(Self {
                root,
                source: source.to_owned(),
                offsets,
            }),
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
        // A call ends in a bracket that belongs to no node.
        let open = piece.iter().filter(|c| **c == '(').count();
        let mut missing = open.saturating_sub(piece.iter().filter(|c| **c == ')').count());
        let rest = characters[stop.min(characters.len())..].iter().take_while(|c| {
            let wanted = missing > 0;
            missing -= usize::from(wanted && **c == ')');
            wanted
        });
        piece.iter().chain(rest).collect()
    }
}

fn fault(description: String) -> Fault {
    Fault {
        description,
        part: String::new(),
    }
}

fn at_position(source: &str, (line, column): (isize, isize), message: &str) -> Fault {
    let line_at = usize::try_from(line - 1).unwrap_or(0);
    let column_at = usize::try_from(column).unwrap_or(0).saturating_sub(1);
    let part: String = source
        .lines()
        .nth(line_at)
        .unwrap_or("")
        .chars()
        .skip(column_at)
        .take(20)
        .collect();
    Fault {
        description: format!("does not parse at line {line}, column {column}: {message}"),
        part,
    }
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
