//! ComparisonService, and what is measured of every build.

use std::collections::{BTreeMap, BTreeSet};

use huan_chassis::{Error, Result as OurResult, clock};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::comparison_service_server::ComparisonService;
use roaring::RoaringBitmap;
use tonic::{Request, Response, Status};

use super::{Rpc, SYSTEM, tenant};
use crate::convert;
use crate::distribution::{Distribution, Recount, Sample, sample};
use crate::drift::{drift, level};
use crate::history::owner_of;
use crate::live::OTHER;
use crate::overlap::overlaps;
use crate::store::build::{self, Build, builds_at};
use crate::store::distribution::{COMPARED, distributions_of, insert_distributions, last_distributions};
use crate::store::{insight, segment, segment_set};

#[tonic::async_trait]
impl ComparisonService for Rpc {
    async fn get_overlap(
        &self,
        request: Request<pb::GetOverlapRequest>,
    ) -> Result<Response<pb::GetOverlapResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.into_inner();
        convert::comparison::get_overlap(&asked)?;
        self.memory.refresh_changed(&self.store).await?;
        let (members, as_of) = match asked.live {
            true => self.live_members(&tenant, asked.memberships).await?,
            false => (self.built_members(&tenant, asked.memberships).await?, None),
        };
        Ok(Response::new(pb::GetOverlapResponse {
            members: members.iter().map(|(_, bitmap)| bitmap.len() as i64).collect(),
            overlaps: overlaps(&members),
            as_of_time: as_of.map(clock::timestamp),
        }))
    }

    async fn get_drift(&self, request: Request<pb::GetDriftRequest>) -> Result<Response<pb::GetDriftResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.into_inner();
        convert::comparison::get_drift(&asked)?;
        let rules = self.rules_of(&tenant, &asked.owner_id).await?;
        let (base, version) = self.versions(&tenant, &asked).await?;
        let response = match asked.live {
            true => self.drift_until_now(&tenant, &asked.owner_id, base, &rules).await?,
            false => self.drift_between(&tenant, &asked.owner_id, (base, version)).await?,
        };
        Ok(Response::new(response))
    }
}

impl Rpc {
    /// Measures the features that an owner's rules read, keeps that with the build, and raises what has drifted since the
    /// build before.
    pub(super) async fn measure(&self, tenant: &str, owner_id: &str, builds: &[Build]) -> OurResult<()> {
        let Some(version) = builds.first().map(|build| build.version) else { return Ok(()) };
        let rules = self.rules_of(tenant, owner_id).await?;
        let before = last_distributions(&self.store, tenant, owner_id, version - COMPARED, version).await?;
        let samples = self.samples(tenant, &rules).await?;
        let mut found = BTreeMap::new();
        for (feature, sample) in &samples {
            let mut distribution = Distribution::of(sample);
            let known = before.iter().filter_map(|(version, features)| Some((*version, features.get(feature)?)));
            let recount = |(version, older): (i64, &Distribution)| Recount { version, counts: older.count(sample) };
            distribution.recounts = known.map(recount).collect();
            found.insert(feature.clone(), distribution);
        }
        let tx = self.store.begin().await?;
        insert_distributions(&tx, tenant, owner_id, version, &found).await?;
        tx.commit().await?;
        if version > 1 { self.raise(tenant, owner_id, (version - 1, version)).await } else { Ok(()) }
    }

    /// Raises an insight for everything that has moved too far between two builds.
    async fn raise(&self, tenant: &str, owner_id: &str, versions: (i64, i64)) -> OurResult<()> {
        let found = self.drift_between(tenant, owner_id, versions).await?;
        for drift in found.memberships.iter().chain(&found.features) {
            if level(drift.index) != pb::DriftLevel::Stable {
                let (head, evidence) = convert::comparison::finding(owner_id, versions, drift);
                let now = Some(clock::timestamp(clock::system_now()));
                let head = pb::Insight { create_time: now, ..head };
                let request = format!("{SYSTEM}/drift/{owner_id}/{}/{}", versions.1, drift.feature);
                insight::create_insight(&self.store, tenant, &request, head, vec![evidence]).await?;
            }
        }
        Ok(())
    }

