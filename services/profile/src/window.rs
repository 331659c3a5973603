//! Windows over events: one packed row per customer and day, and the accumulators that follow from them. An event adds
//! to the accumulators whose window covers its day; the passing of days rolls them over the packed rows. Pure: today is
//! an argument, and what is stored where is the store's business.

use std::collections::BTreeMap;

use prost::Message;

use crate::feature::Plan;

/// What happened to one customer on one day, by event type ascending. Packed as protobuf.
#[derive(Clone, PartialEq, Message)]
pub struct Day {
    /// One entry per event type that occurred.
    #[prost(message, repeated, tag = "1")]
    pub metrics: Vec<Metric>,
}

/// The events of one type on one day, amounts in minor units.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Metric {
    /// The event type's number in its tenant.
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
#[derive(Clone, Copy, PartialEq, Message)]
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
}

impl Day {
    /// Adds one event.
    pub fn add(&mut self, event_type: u32, amount: i64) {
        let one = Metric { event_type, count: 1, sum: amount, min: amount, max: amount };
        match self.metrics.binary_search_by_key(&event_type, |metric| metric.event_type) {
            Err(place) => self.metrics.insert(place, one),
            Ok(place) => self.metrics[place].merge(&one),
        }
    }

    /// Adds all that another customer's row of the same day says.
    pub fn merge(&mut self, other: &Day) {
        for metric in &other.metrics {
            match self.metrics.binary_search_by_key(&metric.event_type, |known| known.event_type) {
                Err(place) => self.metrics.insert(place, *metric),
                Ok(place) => self.metrics[place].merge(metric),
            }
        }
    }
}

impl Metric {
    fn merge(&mut self, other: &Metric) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
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

impl State {
    /// The state of a customer without events.
    pub fn empty(plan: &Plan, today: i32) -> Self {
        let groups = vec![Accumulator::default(); plan.groups.len()];
        Self { today, fingerprint: plan.fingerprint, groups }
    }

    /// Whether the accumulators stand for today and this plan as they are.
    pub fn is_current(&self, plan: &Plan, today: i32) -> bool {
        self.today == today && self.fingerprint == plan.fingerprint
    }

    /// The first day whose row [`State::roll`] needs; none = all rows ever.
    pub fn rows_from(&self, plan: &Plan, today: i32) -> Option<i32> {
        let forward = self.fingerprint == plan.fingerprint && today >= self.today;
        let longest = plan.groups.iter().map(|group| group.window_days as i32).max().unwrap_or(0);
        forward.then(|| (self.today + 1).min(today - longest + 1))
    }

    /// Moves the state to another day. `rows` are the customer's packed rows from [`State::rows_from`] on, one a day.
    pub fn roll(&mut self, plan: &Plan, today: i32, rows: &[(i32, Day)]) {
        let keeps_ever = self.rows_from(plan, today).is_some();
        let seen = if keeps_ever { self.today } else { i32::MIN };
        let mut next = Self::empty(plan, today);
        for (index, group) in plan.groups.iter().enumerate() {
            let ever = group.window_days == 0 && keeps_ever;
            if ever {
                next.groups[index] = self.groups[index];
            }
            for (day, row) in rows.iter().filter(|(day, _)| group.covers(*day, today) && !(ever && *day <= seen)) {
                let metrics = row.metrics.iter().filter(|metric| group.has(metric.event_type));
                next.groups[index].add_day(*day, metrics);
            }
        }
        *self = next;
    }

