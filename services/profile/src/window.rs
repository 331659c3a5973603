//! Windows over events: one packed row per customer and day, and the accumulators that follow from them. An event adds
//! to the accumulators whose window covers its day; the passing of days rolls them over the packed rows. Pure: today is
//! an argument, and what is stored where is the store's business.

use std::collections::BTreeMap;

use prost::Message;

use crate::feature::{Plan, PlanGroup};

/// The most different values that a day or an accumulator keeps: the least hashes, so that the order does not matter.
pub const MAX_VALUES: usize = 4096;

/// What happened to one customer on one day. Packed as protobuf.
#[derive(Clone, PartialEq, Message)]
pub struct Day {
    /// One entry per event type that occurred and per measure that was met, ascending by both.
    #[prost(message, repeated, tag = "1")]
    pub metrics: Vec<Metric>,
}

/// The events of one type, or of one measure, on one day; amounts in minor units.
#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    /// The event type's number in its tenant; 0 in a measure, which is of all of its types.
    #[prost(uint32, tag = "1")]
    pub event_type: u32,
    /// How many.
    #[prost(uint32, tag = "2")]
    pub count: u32,
    /// The sum of their amounts.
    #[prost(sint64, tag = "3")]
    pub sum: i64,
    /// The least amount.
    #[prost(sint64, tag = "4")]
    pub min: i64,
    /// The greatest amount.
    #[prost(sint64, tag = "5")]
    pub max: i64,
    /// The measure's number; 0 = all events of the type.
    #[prost(uint32, tag = "6")]
    pub measure: u32,
    /// Hashes of the values that a distinct measure counts, ascending.
    #[prost(fixed64, repeated, tag = "7")]
    pub values: Vec<u64>,
}

/// What one event adds to its day.
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence {
    /// The event type's number.
    pub event_type: u32,
    /// The amount in minor units.
    pub amount: i64,
    /// The measures that it meets, with the hash of the value that is counted.
    pub measured: Vec<(u32, Option<u64>)>,
}

/// The accumulators of one customer as of one day, one per group of the catalogue.
#[derive(Clone, PartialEq, Message)]
pub struct State {
    /// The business day for which the windows stand, in days since 1970-01-01.
    #[prost(sint32, tag = "1")]
    pub today: i32,
    /// The fingerprint of the catalogue's groups.
    #[prost(fixed64, tag = "2")]
    pub fingerprint: u64,
    /// The accumulators, in the order of the groups.
    #[prost(message, repeated, tag = "3")]
    pub groups: Vec<Accumulator>,
}

/// What is known of the events of one group.
#[derive(Clone, PartialEq, Message)]
pub struct Accumulator {
    /// How many.
    #[prost(uint64, tag = "1")]
    pub count: u64,
    /// The sum of their amounts in minor units.
    #[prost(sint64, tag = "2")]
    pub sum: i64,
    /// The least amount; meaningless if there are none.
    #[prost(sint64, tag = "3")]
    pub min: i64,
    /// The greatest amount; meaningless if there are none.
    #[prost(sint64, tag = "4")]
    pub max: i64,
    /// On how many days there was one.
    #[prost(uint32, tag = "5")]
    pub days: u32,
    /// The day of the last one; meaningless if there are none.
    #[prost(sint32, tag = "6")]
    pub last: i32,
    /// The day of the first one; meaningless if there are none.
    #[prost(sint32, tag = "7")]
    pub first: i32,
    /// The sum of the amounts of that day.
    #[prost(sint64, tag = "8")]
    pub first_sum: i64,
    /// Hashes of the values that a distinct measure counts, ascending.
    #[prost(fixed64, repeated, tag = "9")]
    pub values: Vec<u64>,
}

impl Day {
    /// Adds one event.
    pub fn add(&mut self, occurrence: &Occurrence) {
        occurrence.metrics().for_each(|metric| self.add_metric(metric));
    }

    /// Adds what is measured of one event, and not the event itself.
    pub fn add_measured(&mut self, occurrence: &Occurrence) {
        occurrence.metrics().skip(1).for_each(|metric| self.add_metric(metric));
    }

    /// Puts what was measured anew in the place of what these measures hold.
    pub fn replace(&mut self, measures: &[u32], measured: Day) {
        self.metrics.retain(|metric| !measures.contains(&metric.measure));
        measured.metrics.into_iter().for_each(|metric| self.add_metric(metric));
    }

    /// Adds all that another customer's row of the same day says.
    pub fn merge(&mut self, other: &Day) {
        other.metrics.iter().cloned().for_each(|metric| self.add_metric(metric));
    }

    fn add_metric(&mut self, one: Metric) {
        let key = (one.event_type, one.measure);
        match self.metrics.binary_search_by_key(&key, |metric| (metric.event_type, metric.measure)) {
            Err(place) => self.metrics.insert(place, one),
            Ok(place) => self.metrics[place].merge(&one),
        }
    }
}

impl Metric {
    fn merge(&mut self, other: &Metric) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        keep(&mut self.values, &other.values);
    }
}

