//! Whom a rule reaches, and what each of its clauses does: counted over bitmaps, on all cores.

use huan_chassis::clock::Day;
use huan_proto::segment::v1 as pb;

use crate::columns::{Block, Customer, ROWS, Snapshot, Words};
use crate::convert;
use crate::cores::on_all_cores;
use crate::rule::vector::{Node, Program};
use crate::rule::{Clause, Rule};

/// The most members that are shown.
const MAX_EXAMPLES: usize = 20;

/// Chunks of which a core is worth its while.
const WORTH: usize = 16;

/// Who is looked at, and who may be shown.
pub struct Audience<S> {
    /// All customers as they stand.
    pub rows: Snapshot,
    /// The business day.
    pub today: Day,
    /// Whether the caller sees a customer; the others are not counted.
    pub sees: S,
    /// Whether members are shown.
    pub shows: bool,
}

/// Where a clause is known to be true, and known to be false; and so of all clauses up to it.
struct Truths {
    alone: [Node; 2],
    running: [Node; 2],
}

/// Counts for whom a rule and each of its clauses hold. One pass over all rows.
pub fn reach<S: Fn(&Customer<'_>) -> bool + Sync>(rule: &Rule, audience: &Audience<S>) -> pb::Reach {
    let clauses = rule.clause().conjuncts();
    let mut program = Program::new(audience.today);
    let truths = truths(&mut program, clauses);
    let (rows, tags) = (&audience.rows, program.tags(&audience.rows.names));
    let count = |words: &mut Vec<Words>, chunk: usize| {
        let block = rows.block(chunk, audience.today);
        program.run(&block, &tags, words);
        of_block(&truths, words, &block, audience)
    };
    let empty = pb::Reach { clauses: clauses.iter().map(told).collect(), ..Default::default() };
    on_all_cores(rows.chunks.len(), rows.chunks.len() / WORTH, count).into_iter().fold(empty, sum)
}

fn truths(program: &mut Program, clauses: &[Clause]) -> Vec<Truths> {
    let mut running = [program.everybody(), program.nobody()];
    let mut each = |clause: &Clause| {
        let alone = program.clause(clause);
        running = [program.both(running[0], alone[0]), program.either(running[1], alone[1])];
        Truths { alone, running }
    };
    clauses.iter().map(&mut each).collect()
}

fn told(clause: &Clause) -> pb::ClauseReach {
    pb::ClauseReach {
        part: clause.place.part.clone(),
        line: clause.place.line,
        column: clause.place.column,
        ..Default::default()
    }
}

/// What one block adds.
fn of_block<S: Fn(&Customer<'_>) -> bool>(
    truths: &[Truths],
    words: &[Words],
    block: &Block<'_>,
    audience: &Audience<S>,
) -> pb::Reach {
    let mut seen: Words = [0; ROWS / 64];
    let visible = block.rows().filter(|(_, row)| (audience.sees)(&row.customer()));
    visible.for_each(|(at, _)| seen[at / 64] |= 1 << (at % 64));
    let holding = |[yes, _]: [Node; 2]| count(&seen, |at| yes.of(words)[at]);
    let unknown = |[yes, no]: [Node; 2]| count(&seen, |at| !(yes.of(words)[at] | no.of(words)[at]));
    let clause = |truths: &Truths| pb::ClauseReach {
        alone: holding(truths.alone),
        unknown: unknown(truths.alone),
        running: holding(truths.running),
        ..Default::default()
    };
    let whole = truths.last().map(|last| last.running);
    let member =
        |at: usize| whole.is_some_and(|[yes, _]| (yes.of(words)[at / 64] & seen[at / 64]) >> (at % 64) & 1 == 1);
    let members = block.rows().filter(|(at, _)| audience.shows && member(*at));
    pb::Reach {
        population: count(&seen, |_| u64::MAX),
        members: whole.map_or(0, holding),
        unknown: whole.map_or(0, unknown),
        clauses: truths.iter().map(clause).collect(),
        examples: members.take(MAX_EXAMPLES).map(|(_, row)| convert::member(&row.customer())).collect(),
    }
}

