//! Who belongs to each membership, kept in memory: found for everybody on all cores when definitions or the business day
//! change, and afterwards only for the rows that changed, which are drawn together, evaluated, and put back in their
//! places. It follows whoever calls; it has no thread and no lock of its own.
//!
//! Bitmaps are plain here, a bit a customer and name, and lie side by side: the words of all names for the same 64 rows
//! follow one another, so that a changed row is written in one go. They are compressed for whoever takes them away.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use huan_chassis::clock::Day;
use multiversion::multiversion;
use roaring::RoaringBitmap;

use crate::columns::{Changed, Changes, ROWS, Snapshot};
use crate::cores::{cores, on_all_cores};
use crate::live::{Live, Plan};
use crate::rule::vector::Tags;

/// Rows of a leaf, those of one container of a compressed bitmap.
const LEAF: usize = 1 << 16;

/// Chunks of a leaf.
const CHUNKS: usize = LEAF / ROWS;

/// Words of one name in a leaf.
const WORDS: usize = LEAF / 64;

/// With so many changed rows of ten, all are evaluated.
const MOST_TENTHS: u64 = 2;

/// The members of every name among [`LEAF`] rows: for each 64 rows one word a name.
type Leaf = Vec<u64>;

/// Everybody's memberships as they stood when they were last followed.
pub struct Members {
    live: Arc<Live>,
    today: Day,
    plan: Plan,
    leaves: Vec<Leaf>,
    population: u32,
}

impl Default for Members {
    fn default() -> Self {
        let (live, today) = (Arc::<Live>::default(), Day(i32::MIN));
        let plan = live.plan(None, today);
        Self { live, today, plan, leaves: Vec::new(), population: 0 }
    }
}

impl Members {
    /// Finds the members of everything that is live.
    pub fn find(live: Arc<Live>, rows: &Snapshot, today: Day) -> Self {
        let plan = live.plan(None, today);
        let leaves = find(&live, &plan, rows, today);
        Self { live, today, plan, leaves, population: rows.population }
    }

    /// Takes over changes. `changed`: the rows that changed since this was called last, of which `rows` is the last state.
    pub fn follow(&mut self, live: &Arc<Live>, rows: &Snapshot, today: Day, changed: &Changes) {
        let many = changed.len() * 10 > u64::from(rows.population) * MOST_TENTHS;
        if !self.is_of(live, today) || many {
            *self = Self::find(live.clone(), rows, today);
        } else if !changed.is_empty() {
            self.update(rows, changed);
        }
    }

    /// Whether nothing but rows can have changed.
    pub fn is_of(&self, live: &Arc<Live>, today: Day) -> bool {
        Arc::ptr_eq(live, &self.live) && today == self.today
    }

    /// How many customers there are.
    pub fn population(&self) -> u32 {
        self.population
    }

    /// Who belongs to each membership of a segment, a set or a clustering, in its order; `None` if it is not live.
    pub fn of(&self, id: &str) -> Option<Vec<(String, RoaringBitmap)>> {
        let (_, names) = self.plan.groups().iter().find(|(group, _)| group == id)?;
        Some(names.clone().map(|name| (self.plan.names()[name].clone(), self.compressed(name))).collect())
    }

    /// The memberships of one row, ascending.
    pub fn at(&self, ordinal: u32) -> Vec<String> {
        let mut held: Vec<String> = self.held(ordinal).map(|name| self.plan.names()[name].clone()).collect();
        // They come in few runs that are sorted already, which this kind of sort merges.
        held.sort();
        held
    }

    /// The codes of the memberships of each of these rows, ascending; `None` for each that has no code.
    pub fn codes(
        &self,
        ordinals: impl Iterator<Item = u32>,
        codes: &HashMap<String, u32>,
    ) -> Vec<(u32, Vec<Option<u32>>)> {
        let codes: Vec<Option<u32>> = self.plan.names().iter().map(|name| codes.get(name).copied()).collect();
        let held = |ordinal| {
            let mut held: Vec<_> = self.held(ordinal).map(|name| codes[name]).collect();
            held.sort_unstable();
            (ordinal, held)
        };
        ordinals.map(held).collect()
    }

