//! Relations as a graph: which of them a question chooses, and walking them outward from one customer. It reads no
//! table: the store hands it the relations of one step after the other.

use std::collections::{HashMap, HashSet};

use huan_proto::profile::v1 as pb;

/// The most relations in an answer.
pub const MAX_EDGES: usize = 5000;

/// Relations of one type, seen from one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arm {
    /// Which end the customer is; never both.
    pub direction: pb::RelationDirection,
    /// The type.
    pub relation_type: pb::RelationType,
}

impl Arm {
    /// The same relations, seen from their other ends.
    pub fn turned(self) -> Self {
        let direction = match self.direction {
            pb::RelationDirection::Out => pb::RelationDirection::In,
            pb::RelationDirection::In => pb::RelationDirection::Out,
            pb::RelationDirection::Unspecified => pb::RelationDirection::Unspecified,
        };
        Self { direction, ..self }
    }
}

/// The arms that a view chooses, ascending; none for no view.
pub fn arms_of_view(view: pb::RelationView) -> Vec<Arm> {
    use pb::{RelationType as T, RelationView as V};
    let (out, back): (&[T], &[T]) = match view {
        V::Unspecified => (&[], &[]),
        V::SupplyChain => (&[T::Supplies], &[T::Supplies]),
        V::Suppliers => (&[], &[T::Supplies]),
        V::Buyers => (&[T::Supplies], &[]),
        V::Firms => (&[T::LegalPersonOf, T::Guarantees, T::ContactPersonOf], &[T::PaysWagesOf]),
        V::Employees => (&[T::PaysWagesOf], &[]),
        V::Contacts => (&[], &[T::ContactPersonOf]),
        V::Referrals => (&[T::Referred], &[T::Referred]),
        V::ParkTenants => (&[], &[T::LocatedIn]),
        V::Parks => (&[T::LocatedIn], &[]),
    };
    let of =
        |direction, types: &[T]| types.iter().map(move |&relation_type| Arm { direction, relation_type }).collect();
    let (out, back): (Vec<Arm>, Vec<Arm>) = (of(pb::RelationDirection::Out, out), of(pb::RelationDirection::In, back));
    [out, back].concat()
}

/// The arms of these types (none = all) in this direction (unspecified = both), ascending.
pub fn arms_of(direction: pb::RelationDirection, types: &[pb::RelationType]) -> Vec<Arm> {
    use pb::RelationDirection as D;
    let all = (1..).map_while(|number| pb::RelationType::try_from(number).ok());
    let types: Vec<pb::RelationType> = if types.is_empty() { all.collect() } else { types.to_vec() };
    let directions = [D::Out, D::In].into_iter().filter(|one| direction == D::Unspecified || direction == *one);
    let mut arms: Vec<Arm> = directions
        .flat_map(|direction| types.iter().map(move |&relation_type| Arm { direction, relation_type }))
        .collect();
    arms.sort_unstable();
    arms.dedup();
    arms
}

/// A relation met at a customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The customer at which it was met.
    pub customer_id: String,
    /// The customer at the other end.
    pub other_id: String,
    /// The relation itself.
    pub relation: pb::Relation,
}

/// A walk outward from one customer, breadth first. Nobody is reached twice, so that a cycle ends by itself.
#[derive(Debug)]
pub struct Expansion {
    /// The customers reached, the nearest first.
    pub reached: Vec<String>,
    /// The relations followed between them.
    pub edges: Vec<pb::Relation>,
    /// The customers met who may not be shown.
    pub hidden: HashSet<String>,
    /// True if a limit cut something off.
    pub truncated: bool,
    distance: HashMap<String, i32>,
    followed: HashSet<(String, i32, String)>,
    max_nodes: usize,
    frontier: usize,
}

impl Expansion {
    /// Stands at the customer that it begins with.
    pub fn begin(customer_id: &str, max_nodes: usize) -> Self {
        Self {
            reached: vec![customer_id.to_owned()],
            edges: Vec::new(),
            hidden: HashSet::new(),
            truncated: false,
            distance: HashMap::from([(customer_id.to_owned(), 0)]),
            followed: HashSet::new(),
            max_nodes,
            frontier: 0,
        }
    }

    /// The customers that were reached by the last step, in the order in which they were.
    pub fn frontier(&self) -> &[String] {
        &self.reached[self.frontier..]
    }

    /// The steps to a customer that was reached.
    pub fn distance(&self, customer_id: &str) -> i32 {
        self.distance.get(customer_id).copied().unwrap_or_default()
    }

