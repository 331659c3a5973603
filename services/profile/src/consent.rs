//! Which word of a customer holds: the consent of each purpose and channel, and what is so where nobody said anything. It
//! reads no table and no clock.

use chrono::{DateTime, Utc};
use huan_chassis::clock;
use huan_proto::profile::v1 as pb;

/// Whether contact for a purpose on a channel is allowed, and by what: the channel's own word goes before the general
/// one, of two a refusal goes first, a word that has ended says nothing, and where there is no word the default holds.
pub fn check(
    words: Vec<pb::Consent>,
    purpose: pb::Purpose,
    channel_id: &str,
    default: bool,
    now: DateTime<Utc>,
) -> pb::CheckConsentResponse {
    let on = |word: &pb::Consent| word.channel_id.is_empty() || word.channel_id == channel_id;
    let ended = |word: &pb::Consent| word.expire_time.as_ref().and_then(clock::datetime).is_some_and(|at| at <= now);
    let said = words.into_iter().filter(|word| word.purpose() == purpose && on(word) && !ended(word));
    let holds = said.min_by_key(|word| (word.channel_id.is_empty(), word.allowed));
    pb::CheckConsentResponse { allowed: holds.as_ref().map_or(default, |word| word.allowed), consent: holds }
}

/// Whether a purpose may be allowed where the customer said nothing. Marketing never: it needs a consent. Nor does a
/// bank say for its customers that they want no personalisation.
pub fn may_default(purpose: pb::Purpose, allowed: bool) -> Result<(), &'static str> {
    match (purpose, allowed) {
        (pb::Purpose::Marketing, true) => Err("is never allowed without the customer's word"),
        (pb::Purpose::Personalisation, false) => Err("is refused by customers, not for them"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(purpose: pb::Purpose, channel_id: &str, allowed: bool, ends: Option<i64>) -> pb::Consent {
        pb::Consent {
            purpose: purpose.into(),
            channel_id: channel_id.into(),
            allowed,
            expire_time: ends.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
            ..Default::default()
        }
    }

    #[test]
    fn a_channels_own_word_goes_before_the_general_one_and_both_before_the_default() {
        use pb::Purpose::{Care, Marketing};
        let now = DateTime::from_timestamp(100, 0).unwrap();
        let check = |words: &[pb::Consent], default| check(words.to_vec(), Care, "sms", default, now).allowed;
        assert!(check(&[], true) && !check(&[], false));
        assert!(!check(&[word(Care, "", false, None)], true));
        assert!(check(&[word(Care, "", false, None), word(Care, "sms", true, None)], false));
        assert!(!check(&[word(Care, "", false, None), word(Care, "app", true, None)], true));
        assert!(check(&[word(Marketing, "sms", false, None)], true), "another purpose says nothing");
        assert!(check(&[word(Care, "sms", false, Some(100))], true), "what has ended says nothing");
        assert!(!check(&[word(Care, "sms", false, Some(101))], true));
        assert!(!check(&[word(Care, "sms", true, None), word(Care, "sms", false, None)], true));
    }

    #[test]
    fn marketing_is_never_allowed_by_default() {
        assert!(may_default(pb::Purpose::Marketing, true).is_err());
        assert!(may_default(pb::Purpose::Marketing, false).is_ok());
        assert!(may_default(pb::Purpose::Care, true).is_ok());
        assert!(may_default(pb::Purpose::Personalisation, false).is_err());
    }
}