    /// The places among the names of the memberships of one row.
    fn held(&self, ordinal: u32) -> impl Iterator<Item = usize> {
        let (names, place) = (self.plan.names().len(), ordinal as usize % LEAF / 64);
        let leaf = self.leaves.get(ordinal as usize / LEAF);
        let words = leaf.map_or(&[][..], |leaf| &leaf[place * names..][..names]);
        words.iter().enumerate().filter(move |(_, word)| *word >> (ordinal % 64) & 1 == 1).map(|(name, _)| name)
    }

    /// All memberships: names and members, group by group. Compressed on all cores.
    pub fn all(&self) -> Vec<(&str, RoaringBitmap)> {
        let names = self.plan.names();
        let bitmaps = on_all_cores(names.len(), self.leaves.len(), |_, name| self.compressed(name));
        names.iter().map(String::as_str).zip(bitmaps).collect()
    }

    fn compressed(&self, name: usize) -> RoaringBitmap {
        compressed(&self.leaves, self.plan.names().len(), name)
    }

    fn update(&mut self, rows: &Snapshot, changed: &Changes) {
        let changed = changed.sorted();
        let found = find_among(&self.live, &self.plan, rows, self.today, &changed);
        let ordinals = &changed.ordinals;
        let names = self.plan.names().len();
        self.leaves.resize_with(rows.chunks.len().div_ceil(CHUNKS), || vec![0; names * WORDS]);
        let share = self.leaves.len().div_ceil(cores(ordinals.len() / ROWS)).max(1);
        let found = &found;
        let put = |(at, leaves): (usize, &mut [Leaf])| {
            for (nth, leaf) in leaves.iter_mut().enumerate() {
                put(leaf, names, at * share + nth, ordinals, found);
            }
        };
        thread::scope(|scope| {
            let mut shares = self.leaves.chunks_mut(share).enumerate();
            let first = shares.next();
            shares.for_each(|share| drop(scope.spawn(move || put(share))));
            first.map(put);
        });
        self.population = rows.population;
    }
}

/// The members of each name of a plan, in the order of the names.
pub fn members(live: &Live, plan: &Plan, rows: &Snapshot, today: Day) -> Vec<RoaringBitmap> {
    let leaves = find(live, plan, rows, today);
    (0..plan.names().len()).map(|name| compressed(&leaves, plan.names().len(), name)).collect()
}

fn find(live: &Live, plan: &Plan, rows: &Snapshot, today: Day) -> Vec<Leaf> {
    let (tags, names) = (plan.tags(&rows.names), plan.names().len());
    let leaves = rows.chunks.len().div_ceil(CHUNKS);
    on_all_cores(leaves, leaves, |words, at| {
        let mut leaf = vec![0; names * WORDS];
        for chunk in at * CHUNKS..rows.chunks.len().min((at + 1) * CHUNKS) {
            let place = chunk % CHUNKS * (ROWS / 64);
            plan.find(live, &rows.block(chunk, today), &tags, words, |name, words| {
                words.iter().enumerate().for_each(|(at, word)| leaf[(place + at) * names + name] = *word);
            });
        }
        leaf
    })
}

/// The members among changed rows: for each [`ROWS`] of them, and of those for each 64, one word a name.
fn find_among(live: &Live, plan: &Plan, rows: &Snapshot, today: Day, changed: &Changed<'_>) -> Vec<Vec<u64>> {
    let count = changed.ordinals.len();
    let many = count >= rows.names.tag_sets();
    let (columns, tags) = (plan.columns(), if many { plan.tags(&rows.names) } else { Tags::default() });
    let pieces = count.div_ceil(ROWS);
    on_all_cores(pieces, pieces, |words, at| {
        let block = rows.draw_changed(changed, at * ROWS..count.min((at + 1) * ROWS), &columns, today);
        let names = plan.names().len();
        let mut found = vec![0; names * ROWS / 64];
        plan.find(live, &block, &tags, words, |name, words| {
            words.iter().enumerate().for_each(|(at, word)| found[at * names + name] = *word);
        });
        found
    })
}

