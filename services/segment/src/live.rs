//! A tenant's live definitions, compiled: which memberships hold for a row, and who all the members are.

mod plan;

use std::collections::HashMap;

use huan_chassis::clock::Day;
use huan_proto::segment::v1 as pb;
use prost::Message as _;
use roaring::RoaringBitmap;

pub use self::plan::Plan;
use crate::catalogue::{Catalogue, Column, Kind};
use crate::cluster::Model;
use crate::columns::{Names, Row, Snapshot};
use crate::members;
use crate::rule::{Fault, Parsed, Rule};
use crate::store::definition::Definitions;
use crate::store::entity::{clustering, segment_source};

/// The last part of every set.
pub const OTHER: &str = "other";

/// Everything that puts customers into groups, ready to be evaluated.
pub struct Live {
    /// The revision of the definitions; -1 before they were read.
    pub revision: i64,
    groups: Vec<Group>,
    /// The revision of each segment and set, and the version of each clustering.
    revisions: HashMap<String, i64>,
}

/// One segment, set or clustering.
struct Group {
    id: String,
    by: By,
}

enum By {
    /// Customers for whom the rule holds. `None`: the rule no longer fits the catalogue, so nobody.
    Rule(Option<Rule>),
    /// Customers on a list.
    List(RoaringBitmap),
    /// Customers whom a clustering puts into the place of one of its clusters. `None`: there is no such, so nobody.
    Cluster(Option<(Box<Group>, usize)>),
    /// Membership names and rules in order; the first that holds takes the customer, else the last name.
    Parts { parts: Vec<(String, Option<Rule>)>, other: String },
    /// Membership names by number, the features with their columns, and the centres.
    Centres { names: Vec<String>, features: Vec<(String, Option<Column>)>, model: Model },
}

/// How a membership is decided.
pub enum Decided<'a> {
    /// By rules in order.
    ByRules(Ruled<'a>),
    /// By a list of customers.
    ByList(&'a RoaringBitmap),
    /// By the clusters of a clustering; `None` if there are none, so it is nobody's.
    ByCluster(Option<Clustered<'a>>),
}

/// The clusters of a clustering, of which each customer has one at most.
pub struct Clustered<'a> {
    /// The membership of each cluster.
    pub names: &'a [String],
    /// The features and their columns; `None` = the catalogue has no such number.
    pub features: &'a [(String, Option<Column>)],
    /// What assigns customers.
    pub model: &'a Model,
    /// The place of the cluster asked for.
    pub at: usize,
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
            let source = self.definitions.sources.iter().find(|source| source.segment_id == segment.segment_id);
            let by = source.map_or_else(|| By::Rule(compile(parsed)), |source| self.by_source(source, catalogue));
            groups.push(Group { id: segment.segment_id.clone(), by });
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
        let mut revisions = HashMap::new();
        for row in &self.definitions.clusterings {
            if let Ok(clustering) = pb::Clustering::decode(row.payload.as_slice()) {
                groups.push(Group::of_clustering(&clustering, catalogue));
                revisions.insert(clustering.clustering_id, clustering.version);
            }
        }
        let segments = self.definitions.segments.iter().map(|segment| (&segment.segment_id, segment.revision));
        let sets = self.definitions.sets.iter().map(|set| (&set.segment_set_id, set.revision));
        revisions.extend(segments.chain(sets).map(|(id, revision)| (id.clone(), revision)));
        Live { revision: self.definitions.revision, groups, revisions }
    }

    fn by_source(&self, source: &segment_source::Model, catalogue: &Catalogue) -> By {
        if source.cluster.is_empty() {
            return By::List(source.members());
        }
        let decode = |row: &clustering::Model| pb::Clustering::decode(row.payload.as_slice()).ok();
        let mut clusterings = self.definitions.clusterings.iter().filter_map(decode);
        let found = clusterings.find(|clustering| source.cluster.starts_with(&name(&clustering.clustering_id, "")));
        let group = found.map(|clustering| Group::of_clustering(&clustering, catalogue));
        By::Cluster(group.and_then(|group| {
            let place = group.names().iter().position(|name| *name == source.cluster)?;
            Some((Box::new(group), place))
        }))
    }
}

impl Default for Live {
    fn default() -> Self {
        Self { revision: -1, groups: Vec::new(), revisions: HashMap::new() }
    }
}

impl Live {
    /// The memberships that hold for a row, ascending.
    pub fn memberships(&self, row: &Row<'_>) -> Vec<String> {
        let mut names: Vec<String> =
            self.groups.iter().filter_map(|group| group.membership(row)).map(Into::into).collect();
        // They come in few runs that are sorted already, which this kind of sort merges.
        names.sort();
        names
    }

