//! One tenant's vectors in memory: typed columns in chunks of rows. No rules, no locks, no store.
//!
//! A customer is a row, named by its ordinal. Chunks are shared by reference count: a reader of all rows takes the
//! list of chunks and lets the lock go, and a writer who meets a chunk that is still being read copies it first.

mod block;
mod cells;
mod changes;
mod chunk;
mod index;
mod names;

use std::sync::Arc;

use huan_chassis::clock::Day;
use huan_proto::profile::v1 as profile;
use huan_proto::types::v1::{Value, value};

pub use self::block::Block;
pub use self::cells::Cells;
pub use self::changes::{Changed, Changes};
pub use self::chunk::{Bits, Chunk, ROWS, Words};
use self::index::Index;
pub use self::names::{MISSING_TEXT, Names};
use crate::catalogue::{Catalogue, Column, Kind};

/// A day that is not known.
pub const MISSING_DAY: i32 = i32::MIN;

/// A flag that is not known; 0 is false and 1 is true.
pub const MISSING_FLAG: u8 = 2;

/// Of so many rows one is kept by itself at most when it changes.
const KEPT: usize = 50;

/// The vectors of one tenant.
#[derive(Default)]
pub struct Columns {
    chunks: Vec<Arc<Chunk>>,
    names: Arc<Names>,
    index: Index,
    population: u32,
    changed: Changes,
}

/// Who a row belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Customer<'a> {
    /// The customer's number at the bank.
    pub customer_id: &'a str,
    /// The customer's random key.
    pub customer_key: &'a str,
    /// The organisation path that owns the customer.
    pub owner_path: &'a str,
    /// Business time of the vector, in microseconds since the epoch.
    pub as_of: i64,
}

/// All rows as they stood at one moment.
#[derive(Clone)]
pub struct Snapshot {
    /// The rows, in chunks.
    pub chunks: Vec<Arc<Chunk>>,
    /// What the codes in them mean.
    pub names: Arc<Names>,
    /// How many rows are customers.
    pub population: u32,
}

/// One row, with what is needed to read it.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    chunk: &'a Chunk,
    names: &'a Names,
    at: usize,
    ordinal: u32,
    today: i32,
}

impl Columns {
    /// Puts a customer's whole vector at its ordinal: NaN becomes missing and −0 becomes 0. Whoever had the ordinal, and
    /// wherever the customer was, is forgotten: a transaction that was rolled back may have said otherwise.
    pub fn put(&mut self, catalogue: &Catalogue, ordinal: u32, customer: Customer<'_>, vector: &profile::Vector) {
        let before = self.ordinal(customer.customer_id);
        if let Some(elsewhere) = before.filter(|before| *before != ordinal) {
            self.empty(elsewhere);
        }
        let at = ordinal as usize % ROWS;
        while self.chunks.len() <= ordinal as usize / ROWS {
            self.chunks.push(Arc::default());
        }
        let kept = self.chunks.len() * ROWS / KEPT;
        let chunk = Arc::make_mut(&mut self.chunks[ordinal as usize / ROWS]);
        chunk.widen(catalogue);
        self.population += u32::from(chunk.is_absent(at));
        let (path, tag_set) = (path(&mut self.names, customer.owner_path), tag_set(&mut self.names, &vector.tags));
        chunk.set_customer(at, customer, path, tag_set);
        chunk.clear(at);
        for (number, value) in vector.features.iter().zip(&vector.values) {
            if let Some(column) = catalogue.column(*number) {
                set(chunk, &mut self.names, at, column, value);
            }
        }
        self.changed.put(ordinal, chunk, at, kept);
        if before != Some(ordinal) {
            self.index.insert(&self.chunks, ordinal);
        }
    }

    /// Makes a customer's row nobody's; its ordinal is never another's.
    pub fn forget(&mut self, customer_id: &str) {
        if let Some(ordinal) = self.ordinal(customer_id) {
            self.empty(ordinal);
        }
    }

    fn empty(&mut self, ordinal: u32) {
        Arc::make_mut(&mut self.chunks[ordinal as usize / ROWS]).forget(ordinal as usize % ROWS);
        self.population -= 1;
        self.changed.forget(ordinal);
    }

    /// The rows that were put or forgotten since this was asked last.
    pub fn take_changed(&mut self) -> Changes {
        std::mem::take(&mut self.changed)
    }