    /// Adds one event of a day up to today; a later one counts when its day has come. `row` is that day's packed row as
    /// it was before the event.
    pub fn add(&mut self, plan: &Plan, day: i32, event_type: u32, amount: i64, row: &Day) {
        for index in plan.groups_of(event_type) {
            let group = &plan.groups[index];
            if group.covers(day, self.today) {
                let new_day = !row.metrics.iter().any(|metric| group.has(metric.event_type));
                let one = Metric { event_type, count: 1, sum: amount, min: amount, max: amount };
                self.groups[index].add(day, &one, new_day);
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
        let first = self.count == 0;
        self.min = if first { metric.min } else { self.min.min(metric.min) };
        self.max = if first { metric.max } else { self.max.max(metric.max) };
        self.last = if first { day } else { self.last.max(day) };
        self.count += u64::from(metric.count);
        self.sum = self.sum.saturating_add(metric.sum);
        self.days += u32::from(new_day);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::feature::{CATALOGUE, Catalogue};

    /// A small linear congruential generator (Knuth, MMIX): tests need repeatable variety, not quality.
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }
    }

    type Rows = BTreeMap<i32, Day>;

    fn plan() -> Plan {
        let names = ["salary", "transfer_out", "card_payment", "app_login", "purchase"];
        let numbers: HashMap<String, u32> = names.iter().zip(1..).map(|(name, n)| ((*name).to_owned(), n)).collect();
        Catalogue::parse(CATALOGUE).unwrap().plan(&numbers)
    }

    fn from_scratch(plan: &Plan, rows: &Rows, today: i32) -> State {
        let mut state = State { today: i32::MAX, fingerprint: 0, groups: Vec::new() };
        let all: Vec<_> = rows.iter().map(|(day, row)| (*day, row.clone())).collect();
        state.roll(plan, today, &all);
        state
    }

    fn roll(state: &mut State, plan: &Plan, rows: &Rows, today: i32) {
        let from = state.rows_from(plan, today).unwrap_or(i32::MIN);
        let needed: Vec<_> = rows.range(from..).map(|(day, row)| (*day, row.clone())).collect();
        state.roll(plan, today, &needed);
    }

    #[test]
    fn adding_and_rolling_in_any_order_equals_computing_from_scratch() {
        let plan = plan();
        for seed in 0..40 {
            let mut draw = Draw(seed);
            let mut today = 10_000;
            let (mut rows, mut state) = (Rows::new(), State::empty(&plan, today));
            for _ in 0..120 {
                if draw.below(6) == 0 {
                    today += draw.below(60) as i32 - 15;
                    roll(&mut state, &plan, &rows, today);
                }
                let back = if draw.below(4) == 0 { 900 } else { 50 };
                let day = today + 20 - draw.below(back) as i32;
                let (event_type, amount) = (draw.below(6) as u32 + 1, draw.below(100_000) as i64 - 1_000);
                let row = rows.entry(day).or_default();
                state.add(&plan, day, event_type, amount, row);
                row.add(event_type, amount);
                assert_eq!(state, from_scratch(&plan, &rows, today), "seed {seed}");
            }
        }
    }

    #[test]
    fn the_order_of_events_does_not_matter() {
        let (plan, today) = (plan(), 10_000);
        let mut draw = Draw(7);
        let mut events: Vec<(i32, u32, i64)> = (0..300)
            .map(|_| (today - draw.below(500) as i32, draw.below(5) as u32 + 1, draw.below(9_999) as i64))
            .collect();
        let mut states = Vec::new();
        for _ in 0..5 {
            for index in (1..events.len()).rev() {
                events.swap(index, draw.below(index as u64 + 1) as usize);
            }
            let (mut rows, mut state) = (Rows::new(), State::empty(&plan, today));
            for (day, event_type, amount) in &events {
                let row = rows.entry(*day).or_default();
                state.add(&plan, *day, *event_type, *amount, row);
                row.add(*event_type, *amount);
            }
            states.push(state);
        }
        assert!(states.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn a_later_event_counts_when_its_day_has_come() {
        let plan = plan();
        let (mut rows, mut state) = (Rows::new(), State::empty(&plan, 100));
        state.add(&plan, 101, 1, 500, &Day::default());
        rows.entry(101).or_default().add(1, 500);
        assert!(state.groups.iter().all(|group| group.count == 0));
        roll(&mut state, &plan, &rows, 101);
        assert!(state.groups.iter().any(|group| group.count == 1 && group.sum == 500));
    }

    #[test]
    fn the_rows_of_several_customers_are_those_of_one_who_did_it_all() {
        let (mut one, mut other, mut both) = (Day::default(), Day::default(), Day::default());
        for (n, (event_type, amount)) in [(3, -5), (1, 7), (3, 9), (2, 4), (1, 1)].into_iter().enumerate() {
            if n % 2 == 0 { &mut one } else { &mut other }.add(event_type, amount);
            both.add(event_type, amount);
        }
        assert_eq!(union([(7, one.clone()), (6, one.clone()), (7, other)]), [(6, one), (7, both)]);
    }

    #[test]
    fn a_packed_day_survives_its_bytes() {
        let mut day = Day::default();
        for (event_type, amount) in [(3, -5), (1, 7), (3, 9)] {
            day.add(event_type, amount);
        }
        assert_eq!(Day::decode(day.encode_to_vec().as_slice()).unwrap(), day);
        assert_eq!(day.metrics[1], Metric { event_type: 3, count: 2, sum: 4, min: -5, max: 9 });
    }
}