    /// The names of all memberships, ascending.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.groups.iter().flat_map(Group::names).collect();
        names.sort_unstable();
        names
    }

    /// Whether a membership is one of a clustering's.
    pub fn is_cluster(&self, membership: &str) -> bool {
        let clusterings = self.groups.iter().filter(|group| matches!(group.by, By::Centres { .. }));
        clusterings.flat_map(Group::names).any(|name| name == membership)
    }

    /// The revision of a segment or a set, or the version of a clustering; 0 of all else.
    pub fn revision_of(&self, id: &str) -> i64 {
        self.revisions.get(id).copied().unwrap_or(0)
    }

    /// How a membership is decided; `None` if there is no such.
    pub fn decided(&self, membership: &str) -> Option<Decided<'_>> {
        let place = |group: &Group| group.names().iter().position(|name| name == membership);
        let (group, at) = self.groups.iter().find_map(|group| Some((group, place(group)?)))?;
        Some(match &group.by {
            By::List(customers) => Decided::ByList(customers),
            By::Cluster(of) => {
                Decided::ByCluster(of.as_ref().and_then(|(clustering, place)| clustering.clustered(*place)))
            }
            By::Centres { .. } => Decided::ByCluster(group.clustered(at)),
            By::Rule(rule) => Decided::ByRules(Ruled { rules: vec![(&group.id, rule.as_ref())], other: None, at }),
            By::Parts { parts, other } => {
                let rules = parts.iter().map(|(name, rule)| (name.as_str(), rule.as_ref())).collect();
                Decided::ByRules(Ruled { rules, other: Some(other), at })
            }
        })
    }

    /// Who belongs to each membership of a segment or a set, in the order of its parts; `None` if it is not live.
    pub fn members(&self, id: &str, rows: &Snapshot, today: Day) -> Option<Vec<(String, RoaringBitmap)>> {
        let plan = self.plan(Some(id), today);
        let found = (!plan.groups().is_empty()).then(|| members::members(self, &plan, rows, today));
        found.map(|bitmaps| plan.names().iter().cloned().zip(bitmaps).collect())
    }
}

impl Group {
    fn of_clustering(clustering: &pb::Clustering, catalogue: &Catalogue) -> Self {
        let column = |name: &String| {
            let column = catalogue.find(name).map(|feature| feature.column);
            (name.clone(), column.filter(|column| column.kind == Kind::Number))
        };
        let id = clustering.clustering_id.clone();
        let names = clustering.clusters.iter().map(|cluster| name(&id, &cluster.number.to_string())).collect();
        let features = clustering.features.iter().map(column).collect();
        Self { id, by: By::Centres { names, features, model: Model::of(clustering) } }
    }

    fn clustered(&self, at: usize) -> Option<Clustered<'_>> {
        let By::Centres { names, features, model } = &self.by else { return None };
        Some(Clustered { names, features, model, at })
    }

    fn membership(&self, row: &Row<'_>) -> Option<&str> {
        let place = self.place(row)?;
        match &self.by {
            By::Rule(_) | By::List(_) | By::Cluster(_) => Some(&self.id),
            By::Parts { parts, other } => Some(parts.get(place).map_or(other, |(name, _)| name)),
            By::Centres { names, .. } => names.get(place).map(String::as_str),
        }
    }

    fn names(&self) -> Vec<String> {
        match &self.by {
            By::Rule(_) | By::List(_) | By::Cluster(_) => vec![self.id.clone()],
            By::Parts { parts, other } => parts.iter().map(|(name, _)| name).chain([other]).cloned().collect(),
            By::Centres { names, .. } => names.clone(),
        }
    }

    /// The place of the row's membership among the names.
    fn place(&self, row: &Row<'_>) -> Option<usize> {
        match &self.by {
            By::Rule(rule) => holds(rule, row).then_some(0),
            By::List(customers) => customers.contains(row.ordinal()).then_some(0),
            By::Cluster(of) => {
                let (group, place) = of.as_ref()?;
                (group.place(row) == Some(*place)).then_some(0)
            }
            By::Parts { parts, .. } => Some(parts.iter().position(|(_, rule)| holds(rule, row)).unwrap_or(parts.len())),
            By::Centres { features, model, .. } => model.cluster(values(features, row)),
        }
    }
}

impl Clustered<'_> {
    /// What the clustering reads of a row, in the order of its features; NaN = missing.
    pub fn values(&self, row: &Row<'_>) -> Vec<f64> {
        values(self.features, row).collect()
    }
}

fn values(features: &[(String, Option<Column>)], row: &Row<'_>) -> impl Iterator<Item = f64> {
    features.iter().map(|(_, column)| column.map_or(f64::NAN, |column| row.number(column.slot)))
}

fn holds(rule: &Option<Rule>, row: &Row<'_>) -> bool {
    rule.as_ref().is_some_and(|rule| rule.holds(row))
}

fn name(id: &str, part: &str) -> String {
    format!("{id}/{part}")
}