/// Writes what was found for these ordinals into the leaf of this number.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn put(leaf: &mut [u64], names: usize, number: usize, ordinals: &[u32], found: &[Vec<u64>]) {
    let start = |leaf: usize| ordinals.partition_point(|ordinal| (*ordinal as usize) < leaf * LEAF);
    for at in start(number)..start(number + 1) {
        let ordinal = ordinals[at] as usize;
        let (lane, bit) = (at % 64, ordinal % 64);
        let from = &found[at / ROWS][at % ROWS / 64 * names..][..names];
        let words = &mut leaf[ordinal % LEAF / 64 * names..][..names];
        words.iter_mut().zip(from).for_each(|(word, from)| *word = *word & !(1 << bit) | (*from >> lane & 1) << bit);
    }
}

fn compressed(leaves: &[Leaf], names: usize, name: usize) -> RoaringBitmap {
    let mut members = RoaringBitmap::new();
    for (number, leaf) in leaves.iter().enumerate() {
        let mut bytes = [0; LEAF / 8];
        let words = leaf.iter().skip(name).step_by(names);
        bytes.as_chunks_mut().0.iter_mut().zip(words).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        members |= RoaringBitmap::from_lsb0_bytes((number * LEAF) as u32, &bytes);
    }
    members
}

#[cfg(test)]
mod tests {
    use huan_proto::profile::v1 as profile;
    use huan_proto::segment::v1 as pb;
    use huan_proto::types::v1::{Value, ValueType, value};
    use prost::Message as _;
    use rand::rngs::StdRng;
    use rand::seq::SliceRandom as _;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::catalogue::Catalogue;
    use crate::columns::{Columns, Customer};
    use crate::live::Draft;
    use crate::store::definition::Definitions;
    use crate::store::entity::{clustering, segment, segment_set_part};

    /// More than one container, so that more than one thread is at work.
    const CUSTOMERS: u32 = (1 << 16) + 3000;

