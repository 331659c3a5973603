//! A tenant's live definitions, compiled: which memberships hold for a row, and who all the members are.

use huan_chassis::clock::Day;
use huan_proto::segment::v1 as pb;
use prost::Message as _;
use roaring::RoaringBitmap;

use crate::catalogue::{Catalogue, Kind};
use crate::cluster::Model;
use crate::columns::{Names, Row, Snapshot};
use crate::rule::{Fault, Parsed, Rule};
use crate::store::definition::Definitions;

/// The last part of every set.
pub const OTHER: &str = "other";

/// Everything that puts customers into groups, ready to be evaluated.
pub struct Live {
    /// The revision of the definitions; -1 before they were read.
    pub revision: i64,
    groups: Vec<Group>,
}

/// One segment, set or clustering.
struct Group {
    id: String,
    by: By,
}

enum By {
    /// Customers for whom the rule holds. `None`: the rule no longer fits the catalogue, so nobody.
    Rule(Option<Rule>),
    /// Membership names and rules in order; the first that holds takes the customer, else the last name.
    Parts { parts: Vec<(String, Option<Rule>)>, other: String },
    /// Membership names by number, the slots of the features, and the centres.
    Centres { names: Vec<String>, slots: Vec<Option<usize>>, model: Model },
}

/// How a membership is decided.
pub enum Decided<'a> {
    /// By rules in order.
    ByRules(Ruled<'a>),
    /// By something else.
    Otherwise,
}

/// Rules in order, the first that holds takes the customer.
pub struct Ruled<'a> {
    /// The membership that each rule gives; `None` = the rule no longer fits the catalogue, so it holds for nobody.
    pub rules: Vec<(&'a str, Option<&'a Rule>)>,
    /// The membership where no rule holds; none for a segment.
    pub other: Option<&'a str>,
    /// The place among the rules of the membership asked for; behind all of them = the one where none holds.
    pub at: usize,
}

/// Rules parsed before the lock is taken, since that is the slow part.
pub struct Draft {
    definitions: Definitions,
    segments: Vec<Result<Parsed, Vec<Fault>>>,
    parts: Vec<Result<Parsed, Vec<Fault>>>,
}

impl Draft {
    /// Parses all rules.
    pub fn new(definitions: Definitions) -> Self {
        let segments = definitions.segments.iter().map(|segment| Parsed::new(&segment.rule)).collect();
        let parts = definitions.parts.iter().map(|part| Parsed::new(&part.rule)).collect();
        Self { definitions, segments, parts }
    }

    /// The revision of the definitions.
    pub fn revision(&self) -> i64 {
        self.definitions.revision
    }

    /// Compiles all rules against a catalogue.
    pub fn compile(&self, catalogue: &Catalogue, names: &mut Names) -> Live {
        let mut compile = |parsed: &Result<Parsed, Vec<Fault>>| {
            parsed.as_ref().ok().and_then(|parsed| Rule::check(parsed, catalogue, names).ok())
        };
        let mut groups = Vec::new();
        for (segment, parsed) in self.definitions.segments.iter().zip(&self.segments) {
            groups.push(Group { id: segment.segment_id.clone(), by: By::Rule(compile(parsed)) });
        }
        for (part, parsed) in self.definitions.parts.iter().zip(&self.parts) {
            let id = &part.segment_set_id;
            if groups.last().is_none_or(|group| group.id != *id || matches!(group.by, By::Rule(_))) {
                groups.push(Group { id: id.clone(), by: By::Parts { parts: Vec::new(), other: name(id, OTHER) } });
            }
            if let Some(Group { by: By::Parts { parts, .. }, .. }) = groups.last_mut() {
                parts.push((name(id, &part.part_id), compile(parsed)));
            }
        }
        for row in &self.definitions.clusterings {
            if let Ok(clustering) = pb::Clustering::decode(row.payload.as_slice()) {
                groups.push(Group::of_clustering(&clustering, catalogue));
            }
        }
        Live { revision: self.definitions.revision, groups }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self { revision: -1, groups: Vec::new() }
    }
}

