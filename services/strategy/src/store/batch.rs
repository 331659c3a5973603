//! A batch of decisions in memory, between the reads and the writes of its transaction: each job sees what the jobs
//! before it reserved. It reads no store and no clock, and what it would write it only collects.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use huan_chassis::{
    Error, Result,
    clock::{self, Day, TenantTime},
    feed,
    vault::PLAIN,
};
use huan_proto::{
    profile::v1::Standing,
    strategy::v1::{self as pb, ChangeKind, Stage},
    types::v1::Value,
};
use prost::Message as _;

use super::{
    contact as state,
    entity::{channel_load, contact, customer, decision, tenant},
    published::Published,
};
use crate::{
    convert::change,
    decide::{self, CompiledMap},
    explain,
    holdout::{MasterKey, TenantKey},
    input::{self, Contact, Facts},
    record::{self, Ids},
};

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The request's id.
    pub request_id: String,
    /// The customer.
    pub customer_id: String,
    /// Who was asked about, if that one is part of this customer's profile; empty = the customer.
    pub asked_id: String,
    /// Only these channels; empty = all.
    pub channel_ids: Vec<String>,
    /// What called for the decision.
    pub trigger: Option<pb::Trigger>,
    /// At most so many picks.
    pub max_picks: u32,
}

/// What segment knows of the customer.
#[derive(Clone, Debug, Default)]
pub struct Evaluated {
    /// Values of the map's features, in its order.
    pub values: Vec<Value>,
    /// Names of the memberships that hold.
    pub memberships: Vec<String>,
    /// System time up to which everything is known; `None` = nobody knows.
    pub fresh_time: Option<DateTime<Utc>>,
}

/// One decision to be made.
#[derive(Clone, Debug)]
pub struct Job {
    /// The tenant.
    pub tenant: String,
    /// What is asked.
    pub ask: Ask,
    /// What segment knows, in the order of this map's features.
    pub evaluated: Evaluated,
    /// The map that is believed to hold.
    pub published: Arc<Published>,
    /// W3C trace context of the request.
    pub traceparent: String,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Decided, now or by the same request before.
    Decided(Box<Decided>),
    /// Another map holds: read it, and ask again.
    MapMoved,
    /// The customer is part of another's profile, or no longer part of this one: find whose, and ask again.
    Merged,
}

/// A decision as it is kept.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Its id.
    pub decision_id: String,
    /// What it was made of.
    pub input: pb::DecisionInput,
    /// What came out.
    pub output: pb::DecisionOutput,
}

/// A tenant, a customer.
pub(crate) type CustomerKey = (String, String);
/// A tenant, a channel, a business day.
pub(crate) type LoadKey = (String, String, i32);

/// What was read for a batch, and what it makes of it.
pub(crate) struct Batch {
    pub(crate) system_now: DateTime<Utc>,
    pub(crate) tenants: HashMap<String, Tenant>,
    pub(crate) customers: HashMap<CustomerKey, customer::Model>,
    /// Who was asked about and is not part of the profile that they were taken to be.
    pub(crate) moved: HashSet<CustomerKey>,
    /// Of each root, the other customers' ids and keys.
    pub(crate) members: HashMap<CustomerKey, Vec<(String, String)>>,
    pub(crate) contacts: HashMap<CustomerKey, Vec<Contact>>,
    pub(crate) loads: BTreeMap<LoadKey, i64>,
    pub(crate) known: HashMap<(String, String), decision::Model>,
    pub(crate) writes: Writes,
}

/// What a batch knows of a tenant.
pub(crate) struct Tenant {
    pub(crate) epoch: i64,
    /// What is allowed where nobody said anything: one bit a purpose.
    pub(crate) consent_defaults: i32,
    pub(crate) key: TenantKey,
    pub(crate) time: TenantTime,
    pub(crate) now: DateTime<Utc>,
    pub(crate) today: Day,
}

/// What a batch would write.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) decisions: Vec<decision::Model>,
    pub(crate) contacts: Vec<contact::Model>,
    pub(crate) loads: BTreeMap<LoadKey, i64>,
    pub(crate) feed: Vec<feed::Row>,
}

impl Tenant {
    pub(crate) fn new(row: &tenant::Model, time: TenantTime, key: &MasterKey) -> Tenant {
        let (now, consent_defaults) = (time.now(), row.consent_defaults);
        let key = key.tenant(&row.tenant);
        Tenant { epoch: row.epoch, consent_defaults, key, now, today: time.day(now), time }
    }

    fn minute_of_day(&self) -> u32 {
        let local = self.now.with_timezone(&self.time.zone);
        local.hour() * 60 + local.minute()
    }
}