    fn catalogue() -> Catalogue {
        let feature = |(number, name): (u32, &str)| {
            let r#type = if name == "opened" { ValueType::Day } else { ValueType::Number }.into();
            profile::Feature { number, name: name.into(), r#type, ..Default::default() }
        };
        Catalogue::of(&(1..).zip(["x", "y", "opened"]).map(feature).collect::<Vec<_>>())
    }

    fn put(columns: &mut Columns, rng: &mut StdRng, ordinal: u32) {
        let number = |rng: &mut StdRng| {
            let wide = *[f64::NAN, 1000.0, 0.25].choose(rng).unwrap();
            if rng.gen_bool(0.9) { f64::from(rng.gen_range(0..10)) } else { wide }
        };
        let day = Day(20_000 + rng.gen_range(0..100)).to_string();
        let kinds = [value::Kind::Number(number(rng)), value::Kind::Number(number(rng)), value::Kind::Day(day)];
        let vector = profile::Vector {
            features: (1..=3).collect(),
            values: kinds.into_iter().map(|kind| Value { kind: Some(kind) }).collect(),
            tags: ["vip", "new"].iter().filter(|_| rng.gen_bool(0.3)).map(ToString::to_string).collect(),
            as_of_time: None,
        };
        let id = format!("c{ordinal}");
        let customer = Customer { customer_id: &id, customer_key: "key", owner_path: "/hq", as_of: 0 };
        columns.put(&catalogue(), ordinal, customer, &vector);
    }

    fn live(columns: &mut Columns) -> Arc<Live> {
        let segment = |(id, rule): (&str, &str)| segment::Model {
            tenant: "t".into(),
            segment_id: id.into(),
            display_name: id.into(),
            rule: rule.into(),
            revision: 1,
            request_id: id.into(),
        };
        let part = |(place, (id, rule)): (i32, (&str, &str))| segment_set_part::Model {
            tenant: "t".into(),
            segment_set_id: "set".into(),
            place,
            part_id: id.into(),
            display_name: id.into(),
            rule: rule.into(),
        };
        let cluster =
            |number, at: f64| pb::Cluster { number, size: 1, standardised_means: vec![at, at], ..Default::default() };
        let clustering = pb::Clustering {
            clustering_id: "clusters".into(),
            features: vec!["x".into(), "y".into()],
            means: vec![5.0, 5.0],
            standard_deviations: vec![3.0, 3.0],
            clusters: vec![cluster(0, 0.7), cluster(1, -0.7)],
            ..Default::default()
        };
        let clustering = clustering::Model {
            tenant: "t".into(),
            clustering_id: "clusters".into(),
            request_id: "clusters".into(),
            payload: clustering.encode_to_vec(),
        };
        let segments = [
            ("high", "x >= 7"),
            ("not_high", "!(x >= 7)"),
            ("new", "days_since(opened) <= 30 && has_tag(\"new\")"),
            ("rare", "x == 0.25 && y == 1000"),
            ("faulty", "no_such_feature > 1"),
        ];
        let parts =
            [("low", "x + y < 6"), ("even", "x == y"), ("vip", "has_tag(\"vip\") || x < 6"), ("none", "x < -1")];
        let definitions = Definitions {
            revision: 1,
            segments: segments.into_iter().map(segment).collect(),
            parts: (0..).zip(parts).map(part).collect(),
            clusterings: vec![clustering],
            ..Definitions::default()
        };
        Arc::new(Draft::new(definitions).compile(&catalogue(), columns.names_mut()))
    }

    fn assert_right(members: &Members, live: &Arc<Live>, rows: &Snapshot, today: Day) {
        let full = Members::find(live.clone(), rows, today);
        let all = members.all();
        assert_eq!(all, full.all());
        assert_eq!(members.population(), rows.population);
        let mut counted = 0;
        for (ordinal, row) in rows.rows(today).filter(|(ordinal, _)| ordinal % 97 == 0) {
            let mut found: Vec<_> =
                all.iter().filter(|(_, members)| members.contains(ordinal)).map(|(name, _)| *name).collect();
            found.sort_unstable();
            assert_eq!(found, live.memberships(&row), "{ordinal}");
            assert_eq!(found, members.at(ordinal), "{ordinal}");
            counted += found.len();
        }
        assert!(counted > 500);
    }

    #[test]
    fn what_follows_changes_is_what_is_found_anew() {
        let (mut rng, mut columns) = (StdRng::seed_from_u64(6), Columns::default());
        (0..CUSTOMERS).filter(|ordinal| ordinal % 1000 != 999).for_each(|at| put(&mut columns, &mut rng, at));
        let (live, mut today, mut members) = (live(&mut columns), Day(20_100), Members::default());
        for round in 0..12 {
            let changed = columns.take_changed();
            members.follow(&live, &columns.snapshot(), today, &changed);
            assert_right(&members, &live, &columns.snapshot(), today);
            for _ in 0..[0, 1, 70, 5000][round % 4] {
                // New customers too, in chunks that were not there.
                let ordinal = rng.gen_range(0..CUSTOMERS + 1000 * round as u32);
                match rng.gen_bool(0.8) {
                    true => put(&mut columns, &mut rng, ordinal),
                    false => columns.forget(&format!("c{ordinal}")),
                }
            }
            today = Day(today.0 + i32::from(round == 7));
        }
    }

    #[test]
    fn a_set_has_each_customer_once() {
        let (mut rng, mut columns) = (StdRng::seed_from_u64(7), Columns::default());
        (0..5000).for_each(|at| put(&mut columns, &mut rng, at));
        let live = live(&mut columns);
        let members = Members::find(live.clone(), &columns.snapshot(), Day(20_100));
        let parts = members.of("set").unwrap();
        assert_eq!(
            parts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["set/low", "set/even", "set/vip", "set/none", "set/other"]
        );
        assert_eq!(parts.iter().map(|(_, members)| members.len()).sum::<u64>(), 5000);
        assert!(parts.iter().filter(|(_, members)| members.len() > 100).count() == 4);
        assert_eq!(members.of("set"), live.members("set", &columns.snapshot(), Day(20_100)));
        assert!(members.of("nothing").is_none());
        assert_eq!(members.of("faulty").unwrap()[0].1.len(), 0);
    }
}