    /// The rules of a segment or a set. Errors: NotFound.
    async fn rules_of(&self, tenant: &str, owner_id: &str) -> OurResult<Vec<String>> {
        match segment::get_segment(&self.store, tenant, owner_id).await {
            Ok(segment) => Ok(vec![segment.rule]),
            Err(Error::NotFound { .. }) => {
                let (_, parts) =
                    segment_set::get_segment_set(&self.store, tenant, owner_id).await.map_err(|error| match error {
                        Error::NotFound { .. } => Error::NotFound { what: "segment or set", field: "owner_id" },
                        other => other,
                    })?;
                Ok(parts.into_iter().map(|part| part.rule).collect())
            }
            Err(error) => Err(error),
        }
    }

    /// The values of the features that rules read, by name, off the async threads.
    pub(super) async fn samples(&self, tenant: &str, rules: &[String]) -> OurResult<BTreeMap<String, Sample>> {
        let read = rules.iter().filter_map(|rule| self.check_rule(tenant, rule).ok());
        let features: BTreeSet<String> = read.flatten().collect();
        let memory = self.memory.tenant(tenant);
        let column = |name: &String| memory.read(|state| state.catalogue.find(name).map(|feature| feature.column));
        let columns: Vec<_> = features.into_iter().filter_map(|name| Some((column(&name)?, name))).collect();
        let (rows, _, time) = memory.snapshot();
        let today = time.today();
        let work =
            move || columns.into_iter().map(|(column, name)| (name, sample(&rows, column, today, None))).collect();
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))
    }

    /// The builds that are compared. Errors: NotFound, WrongState.
    async fn versions(&self, tenant: &str, asked: &pb::GetDriftRequest) -> OurResult<(i64, i64)> {
        let builds = self.builds_of(tenant, &asked.owner_id).await?;
        let newest = builds.first().map_or(0, |build| build.version);
        let version = if asked.version == 0 { newest } else { asked.version };
        let base = match asked.base_version {
            0 if asked.live => newest,
            0 => version - 1,
            base => base,
        };
        let (named, few) = (asked.version != 0 || asked.base_version != 0, base < 1 || newest < 1);
        if few && !named {
            return Err(Error::WrongState { what: "segment or set", state: "not yet built often enough".into() });
        }
        if base < 1 || base > newest {
            return Err(Error::NotFound { what: "build", field: "base_version" });
        }
        if version > newest || (!asked.live && base >= version) {
            return Err(Error::NotFound { what: "build", field: "version" });
        }
        Ok((base, if asked.live { 0 } else { version }))
    }

    async fn drift_between(
        &self,
        tenant: &str,
        owner_id: &str,
        (base, version): (i64, i64),
    ) -> OurResult<pb::GetDriftResponse> {
        let before = builds_at(&self.store, tenant, owner_id, base).await?;
        let after = builds_at(&self.store, tenant, owner_id, version).await?;
        let (kept, newer) = (
            distributions_of(&self.store, tenant, owner_id, base).await?,
            distributions_of(&self.store, tenant, owner_id, version).await?,
        );
        let features = kept.iter().filter_map(|(feature, older)| {
            let recounts = &newer.get(feature)?.recounts;
            let after = recounts.iter().find(|recount| recount.version == base)?;
            Some(drift(feature, older.labels(), &older.counts, &after.counts))
        });
        let features = features.collect();
        let memberships = Some(of_memberships(owner_id, &counts(&before), &counts(&after)));
        Ok(pb::GetDriftResponse { base_version: base, version, memberships, features })
    }

    async fn drift_until_now(
        &self,
        tenant: &str,
        owner_id: &str,
        base: i64,
        rules: &[String],
    ) -> OurResult<pb::GetDriftResponse> {
        let before = builds_at(&self.store, tenant, owner_id, base).await?;
        let kept = distributions_of(&self.store, tenant, owner_id, base).await?;
        let missing = Error::NotFound { what: "segment or set", field: "owner_id" };
        let found = self.find_members(tenant, owner_id, missing).await?;
        let now = found.memberships.iter().map(|(name, members)| (name.clone(), members.len()));
        let now = with_rest(now.collect(), owner_id, found.population.unsigned_abs());
        let samples = self.samples(tenant, rules).await?;
        let features = kept.iter().filter_map(|(feature, older)| {
            Some(drift(feature, older.labels(), &older.counts, &older.count(samples.get(feature)?)))
        });
        let features = features.collect();
        let memberships = Some(of_memberships(owner_id, &counts(&before), &now));
        Ok(pb::GetDriftResponse { base_version: base, version: 0, memberships, features })
    }

    /// Who is in these memberships among all customers as they stand. Errors: NotFound.
    async fn live_members(&self, tenant: &str, memberships: Vec<String>) -> OurResult<(Vec<Named>, Option<Time>)> {
        let (rows, live, time) = self.memory.tenant(tenant).snapshot();
        let now = time.now();
        let work = move || {
            let owners: BTreeSet<&str> = memberships.iter().map(|name| owner_of(name)).collect();
            let found = owners.into_iter().filter_map(|owner| live.members(owner, &rows, time.day(now)));
            let mut found: BTreeMap<String, RoaringBitmap> = found.flatten().collect();
            memberships.into_iter().map(|name| Some((found.remove(&name)?, name))).collect::<Option<Vec<_>>>()
        };
        let found = tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?;
        let found = found.ok_or(Error::NotFound { what: "membership", field: "memberships" })?;
        Ok((found.into_iter().map(|(bitmap, name)| (name, bitmap)).collect(), Some(now)))
    }

    /// Who is in the newest builds of these memberships. Errors: NotFound, WrongState.
    async fn built_members(&self, tenant: &str, memberships: Vec<String>) -> OurResult<Vec<Named>> {
        let names = self.memory.tenant(tenant).read(|state| state.live.names());
        let mut found = Vec::with_capacity(memberships.len());
        for name in memberships {
            let built = build::members_of(&self.store, tenant, &name, None).await?;
            found.push(match built {
                Some((_, bitmap)) => (name, bitmap),
                None if names.contains(&name) => {
                    return Err(Error::WrongState { what: "membership", state: "not yet built".into() });
                }
                None => return Err(Error::NotFound { what: "membership", field: "memberships" }),
            });
        }
        Ok(found)
    }
}