impl Batch {
    /// Decides one job and collects what is to be written. Errors: NotFound; Invalid if the request's id was used for
    /// another customer.
    pub(crate) fn decide(&mut self, job: &Job, ids: &Ids, reservation: TimeDelta) -> Result<Outcome> {
        let key = (job.tenant.clone(), job.ask.customer_id.clone());
        if let Some(known) = self.known.get(&(job.tenant.clone(), job.ask.request_id.clone())) {
            let others = self.members.get(&key).map_or(&[][..], Vec::as_slice);
            return again(job, known, others);
        }
        let unknown = Error::NotFound { what: "customer", field: "customer_id" };
        let (Some(tenant), Some(customer)) = (self.tenants.get(&job.tenant), self.customers.get(&key).cloned()) else {
            return Err(unknown);
        };
        let asked = (job.tenant.clone(), job.ask.asked_id.clone());
        if customer.root_id != customer.customer_id || self.moved.contains(&asked) {
            return Ok(Outcome::Merged);
        }
        if tenant.epoch != job.published.epoch {
            return Ok(Outcome::MapMoved);
        }
        let map = job.published.map.clone();
        let decision_id = ids.next(self.system_now);
        let mut input = self.input(job, tenant, &customer, &decision_id)?;
        let output = self.decide_within_capacity(job, &map, &mut input);
        self.collect(job, &customer, decision_id, input, output, reservation)
    }

    fn input(&self, job: &Job, tenant: &Tenant, customer: &customer::Model, id: &str) -> Result<pb::DecisionInput> {
        let map = &job.published.map;
        let key = (job.tenant.clone(), job.ask.customer_id.clone());
        let broken = |_| Error::Internal("a standing does not decode".into());
        let merged_keys: Vec<&str> =
            self.members.get(&key).into_iter().flatten().map(|(_, key)| key.as_str()).collect();
        let facts = Facts {
            map_version: &job.published.version,
            customer_key: &customer.customer_key,
            merged_keys: &merged_keys,
            owner_path: &customer.owner_path,
            standing: &Standing::decode(customer.payload.as_slice()).map_err(broken)?,
            consent_defaults: tenant.consent_defaults,
            values: &job.evaluated.values,
            memberships: &job.evaluated.memberships,
            contacts: self.contacts.get(&key).map_or(&[], Vec::as_slice),
            now: tenant.now,
            today: tenant.today,
            minute_of_day: tenant.minute_of_day(),
            seed: record::seed(&job.tenant, id),
            asked_channels: &asked_channels(map, &job.ask.channel_ids),
            trigger: job.ask.trigger.as_ref(),
            max_picks: job.ask.max_picks,
            stopped: &job.published.stopped,
            stale: self.stale(job),
        };
        Ok(input::input(map, &tenant.key, &facts))
    }

    fn stale(&self, job: &Job) -> bool {
        let most = TimeDelta::milliseconds(explain::max_staleness(job.published.map.policy()));
        job.evaluated.fresh_time.is_none_or(|fresh| self.system_now - fresh > most)
    }

    // A would-be pick on a full channel adds to what is full, and the function runs again: whether the customer is left
    // alone or not, so that both arms are exposed alike.
    fn decide_within_capacity(
        &self,
        job: &Job,
        map: &CompiledMap,
        input: &mut pb::DecisionInput,
    ) -> pb::DecisionOutput {
        loop {
            let output = map.decide(input);
            let full = full_channels(&output, map, |channel, picks| {
                channel.daily_capacity > 0 && self.load(job, channel) + picks > channel.daily_capacity
            });
            if full.is_empty() {
                return output;
            }
            input.full_channels.extend(full);
            input.full_channels.sort_unstable();
            input.full_channels.dedup();
        }
    }

    fn load(&self, job: &Job, channel: &pb::Channel) -> i64 {
        let day = self.tenants.get(&job.tenant).map_or(0, |tenant| tenant.today.0);
        self.loads.get(&(job.tenant.clone(), channel.channel_id.clone(), day)).copied().unwrap_or(0)
    }