/// The packed rows of several customers as if they were one's, by day ascending.
pub fn union(rows: impl IntoIterator<Item = (i32, Day)>) -> Vec<(i32, Day)> {
    let mut days: BTreeMap<i32, Day> = BTreeMap::new();
    for (day, row) in rows {
        days.entry(day).or_default().merge(&row);
    }
    days.into_iter().collect()
}

impl Occurrence {
    /// The event as metrics: that of its type, then those of its measures.
    pub fn metrics(&self) -> impl Iterator<Item = Metric> + '_ {
        let (amount, event_type) = (self.amount, self.event_type);
        let one = move |event_type, measure, values| Metric {
            event_type,
            count: 1,
            sum: amount,
            min: amount,
            max: amount,
            measure,
            values,
        };
        let measured =
            self.measured.iter().map(move |(measure, value)| one(0, *measure, value.iter().copied().collect()));
        std::iter::once(one(event_type, 0, Vec::new())).chain(measured)
    }
}

impl State {
    /// The state of a customer without events.
    pub fn empty(plan: &Plan, today: i32) -> Self {
        let groups = vec![Accumulator::default(); plan.groups.len()];
        Self { today, fingerprint: plan.fingerprint(), groups }
    }

    /// Whether the accumulators stand for today and this plan as they are.
    pub fn is_current(&self, plan: &Plan, today: i32) -> bool {
        self.today == today && self.fingerprint == plan.fingerprint()
    }

    /// The first day whose row [`State::roll`] needs; none = all rows ever.
    pub fn rows_from(&self, plan: &Plan, today: i32) -> Option<i32> {
        let kept = self.kept(plan, today)?;
        let longest = |groups: &[PlanGroup]| groups.iter().map(|group| group.window_days as i32).max().unwrap_or(0);
        Some(match today == self.today {
            true => today - longest(&plan.groups[kept..]) + 1,
            false => (self.today + 1).min(today - longest(&plan.groups) + 1),
        })
    }

    /// How many of the plan's groups the state goes on with; none = nothing of it holds. A plan to which groups were
    /// added goes on with all that there were, unless an added one needs every row anyway.
    fn kept(&self, plan: &Plan, today: i32) -> Option<usize> {
        let kept = self.groups.len();
        let is_prefix = plan.fingerprints.get(kept) == Some(&self.fingerprint);
        let added = || plan.groups[kept..].iter().all(|group| group.window_days > 0);
        (is_prefix && today >= self.today && added()).then_some(kept)
    }

    /// Moves the state to another day. `rows` are the customer's packed rows from [`State::rows_from`] on, one a day.
    pub fn roll(&mut self, plan: &Plan, today: i32, rows: &[(i32, Day)]) {
        let (kept, seen) = (self.kept(plan, today).unwrap_or(0), self.today);
        let mut next = Self::empty(plan, today);
        for (index, group) in plan.groups.iter().enumerate() {
            let goes_on = index < kept && (group.window_days == 0 || today == seen);
            if goes_on {
                next.groups[index] = std::mem::take(&mut self.groups[index]);
            }
            for (day, row) in rows.iter().filter(|(day, _)| group.covers(*day, today) && !(goes_on && *day <= seen)) {
                let metrics = row.metrics.iter().filter(|metric| group.has(metric));
                next.groups[index].add_day(*day, metrics);
            }
        }
        *self = next;
    }

    /// Adds one event of a day up to today; a later one counts when its day has come. `row` is that day's packed row as
    /// it was before the event.
    pub fn add(&mut self, plan: &Plan, day: i32, occurrence: &Occurrence, row: &Day) {
        for one in occurrence.metrics() {
            for index in plan.groups_of(&one) {
                let group = &plan.groups[index];
                if group.covers(day, self.today) {
                    let new_day = !row.metrics.iter().any(|metric| group.has(metric));
                    self.groups[index].add(day, &one, new_day);
                }
            }
        }
    }
}

impl Accumulator {
    fn add_day<'a>(&mut self, day: i32, metrics: impl Iterator<Item = &'a Metric>) {
        for (index, metric) in metrics.enumerate() {
            self.add(day, metric, index == 0);
        }
    }

    fn add(&mut self, day: i32, metric: &Metric, new_day: bool) {
        let none = self.count == 0;
        self.min = if none { metric.min } else { self.min.min(metric.min) };
        self.max = if none { metric.max } else { self.max.max(metric.max) };
        self.last = if none { day } else { self.last.max(day) };
        if none || day < self.first {
            (self.first, self.first_sum) = (day, metric.sum);
        } else if day == self.first {
            self.first_sum = self.first_sum.saturating_add(metric.sum);
        }
        self.count += u64::from(metric.count);
        self.sum = self.sum.saturating_add(metric.sum);
        self.days += u32::from(new_day);
        keep(&mut self.values, &metric.values);
    }
}

/// Puts hashes into an ascending list of at most [`MAX_VALUES`], of which the least are kept: whatever the order in
/// which they come, the same remain (a bottom-k sketch; Cohen and Kaplan 2007).
fn keep(values: &mut Vec<u64>, others: &[u64]) {
    for value in others {
        if let Err(place) = values.binary_search(value)
            && place < MAX_VALUES
        {
            values.insert(place, *value);
            values.truncate(MAX_VALUES);
        }
    }
}

#[cfg(test)]
mod tests;
