//! What a simulated customer allows. About 80 % allow marketing, a third of them on some channels only; of the rest,
//! half refused and half never said.

use huan_chassis::clock::Day;
use huan_proto::profile::v1 as pb;

use super::draw::Stream;
use super::{CHANNELS, Sim, moment, person};

pub(super) fn consents(sim: &Sim) -> Vec<pb::Consent> {
    let mut draws = sim.draws(Stream::Consent);
    let said = person::open_day(sim).unwrap_or(sim.day_before(30));
    let evidence = draws.pick(&["form", "app", "branch"]);
    let record = |channel: &str, allowed| consent(sim, channel, allowed, evidence, said);
    match draws.unit() {
        // On every channel, one in seven of them without one.
        at if at < 0.53 => {
            let mut consents = vec![record("", true)];
            if draws.chance(0.15) {
                consents.push(record(draws.pick(CHANNELS), false));
            }
            consents
        }
        // On one channel for certain, and perhaps on others.
        at if at < 0.80 => {
            let certain = draws.pick(CHANNELS);
            let allowed = CHANNELS.iter().filter(|channel| **channel == certain || draws.chance(0.35));
            allowed.map(|channel| record(channel, true)).collect()
        }
        at if at < 0.90 => vec![record("", false)],
        _ => Vec::new(),
    }
}

fn consent(sim: &Sim, channel: &str, allowed: bool, evidence: &str, said: Day) -> pb::Consent {
    pb::Consent {
        customer_id: sim.customer_id(),
        purpose: pb::Purpose::Marketing as i32,
        channel_id: channel.to_owned(),
        allowed,
        evidence: evidence.to_owned(),
        decide_time: Some(moment(said, 10 * 3_600)),
        source: "simulation".to_owned(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bank, Settings};
    use super::*;

    #[test]
    fn four_in_five_allow_marketing() {
        let settings = Settings { seed: 2, customers: 10_000, last_day: Day(20_000), history_days: 365 };
        let (mut allow, mut general, mut silent) = (0, 0, 0);
        for consents in Bank::new(settings).customers().map(|sim| sim.consents()) {
            allow += u32::from(consents.iter().any(|c| c.allowed));
            general += u32::from(consents.iter().any(|c| c.allowed && c.channel_id.is_empty()));
            silent += u32::from(consents.is_empty());
        }
        let share = |count: u32| f64::from(count) / 10_000.0;
        assert!((share(allow) - 0.80).abs() < 0.016, "{allow}");
        assert!((share(general) - 0.53).abs() < 0.02, "{general}");
        assert!((share(silent) - 0.10).abs() < 0.012, "{silent}");
    }
}