    fn collect(
        &mut self,
        job: &Job,
        customer: &customer::Model,
        decision_id: String,
        input: pb::DecisionInput,
        output: pb::DecisionOutput,
        reservation: TimeDelta,
    ) -> Result<Outcome> {
        let map = &job.published.map;
        let expire_time = clock::micros(self.system_now + reservation);
        for pick in &output.picks {
            self.reserve(job, map, pick, &decision_id, expire_time);
        }
        let kept = record::record(decision_id.clone(), input.clone(), output.clone(), self.system_now);
        let row = decision::Model {
            tenant: job.tenant.clone(),
            customer_id: job.ask.customer_id.clone(),
            decision_id: decision_id.clone(),
            request_id: job.ask.request_id.clone(),
            status: record::status(&output) as i32,
            exposed: !output.picks.is_empty(),
            decide_time: input.now_micros,
            format: PLAIN,
            key_id: customer.customer_key.clone(),
            payload: kept.encode_to_vec(),
        };
        if row.exposed {
            let exposures = change::exposures(&row, map, &input, &output);
            let traceparent = Some(job.traceparent.clone());
            self.writes.feed.push(change::row(customer, ChangeKind::Exposures, exposures, traceparent));
        }
        self.known.insert((job.tenant.clone(), job.ask.request_id.clone()), row.clone());
        self.writes.decisions.push(row);
        Ok(Outcome::Decided(Box::new(Decided { decision_id, input, output })))
    }

    // A customer who is left alone by all marketing comes to the caps as any other does, so that both arms are exposed
    // alike; no room on the channel is taken.
    fn reserve(&mut self, job: &Job, map: &CompiledMap, pick: &pb::OutputPick, decision_id: &str, expire_time: i64) {
        let (Some((strategy, plan)), Some(tenant)) = (map.plan_of(pick.candidate), self.tenants.get(&job.tenant))
        else {
            return;
        };
        let state = match pick.stage() {
            Stage::Picked => state::RESERVED,
            Stage::HeldUniversal => state::WITHHELD,
            _ => return,
        };
        let (strategy_id, day) = (strategy.strategy_id.clone(), tenant.today);
        let marketing = decide::purpose(strategy) == pb::ContactPurpose::Marketing;
        let key = (job.tenant.clone(), job.ask.customer_id.clone());
        let contact = Contact { strategy_id: strategy_id.clone(), marketing, day };
        self.contacts.entry(key).or_default().push(contact);
        let load_key = (job.tenant.clone(), plan.channel_id.clone(), day.0);
        if let Some(load) = self.loads.get_mut(&load_key).filter(|_| state == state::RESERVED) {
            *load += 1;
            self.writes.loads.insert(load_key, *load);
        }
        self.writes.contacts.push(contact::Model {
            tenant: job.tenant.clone(),
            customer_id: job.ask.customer_id.clone(),
            decision_id: decision_id.to_owned(),
            strategy_id,
            channel_id: plan.channel_id.clone(),
            marketing,
            day: day.0,
            state,
            expire_time,
        });
    }
}

/// The rows of channel loads as they are written.
pub(crate) fn loads(loads: BTreeMap<LoadKey, i64>) -> Vec<channel_load::Model> {
    let row = |((tenant, channel_id, day), used)| channel_load::Model { tenant, channel_id, day, used };
    loads.into_iter().map(row).collect()
}

fn again(job: &Job, known: &decision::Model, others: &[(String, String)]) -> Result<Outcome> {
    let of_profile = others.iter().any(|(id, _)| *id == known.customer_id);
    if known.customer_id != job.ask.customer_id && !of_profile {
        return Err(Error::invalid("request_id", "was used for another customer"));
    }
    let (_, input, output) = record::read(&known.payload)?;
    Ok(Outcome::Decided(Box::new(Decided { decision_id: known.decision_id.clone(), input, output })))
}

// A channel that the map does not use gets a number that no candidate has.
fn asked_channels(map: &CompiledMap, channel_ids: &[String]) -> Vec<u32> {
    let none = map.content().channels.len() as u32;
    let mut asked: Vec<u32> = channel_ids.iter().map(|id| map.channel(id).unwrap_or(none)).collect();
    asked.sort_unstable();
    asked.dedup();
    asked
}

// The channels of would-be picks on which so many picks find no room. Those that a strategy's holdout withholds need
// none: the next best comes in their place.
fn full_channels(output: &pb::DecisionOutput, map: &CompiledMap, full: impl Fn(&pb::Channel, i64) -> bool) -> Vec<u32> {
    let mut picks: BTreeMap<u32, (&pb::Channel, i64)> = BTreeMap::new();
    for pick in output.picks.iter().filter(|pick| pick.stage() != Stage::HeldStrategy) {
        if let Some(channel) = map.channel_of(pick.candidate) {
            let index = map.channel(&channel.channel_id).unwrap_or(u32::MAX);
            picks.entry(index).or_insert((channel, 0)).1 += 1;
        }
    }
    picks.into_iter().filter(|(_, (channel, count))| full(channel, *count)).map(|(index, _)| index).collect()
}