    /// Whether this row was put or forgotten since [`Self::take_changed`] was asked.
    pub fn has_changed(&self, ordinal: u32) -> bool {
        self.changed.contains(ordinal)
    }

    /// Whether no row was put or forgotten since [`Self::take_changed`] was asked.
    pub fn is_unchanged(&self) -> bool {
        self.changed.is_empty()
    }

    /// The ordinal of a customer.
    pub fn ordinal(&self, customer_id: &str) -> Option<u32> {
        self.index.find(&self.chunks, customer_id)
    }

    /// The row of a customer, read on this business day.
    pub fn row(&self, customer_id: &str, today: Day) -> Option<Row<'_>> {
        let ordinal = self.ordinal(customer_id)? as usize;
        let (chunk, at) = (&self.chunks[ordinal / ROWS], ordinal % ROWS);
        Some(Row { chunk, names: &self.names, at, ordinal: ordinal as u32, today: today.0 })
    }

    /// What the codes mean, to add names that rules speak of.
    pub fn names_mut(&mut self) -> &mut Names {
        Arc::make_mut(&mut self.names)
    }

    /// All rows as they stand; cheap.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { chunks: self.chunks.clone(), names: self.names.clone(), population: self.population }
    }

    /// Bytes held on the heap.
    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.bytes()).sum::<usize>() + self.index.bytes()
    }
}

impl Snapshot {
    /// Every customer's ordinal and row, ascending, read on this business day.
    pub fn rows(&self, today: Day) -> impl Iterator<Item = (u32, Row<'_>)> {
        self.chunks.iter().enumerate().flat_map(move |(block, chunk)| {
            let ordinal = move |at| (block * ROWS + at) as u32;
            let row = move |at| Row { chunk, names: &self.names, at, ordinal: ordinal(at), today: today.0 };
            (0..chunk.len()).filter(|at| !chunk.is_absent(*at)).map(move |at| (ordinal(at), row(at)))
        })
    }

    /// The customer at an ordinal.
    pub fn customer(&self, ordinal: u32) -> Option<Customer<'_>> {
        let (chunk, at) = (self.chunks.get(ordinal as usize / ROWS)?, ordinal as usize % ROWS);
        (!chunk.is_absent(at)).then(|| customer_at(chunk, &self.names, at))
    }
}

impl<'a> Row<'a> {
    /// Whose row this is.
    pub fn customer(&self) -> Customer<'a> {
        customer_at(self.chunk, self.names, self.at)
    }

    /// The customer's place in bitmaps.
    pub fn ordinal(&self) -> u32 {
        self.ordinal
    }

    /// A number; NaN if missing.
    pub fn number(&self, slot: usize) -> f64 {
        self.chunk.cells(Column { kind: Kind::Number, slot }).map_or(f64::NAN, |cells| cells.number(self.at))
    }

    /// A text's code; [`MISSING_TEXT`] if missing.
    pub fn text(&self, slot: usize) -> u32 {
        self.chunk.cells(Column { kind: Kind::Text, slot }).map_or(MISSING_TEXT, |cells| cells.code(self.at))
    }

    /// A day; [`MISSING_DAY`] if missing.
    pub fn day(&self, slot: usize) -> i32 {
        self.chunk.cells(Column { kind: Kind::Day, slot }).map_or(MISSING_DAY, |cells| cells.day(self.at))
    }

    /// A flag: 0, 1 or [`MISSING_FLAG`].
    pub fn flag(&self, slot: usize) -> u8 {
        self.chunk.flag(slot, self.at)
    }

    /// What a text's code stands for.
    pub fn spelling(&self, code: u32) -> &'a str {
        self.names.texts.spelling(code)
    }

    /// Whether the customer has this tag.
    pub fn has_tag(&self, tag: u32) -> bool {
        self.names.tags_of(self.chunk.tag_sets().code(self.at)).binary_search(&tag).is_ok()
    }

    /// Whether some tag of the customer passes a test.
    pub fn any_tag(&self, mut test: impl FnMut(&str) -> bool) -> bool {
        let tags = self.names.tags_of(self.chunk.tag_sets().code(self.at));
        tags.iter().any(|tag| test(self.names.tags.spelling(*tag)))
    }

    /// The customer's tags, ascending.
    pub fn tags(&self) -> Vec<String> {
        let tags = self.names.tags_of(self.chunk.tag_sets().code(self.at));
        let mut tags: Vec<_> = tags.iter().map(|tag| self.names.tags.spelling(*tag).to_owned()).collect();
        tags.sort_unstable();
        tags
    }

    /// The business day on which the row is read.
    pub fn today(&self) -> i32 {
        self.today
    }

    /// A value as the contract writes it; nothing set = missing.
    pub fn value(&self, column: Column) -> Value {
        let kind = match column.kind {
            Kind::Number => Some(self.number(column.slot)).filter(|n| !n.is_nan()).map(value::Kind::Number),
            Kind::Text => Some(self.text(column.slot))
                .filter(|code| *code != MISSING_TEXT)
                .map(|code| value::Kind::Text(self.spelling(code).to_owned())),
            Kind::Day => Some(self.day(column.slot))
                .filter(|day| *day != MISSING_DAY)
                .map(|day| value::Kind::Day(Day(day).to_string())),
            Kind::Flag => Some(self.flag(column.slot))
                .filter(|flag| *flag != MISSING_FLAG)
                .map(|flag| value::Kind::Flag(flag == 1)),
        };
        Value { kind }
    }
}