    /// Walks one step: over the relations met at the frontier, in their order, to whom may be shown.
    pub fn step(&mut self, links: Vec<Link>, may_show: impl Fn(&str) -> bool) {
        self.frontier = self.reached.len();
        for Link { customer_id, other_id, relation } in links {
            if !may_show(&other_id) {
                self.hidden.insert(other_id);
            } else if self.edges.len() >= MAX_EDGES {
                self.truncated = true;
                return;
            } else if self.reach(&customer_id, other_id) {
                self.follow(relation);
            }
        }
    }

    /// Reaches a customer, unless there is no room left; answers whether it was reached, now or before.
    fn reach(&mut self, from: &str, other_id: String) -> bool {
        if self.distance.contains_key(&other_id) {
            return true;
        }
        if self.reached.len() >= self.max_nodes {
            self.truncated = true;
            return false;
        }
        self.distance.insert(other_id.clone(), self.distance(from) + 1);
        self.reached.push(other_id);
        true
    }

    /// Notes a relation once, though it may be met at both of its ends.
    fn follow(&mut self, relation: pb::Relation) {
        let key = (relation.from_customer_id.clone(), relation.r#type, relation.to_customer_id.clone());
        if self.followed.insert(key) {
            self.edges.push(relation);
        }
    }
}

/// The way up from a customer to its ultimate parent, one parent at a time.
#[derive(Debug)]
pub struct Climb(Vec<String>);

impl Climb {
    /// Stands at the customer that it begins with.
    pub fn begin(customer_id: &str) -> Self {
        Self(vec![customer_id.to_owned()])
    }

    /// Where it stands.
    pub fn at(&self) -> &str {
        self.0.last().map(String::as_str).unwrap_or_default()
    }