type Named = (String, RoaringBitmap);
type Time = chrono::DateTime<chrono::Utc>;

/// How many are in each membership of a build; of a segment, who is not in it is the rest.
fn counts(builds: &[Build]) -> BTreeMap<String, u64> {
    let counts = builds.iter().map(|build| (build.membership.clone(), build.members.unsigned_abs())).collect();
    let first = builds.first();
    let population = first.map_or(0, |build| build.population.unsigned_abs());
    with_rest(counts, first.map_or("", |build| build.owner_id.as_str()), population)
}

fn with_rest(mut counts: BTreeMap<String, u64>, owner_id: &str, population: u64) -> BTreeMap<String, u64> {
    if let Some(members) = counts.get(owner_id).copied() {
        counts.insert(format!("not {owner_id}"), population.saturating_sub(members));
    }
    counts
}

/// The drift of the shares of memberships, "other" last.
fn of_memberships(owner_id: &str, before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> pb::Drift {
    let other = format!("{owner_id}/{OTHER}");
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect::<BTreeSet<_>>().into_iter().collect();
    names.sort_by_key(|name| (**name == other, *name));
    let of = |counts: &BTreeMap<String, u64>| -> Vec<u64> {
        names.iter().map(|name| counts.get(*name).copied().unwrap_or(0)).collect()
    };
    drift("", names.iter().map(|name| (*name).clone()).collect(), &of(before), &of(after))
}