impl Live {
    /// The memberships that hold for a row, ascending.
    pub fn memberships(&self, row: &Row<'_>) -> Vec<String> {
        let mut names: Vec<String> =
            self.groups.iter().filter_map(|group| group.membership(row)).map(Into::into).collect();
        names.sort_unstable();
        names
    }

    /// The names of all memberships, ascending.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.groups.iter().flat_map(Group::names).collect();
        names.sort_unstable();
        names
    }

    /// How a membership is decided; `None` if there is no such.
    pub fn decided(&self, membership: &str) -> Option<Decided<'_>> {
        let place = |group: &Group| group.names().iter().position(|name| name == membership);
        let (group, at) = self.groups.iter().find_map(|group| Some((group, place(group)?)))?;
        Some(match &group.by {
            By::Rule(rule) => Decided::ByRules(Ruled { rules: vec![(&group.id, rule.as_ref())], other: None, at }),
            By::Parts { parts, other } => {
                let rules = parts.iter().map(|(name, rule)| (name.as_str(), rule.as_ref())).collect();
                Decided::ByRules(Ruled { rules, other: Some(other), at })
            }
            _ => Decided::Otherwise,
        })
    }

    /// Who belongs to each membership of a segment or a set, in the order of its parts; `None` if it is not live.
    pub fn members(&self, id: &str, rows: &Snapshot, today: Day) -> Option<Vec<(String, RoaringBitmap)>> {
        self.groups.iter().find(|group| group.id == id).map(|group| group.members(rows, today))
    }
}

impl Group {
    fn of_clustering(clustering: &pb::Clustering, catalogue: &Catalogue) -> Self {
        let slot = |name: &String| {
            let column = catalogue.find(name)?.column;
            (column.kind == Kind::Number).then_some(column.slot)
        };
        let id = clustering.clustering_id.clone();
        let names = clustering.clusters.iter().map(|cluster| name(&id, &cluster.number.to_string())).collect();
        let slots = clustering.features.iter().map(slot).collect();
        Self { id, by: By::Centres { names, slots, model: Model::of(clustering) } }
    }

    fn membership(&self, row: &Row<'_>) -> Option<&str> {
        let place = self.place(row)?;
        match &self.by {
            By::Rule(_) => Some(&self.id),
            By::Parts { parts, other } => Some(parts.get(place).map_or(other, |(name, _)| name)),
            By::Centres { names, .. } => names.get(place).map(String::as_str),
        }
    }

    fn names(&self) -> Vec<String> {
        match &self.by {
            By::Rule(_) => vec![self.id.clone()],
            By::Parts { parts, other } => parts.iter().map(|(name, _)| name).chain([other]).cloned().collect(),
            By::Centres { names, .. } => names.clone(),
        }
    }

    /// One pass over all rows.
    fn members(&self, rows: &Snapshot, today: Day) -> Vec<(String, RoaringBitmap)> {
        let names = self.names();
        let mut bitmaps = vec![RoaringBitmap::new(); names.len()];
        for (ordinal, row) in rows.rows(today) {
            if let Some(place) = self.place(&row) {
                bitmaps[place].insert(ordinal);
            }
        }
        names.into_iter().zip(bitmaps).collect()
    }

    /// The place of the row's membership among the names.
    fn place(&self, row: &Row<'_>) -> Option<usize> {
        match &self.by {
            By::Rule(rule) => holds(rule, row).then_some(0),
            By::Parts { parts, .. } => Some(parts.iter().position(|(_, rule)| holds(rule, row)).unwrap_or(parts.len())),
            By::Centres { slots, model, .. } => {
                model.cluster(slots.iter().map(|slot| slot.map_or(f64::NAN, |slot| row.number(slot))))
            }
        }
    }
}

fn holds(rule: &Option<Rule>, row: &Row<'_>) -> bool {
    rule.as_ref().is_some_and(|rule| rule.holds(row))
}

fn name(id: &str, part: &str) -> String {
    format!("{id}/{part}")
}
