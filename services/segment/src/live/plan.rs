//! Live definitions as one program over blocks of rows: what all of them have in common is found once.

use std::ops::Range;

use huan_chassis::clock::Day;

use super::{By, Group, Live};
use crate::catalogue::Column;
use crate::columns::{Block, Names, ROWS, Words};
use crate::rule::Rule;
use crate::rule::vector::{Node, Program, Tags};

/// How the members of some groups are found, on one business day.
pub struct Plan {
    program: Program,
    answers: Vec<Answer>,
    /// The id of each group and which of the names are its.
    groups: Vec<(String, Range<usize>)>,
    names: Vec<String>,
}

/// What tells the members of one name, or of some that follow one another.
enum Answer {
    Found(Node),
    /// Row by row, the places of one group.
    Placed {
        group: usize,
        places: usize,
    },
}

impl Live {
    /// How the members of a group are found, or of all.
    pub fn plan(&self, of: Option<&str>, today: Day) -> Plan {
        let (groups, names) = (Vec::new(), Vec::new());
        let mut plan = Plan { program: Program::new(today), answers: Vec::new(), groups, names };
        for (at, group) in self.groups.iter().enumerate().filter(|(_, group)| of.is_none_or(|id| group.id == id)) {
            let (names, from) = (group.names(), plan.names.len());
            plan.groups.push((group.id.clone(), from..from + names.len()));
            plan.add(at, group, names.len());
            plan.names.extend(names);
        }
        plan
    }
}

impl Plan {
    /// The ids of the groups and which of the names are theirs.
    pub fn groups(&self) -> &[(String, Range<usize>)] {
        &self.groups
    }

    /// The names of the memberships: group by group, as each has them in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The columns of which drawn rows need the values.
    pub fn columns(&self) -> Vec<Column> {
        self.program.columns()
    }

    /// Looks up tags beforehand, for many rows.
    pub fn tags(&self, names: &Names) -> Tags {
        self.program.tags(names)
    }

    /// Finds the members among a block's rows, and tells each name's in the order of the names. `live` is what the plan
    /// was made of.
    pub fn find(
        &self,
        live: &Live,
        block: &Block<'_>,
        tags: &Tags,
        words: &mut Vec<Words>,
        mut tell: impl FnMut(usize, &Words),
    ) {
        self.program.run(block, tags, words);
        let mut name = 0;
        for answer in &self.answers {
            match answer {
                Answer::Found(node) => {
                    tell(name, node.of(words));
                    name += 1;
                }
                Answer::Placed { group, places } => {
                    placed(&live.groups[*group], *places, block).iter().enumerate().for_each(|(place, words)| {
                        tell(name + place, words);
                    });
                    name += places;
                }
            }
        }
    }

    fn add(&mut self, at: usize, group: &Group, places: usize) {
        match &group.by {
            By::Rule(rule) => {
                let members = self.holds(rule);
                self.answers.push(Answer::Found(members));
            }
            By::Parts { parts, .. } => {
                let (everybody, mut taken) = (self.program.everybody(), self.program.nobody());
                for (_, rule) in parts {
                    let part = self.holds(rule);
                    self.answers.push(Answer::Found(self.program.less(part, taken)));
                    taken = self.program.either(taken, part);
                }
                self.answers.push(Answer::Found(self.program.less(everybody, taken)));
            }
            _ => self.answers.push(Answer::Placed { group: at, places }),
        }
    }

    fn holds(&mut self, rule: &Option<Rule>) -> Node {
        match rule {
            Some(rule) => self.program.holds(rule),
            None => self.program.nobody(),
        }
    }
}

fn placed(group: &Group, places: usize, block: &Block<'_>) -> Vec<Words> {
    let mut bitmaps = vec![[0; ROWS / 64]; places];
    for (at, row) in block.rows() {
        if let Some(place) = group.place(&row) {
            bitmaps[place][at / 64] |= 1 << (at % 64);
        }
    }
    bitmaps
}