fn customer_at<'a>(chunk: &'a Chunk, names: &'a Names, at: usize) -> Customer<'a> {
    let (customer_id, customer_key) = chunk.ids(at);
    Customer { customer_id, customer_key, owner_path: names.paths.spelling(chunk.path(at)), as_of: chunk.as_of(at) }
}

fn set(chunk: &mut Chunk, names: &mut Arc<Names>, at: usize, column: Column, value: &Value) {
    match (&value.kind, column.kind) {
        // Adding 0 turns −0 into 0 and leaves all else alone.
        (Some(value::Kind::Number(number)), Kind::Number) if number.is_finite() => {
            chunk.set_number(column.slot, at, number + 0.0);
        }
        (Some(value::Kind::Text(spelling)), Kind::Text) => chunk.set_text(column.slot, at, text(names, spelling)),
        (Some(value::Kind::Day(day)), Kind::Day) => {
            if let Ok(day) = day.parse::<Day>() {
                chunk.set_day(column.slot, at, day.0);
            }
        }
        (Some(value::Kind::Flag(flag)), Kind::Flag) => chunk.set_flag(column.slot, at, *flag),
        _ => {}
    }
}

// Names that a reader holds are copied only for what is new in them, which is rare.

fn text(names: &mut Arc<Names>, spelling: &str) -> u32 {
    names.texts.code(spelling).unwrap_or_else(|| Arc::make_mut(names).texts.intern(spelling))
}

fn path(names: &mut Arc<Names>, spelling: &str) -> u32 {
    names.paths.code(spelling).unwrap_or_else(|| Arc::make_mut(names).paths.intern(spelling))
}

fn tag_set(names: &mut Arc<Names>, tags: &[String]) -> u32 {
    names.known_tag_set(tags).unwrap_or_else(|| Arc::make_mut(names).tag_set(tags))
}

#[cfg(test)]
mod tests {
    use super::*;
    use huan_proto::types::v1::ValueType;