    /// Goes up to a parent. Who comes back to where they were is in a circle of owners: then the first of it by id is
    /// as good as its ultimate parent, and is answered, whichever member was asked for.
    pub fn up(&mut self, parent: String) -> Option<String> {
        match self.0.iter().position(|known| *known == parent) {
            Some(place) => self.0.drain(place..).min(),
            None => {
                self.0.push(parent);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// A small linear congruential generator (Knuth, MMIX).
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    fn relation(from: u64, relation_type: i32, to: u64) -> pb::Relation {
        let (from_customer_id, to_customer_id) = (from.to_string(), to.to_string());
        pb::Relation { from_customer_id, r#type: relation_type, to_customer_id, ..Default::default() }
    }

    fn graph(draw: &mut Draw, nodes: u64, edges: u64) -> Vec<pb::Relation> {
        let edge = |draw: &mut Draw| (draw.below(nodes), draw.below(3) as i32 + 1, draw.below(nodes));
        let drawn: BTreeSet<_> = (0..edges).map(|_| edge(draw)).filter(|(from, _, to)| from != to).collect();
        drawn.into_iter().map(|(from, kind, to)| relation(from, kind, to)).collect()
    }

    /// The relations met at these customers, as a store would answer.
    fn links(graph: &[pb::Relation], customers: &[String], arms: &[Arm]) -> Vec<Link> {
        let mut found = Vec::new();
        for customer in customers {
            for arm in arms {
                for relation in graph.iter().filter(|relation| relation.r#type() == arm.relation_type) {
                    let (from, to) = (&relation.from_customer_id, &relation.to_customer_id);
                    let out = arm.direction == pb::RelationDirection::Out;
                    let (here, other) = if out { (from, to) } else { (to, from) };
                    if here == customer {
                        let (customer_id, other_id) = (customer.clone(), other.clone());
                        found.push(Link { customer_id, other_id, relation: relation.clone() });
                    }
                }
            }
        }
        found
    }

    fn expand(graph: &[pb::Relation], steps: usize, arms: &[Arm], max_nodes: usize, hidden: &[&str]) -> Expansion {
        let mut expansion = Expansion::begin("0", max_nodes);
        for _ in 0..steps {
            let met = links(graph, expansion.frontier(), arms);
            expansion.step(met, |id| !hidden.contains(&id));
        }
        expansion
    }

    /// Distances by relaxing every relation until nothing changes (Bellman and Ford), without any frontier.
    fn distances(graph: &[pb::Relation], arms: &[Arm], hidden: &[&str]) -> BTreeMap<String, i32> {
        let mut found = BTreeMap::from([("0".to_owned(), 0)]);
        loop {
            let known: Vec<String> = found.keys().cloned().collect();
            let before = found.clone();
            for link in links(graph, &known, arms).into_iter().filter(|link| !hidden.contains(&link.other_id.as_str()))
            {
                let next = before[&link.customer_id] + 1;
                let least = found.entry(link.other_id).or_insert(next);
                *least = next.min(*least);
            }
            if found == before {
                return found;
            }
        }
    }

    #[test]
    fn an_expansion_of_a_random_graph_equals_brute_force() {
        let mut draw = Draw(11);
        for round in 0..200 {
            let (nodes, edges) = (2 + draw.below(20), draw.below(50));
            let graph = graph(&mut draw, nodes, edges);
            let directions =
                [pb::RelationDirection::Unspecified, pb::RelationDirection::Out, pb::RelationDirection::In];
            let types = [pb::RelationType::Supplies, pb::RelationType::ParentOf];
            let arms = arms_of(directions[round % 3], &types[..draw.below(3) as usize]);
            let hidden: &[&str] = if round % 2 == 0 { &[] } else { &["3", "5"] };
            let steps = 1 + draw.below(4) as usize;
            let found = expand(&graph, steps, &arms, 1000, hidden);
            let near = |distance: &i32| *distance <= steps as i32;
            let all = distances(&graph, &arms, hidden);
            let expected: BTreeMap<_, _> = all.iter().filter(|(_, distance)| near(distance)).collect();
            let reached: BTreeMap<_, _> = found.reached.iter().map(|id| (id, &found.distance[id])).collect();
            assert_eq!(reached, expected);
            assert_eq!(found.reached.len(), expected.len(), "nobody comes twice");
            assert!(found.reached.is_sorted_by_key(|id| found.distance(id)), "the nearest come first");
            let walked: Vec<String> =
                all.iter().filter(|(_, distance)| **distance < steps as i32).map(|(id, _)| id.clone()).collect();
            let met = links(&graph, &walked, &arms);
            let key = |relation: &pb::Relation| {
                (relation.from_customer_id.clone(), relation.r#type, relation.to_customer_id.clone())
            };
            let shown = met.iter().filter(|link| !hidden.contains(&link.other_id.as_str()));
            let expected: BTreeSet<_> = shown.map(|link| key(&link.relation)).collect();
            assert_eq!(found.edges.iter().map(key).collect::<BTreeSet<_>>(), expected);
            assert_eq!(found.edges.len(), expected.len(), "no relation comes twice");
            let unseen: HashSet<String> =
                met.into_iter().map(|link| link.other_id).filter(|id| hidden.contains(&id.as_str())).collect();
            assert_eq!(found.hidden, unseen);
            assert!(!found.truncated);
        }
    }

    #[test]
    fn limits_cut_off_the_farthest_and_say_so() {
        let graph: Vec<_> = (0..9).map(|n| relation(n, 1, n + 1)).collect();
        let arms = arms_of(pb::RelationDirection::Out, &[]);
        let found = expand(&graph, 4, &arms, 3, &[]);
        assert_eq!(found.reached, ["0", "1", "2"]);
        assert_eq!((found.edges.len(), found.truncated), (2, true));
        let fan: Vec<_> = (1..=6000).map(|n| relation(0, 1, n % 10 + 1)).collect();
        let met = fan.into_iter().enumerate().map(|(n, mut relation)| {
            relation.r#type = n as i32;
            Link { customer_id: "0".into(), other_id: relation.to_customer_id.clone(), relation }
        });
        let mut expansion = Expansion::begin("0", 1000);
        expansion.step(met.collect(), |_| true);
        assert_eq!((expansion.edges.len(), expansion.truncated), (MAX_EDGES, true));
    }

    #[test]
    fn a_circle_of_owners_has_one_head_whoever_asks() {
        for (begin, way) in [("b", ["c", "a", "b"]), ("c", ["a", "b", "c"]), ("x", ["c", "a", "b"])] {
            let mut climb = Climb::begin(begin);
            let mut head = None;
            for parent in way.into_iter().chain(["c"]) {
                head = head.or_else(|| climb.up(parent.to_owned()));
            }
            assert_eq!(head.as_deref(), Some("a"), "from {begin}");
        }
    }

    #[test]
    fn views_are_choices_of_arms() {
        assert!(arms_of_view(pb::RelationView::Unspecified).is_empty());
        for view in (1..).map_while(|number| pb::RelationView::try_from(number).ok()) {
            let arms = arms_of_view(view);
            assert!(!arms.is_empty() && arms.is_sorted(), "{view:?}");
        }
        assert_eq!(arms_of(pb::RelationDirection::Unspecified, &[]).len(), 16);
    }
}