fn count(seen: &Words, word: impl Fn(usize) -> u64) -> i64 {
    seen.iter().enumerate().map(|(at, seen)| i64::from((seen & word(at)).count_ones())).sum()
}

fn sum(mut all: pb::Reach, block: pb::Reach) -> pb::Reach {
    all.population += block.population;
    all.members += block.members;
    all.unknown += block.unknown;
    for (all, block) in all.clauses.iter_mut().zip(&block.clauses) {
        all.alone += block.alone;
        all.unknown += block.unknown;
        all.running += block.running;
    }
    let room = MAX_EXAMPLES - all.examples.len();
    all.examples.extend(block.examples.into_iter().take(room));
    all
}

#[cfg(test)]
mod tests {
    use huan_proto::profile::v1 as profile;
    use huan_proto::types::v1::{Value, ValueType, value};

    use super::*;
    use crate::catalogue::Catalogue;
    use crate::columns::Columns;
    use crate::rule::Truth;

    #[test]
    fn what_is_counted_is_what_each_clause_says_row_by_row() {
        let feature = |(number, name): (u32, &str)| profile::Feature {
            number,
            name: name.into(),
            r#type: ValueType::Number.into(),
            ..Default::default()
        };
        let catalogue = Catalogue::of(&(1..).zip(["x", "y"]).map(feature).collect::<Vec<_>>());
        let mut columns = Columns::default();
        for ordinal in (0..20_000).filter(|ordinal| ordinal % 7 != 3) {
            let number = |at: u32| value::Kind::Number(f64::from(ordinal * at % 101));
            let values = [number(37), number(59)].map(|kind| Value { kind: Some(kind) });
            let some = if ordinal % 5 == 0 { 1 } else { 2 };
            let vector = profile::Vector {
                features: (1..=some).collect(),
                values: values[..some as usize].to_vec(),
                ..Default::default()
            };
            let id = format!("c{ordinal}");
            let owner_path = if ordinal % 3 == 0 { "/west" } else { "/east" };
            let customer = Customer { customer_id: &id, customer_key: "key", owner_path, as_of: 0 };
            columns.put(&catalogue, ordinal, customer, &vector);
        }
        let source = "x > 20 && (y < 70 || has_tag(\"vip\")) && !(x + y > 90)";
        let rule = Rule::new(source, &catalogue, columns.names_mut()).unwrap();
        let sees = |customer: &Customer<'_>| customer.owner_path == "/east";
        let audience = Audience { rows: columns.snapshot(), today: Day(0), sees, shows: true };
        let found = reach(&rule, &audience);

        let rows: Vec<_> = audience.rows.rows(Day(0)).filter(|(_, row)| sees(&row.customer())).collect();
        let clauses = rule.clause().conjuncts();
        let times = |clauses: &[Clause], wanted: Truth| {
            let truth = |row| clauses.iter().map(|clause| clause.truth(row)).min();
            rows.iter().filter(|(_, row)| truth(row) == Some(wanted)).count() as i64
        };
        assert_eq!(found.population, rows.len() as i64);
        assert_eq!((found.members, found.unknown), (times(clauses, Truth::True), times(clauses, Truth::Unknown)));
        assert_eq!((found.clauses.len(), clauses.len()), (3, 3));
        for (at, counted) in found.clauses.iter().enumerate() {
            let alone = &clauses[at..=at];
            assert_eq!((counted.alone, counted.unknown), (times(alone, Truth::True), times(alone, Truth::Unknown)));
            assert_eq!(counted.running, times(&clauses[..=at], Truth::True));
            assert!(counted.alone > 100 && counted.part == clauses[at].place.part);
        }
        let members = rows.iter().filter(|(_, row)| rule.holds(row)).map(|(_, row)| row.customer().customer_id);
        let shown: Vec<_> = found.examples.iter().map(|member| member.customer_id.as_str()).collect();
        assert_eq!(shown, members.take(MAX_EXAMPLES).collect::<Vec<_>>());
    }
}