    fn catalogue() -> Catalogue {
        let feature = |number, name: &str, r#type: ValueType| profile::Feature {
            number,
            name: name.into(),
            r#type: r#type.into(),
            ..Default::default()
        };
        Catalogue::of(&[
            feature(1, "balance", ValueType::Number),
            feature(2, "city", ValueType::Text),
            feature(3, "open_day", ValueType::Day),
            feature(4, "digital", ValueType::Flag),
        ])
    }

    fn customer(customer_id: &str) -> Customer<'_> {
        Customer { customer_id, customer_key: "key", owner_path: "/hq", as_of: 5 }
    }

    fn vector(values: Vec<(u32, value::Kind)>) -> profile::Vector {
        let (features, values) = values.into_iter().map(|(n, kind)| (n, Value { kind: Some(kind) })).unzip();
        profile::Vector { features, values, tags: vec!["vip".into(), "new".into()], as_of_time: None }
    }

    fn all(row: Row<'_>) -> Vec<Option<value::Kind>> {
        catalogue().features().iter().map(|feature| row.value(feature.column).kind).collect()
    }

    #[test]
    fn a_vector_reads_back_as_it_was_put() {
        let (mut columns, catalogue) = (Columns::default(), catalogue());
        let kinds = vec![
            (1, value::Kind::Number(-0.0)),
            (2, value::Kind::Text("Wuhan".into())),
            (3, value::Kind::Day("2024-02-29".into())),
            (4, value::Kind::Flag(true)),
        ];
        columns.put(&catalogue, 0, customer("c1"), &vector(kinds.clone()));
        let row = columns.row("c1", Day(0)).expect("it was put");
        let read: Vec<_> = all(row).into_iter().flatten().collect();
        assert_eq!(read, kinds.into_iter().map(|(_, kind)| kind).collect::<Vec<_>>());
        assert!(row.number(0).is_sign_positive());
        assert_eq!(row.tags(), ["new", "vip"]);
        assert_eq!(row.customer().owner_path, "/hq");
    }

    #[test]
    fn what_a_newer_vector_lacks_is_missing() {
        let (mut columns, catalogue) = (Columns::default(), catalogue());
        columns.put(&catalogue, 0, customer("c1"), &vector(vec![(1, value::Kind::Number(1.0))]));
        columns.put(&catalogue, 0, customer("c1"), &vector(vec![(1, value::Kind::Number(f64::NAN))]));
        assert_eq!(all(columns.row("c1", Day(0)).expect("it was put")), [None, None, None, None]);
        assert_eq!(columns.snapshot().population, 1);
    }

    #[test]
    fn a_snapshot_does_not_see_what_is_written_after_it() {
        let (mut columns, catalogue) = (Columns::default(), catalogue());
        columns.put(&catalogue, 0, customer("c1"), &vector(vec![(1, value::Kind::Number(1.0))]));
        let snapshot = columns.snapshot();
        columns.put(&catalogue, 0, customer("c1"), &vector(vec![(1, value::Kind::Number(2.0))]));
        columns.put(&catalogue, 1, customer("c2"), &vector(vec![]));
        assert_eq!(snapshot.rows(Day(0)).map(|(_, row)| row.number(0)).collect::<Vec<_>>(), [1.0]);
        assert_eq!(columns.row("c1", Day(0)).map(|row| row.number(0)), Some(2.0));
    }

    #[test]
    fn many_customers_are_found_and_gaps_are_nobody() {
        let (mut columns, catalogue) = (Columns::default(), catalogue());
        for ordinal in (0..10_000).step_by(2) {
            columns.put(&catalogue, ordinal, customer(&format!("c{ordinal}")), &vector(vec![]));
        }
        assert_eq!(columns.ordinal("c9998"), Some(9998));
        assert_eq!(columns.ordinal("c9999"), None);
        assert_eq!(columns.snapshot().rows(Day(0)).count(), 5000);
        assert!(columns.snapshot().customer(9999).is_none());
    }

    #[test]
    fn a_forgotten_customer_leaves_a_gap() {
        let (mut columns, catalogue) = (Columns::default(), catalogue());
        for (ordinal, id) in ["a", "b", "c"].into_iter().enumerate() {
            columns.put(&catalogue, ordinal as u32, customer(id), &vector(vec![(1, value::Kind::Number(1.0))]));
        }
        columns.forget("b");
        columns.forget("nobody");
        assert!(columns.ordinal("b").is_none() && columns.snapshot().customer(1).is_none());
        assert_eq!(columns.snapshot().rows(Day(0)).map(|(ordinal, _)| ordinal).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(columns.snapshot().population, 2);
    }

    #[test]
    fn ordinals_may_be_given_anew() {
        let (mut columns, catalogue) = (Columns::default(), catalogue());
        for (ordinal, id) in [(0, "a"), (1, "b"), (0, "b"), (1, "a")] {
            columns.put(&catalogue, ordinal, customer(id), &vector(vec![]));
        }
        assert_eq!((columns.ordinal("a"), columns.ordinal("b")), (Some(1), Some(0)));
        assert_eq!(columns.snapshot().population, 2);
    }

    #[test]
    fn a_forgotten_customer_may_come_back_to_its_place() {
        let (mut columns, catalogue) = (Columns::default(), catalogue());
        for round in 0..20 {
            columns.put(&catalogue, 0, customer("a"), &vector(vec![]));
            columns.put(&catalogue, 1, customer("b"), &vector(vec![]));
            assert_eq!((columns.ordinal("a"), columns.snapshot().population), (Some(0), 2), "{round}");
            columns.forget("a");
            columns.forget("a");
            assert_eq!((columns.ordinal("a"), columns.snapshot().population), (None, 1), "{round}");
            assert_eq!(columns.ordinal("b"), Some(1));
        }
    }

    /// Bytes a customer of 36 numbers.
    fn bytes_each(number: f64) -> usize {
        let features: Vec<_> = (1..=36)
            .map(|number| profile::Feature {
                number,
                name: format!("f{number}"),
                r#type: ValueType::Number.into(),
                ..Default::default()
            })
            .collect();
        let (mut columns, catalogue) = (Columns::default(), Catalogue::of(&features));
        let vector = profile::Vector {
            features: (1..=36).collect(),
            values: vec![Value { kind: Some(value::Kind::Number(number)) }; 36],
            ..Default::default()
        };
        for ordinal in 0..20 * ROWS as u32 {
            let (id, key) = (format!("{ordinal:010}"), format!("{ordinal:032x}"));
            let customer = Customer { customer_id: &id, customer_key: &key, owner_path: "/hq/east", as_of: 0 };
            columns.put(&catalogue, ordinal, customer, &vector);
        }
        columns.bytes() / (20 * ROWS)
    }

    #[test]
    fn a_customer_of_36_features_takes_at_most_400_bytes() {
        let (widest, narrowest) = (bytes_each(0.1), bytes_each(3.0));
        assert!(widest <= 400, "{widest} bytes a customer of fractions");
        assert!(narrowest <= 150, "{narrowest} bytes a customer of small counts");
    }

    #[test]
    fn only_the_rows_that_were_put_or_forgotten_have_changed() {
        let (mut columns, catalogue) = (Columns::default(), catalogue());
        for (ordinal, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
            columns.put(&catalogue, ordinal as u32, customer(id), &vector(vec![]));
        }
        assert_eq!(columns.take_changed().sorted().ordinals, [0, 1, 2, 3]);
        assert!(columns.is_unchanged());
        columns.forget("b");
        columns.forget("nobody");
        columns.put(&catalogue, 3, customer("c"), &vector(vec![]));
        assert_eq!(columns.take_changed().sorted().ordinals, [1, 2, 3]);
    }

    #[test]
    fn changed_rows_read_as_those_that_are_gathered() {
        let (mut columns, catalogue) = (Columns::default(), catalogue());
        for (ordinal, city) in ["Wuhan", "Xiamen", "Wuhan", "Lhasa"].into_iter().enumerate() {
            let day = Day(20_000 + ordinal as i32).to_string();
            let kinds = [
                (1, value::Kind::Number(ordinal as f64 + 0.5)),
                (2, value::Kind::Text(city.into())),
                (3, value::Kind::Day(day)),
                (4, value::Kind::Flag(ordinal % 2 == 0)),
            ];
            let id = format!("c{ordinal}");
            columns.put(&catalogue, ordinal as u32, customer(&id), &vector(kinds.to_vec()));
        }
        columns.put(&catalogue, 1, customer("c1"), &vector(vec![(2, value::Kind::Text("Lhasa".into()))]));
        columns.forget("c2");
        let (changes, rows) = (columns.take_changed(), columns.snapshot());
        let changed = changes.sorted();
        assert!(changed.are_kept());
        let wanted: Vec<Column> = catalogue.features().iter().map(|feature| feature.column).collect();
        let kept = rows.draw_changed(&changed, 0..4, &wanted, Day(20_000));
        let gathered = rows.draw(&changed.ordinals, &wanted, Day(20_000));
        let (kept, gathered) = (kept.chunk(), gathered.chunk());
        assert_eq!(kept.present(), gathered.present());
        for at in [0, 1, 3] {
            assert_eq!(kept.tag_sets().code(at), gathered.tag_sets().code(at));
            assert_eq!(kept.flag(0, at), gathered.flag(0, at));
            for column in wanted.iter().filter(|column| column.kind != Kind::Flag) {
                let value = |chunk: &Chunk| chunk.cells(*column).unwrap().number(at).to_bits();
                assert_eq!(value(kept), value(gathered), "{at} {column:?}");
            }
        }
    }
}
