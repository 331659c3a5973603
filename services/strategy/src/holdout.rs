//! Who is left alone: a draw between 0 and 1 that is the same for a customer for ever, and tells nothing to who lacks
//! the key. It owns no shares: those stand in the policy and the strategies.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// The label of the universal holdout.
pub const UNIVERSAL: &str = "universal";

/// The key that the keys of all tenants come from.
#[derive(Clone)]
pub struct MasterKey(Hmac<Sha256>);

/// A tenant's key.
#[derive(Clone)]
pub struct TenantKey(Hmac<Sha256>);

impl MasterKey {
    /// Takes in the key's bytes, of any length.
    pub fn new(bytes: &[u8]) -> MasterKey {
        MasterKey(keyed(bytes))
    }

    /// Derives a tenant's key.
    pub fn tenant(&self, tenant: &str) -> TenantKey {
        let mut mac = self.0.clone();
        mac.update(tenant.as_bytes());
        TenantKey(keyed(&mac.finalize().into_bytes()))
    }
}

impl TenantKey {
    /// Draws: HMAC-SHA256 of label, a zero byte and customer key; its first 53 bits, uniform in [0, 1).
    pub fn draw(&self, label: &str, customer_key: &str) -> f64 {
        let mut mac = self.0.clone();
        mac.update(label.as_bytes());
        mac.update(&[0]);
        mac.update(customer_key.as_bytes());
        let bytes = mac.finalize().into_bytes();
        let head = bytes.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        (head >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The label of a strategy's holdout.
pub fn label(strategy_id: &str) -> String {
    format!("strategy/{strategy_id}")
}

fn keyed(bytes: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(bytes).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TenantKey {
        MasterKey::new(b"a key of the test").tenant("bank")
    }

    #[test]
    fn a_draw_is_the_same_for_ever() {
        assert_eq!(key().draw(UNIVERSAL, "k-1"), key().draw(UNIVERSAL, "k-1"));
        assert_ne!(key().draw(UNIVERSAL, "k-1"), key().draw(&label("a"), "k-1"));
        assert_ne!(
            key().draw(UNIVERSAL, "k-1"),
            MasterKey::new(b"a key of the test").tenant("other").draw(UNIVERSAL, "k-1")
        );
        // python3: hmac(hmac("a key of the test", "bank"), "universal\0k-1")
        assert_eq!(key().draw(UNIVERSAL, "k-1"), 0.6510286955948432);
    }

    #[test]
    fn the_share_held_is_the_share_set() {
        let (key, customers) = (key(), 100_000);
        for share in [0.01, 0.05, 0.5] {
            let held = (0..customers).filter(|n| key.draw(UNIVERSAL, &format!("k-{n}")) < share).count() as f64;
            let deviation = (f64::from(customers) * share * (1.0 - share)).sqrt();
            assert!((held - f64::from(customers) * share).abs() < 4.0 * deviation, "{share}: {held}");
        }
    }

    #[test]
    fn holdouts_do_not_follow_one_another() {
        let (key, customers) = (key(), 100_000);
        let held = |label: &str, n: u32| key.draw(label, &format!("k-{n}")) < 0.2;
        let both = (0..customers).filter(|&n| held(UNIVERSAL, n) && held("strategy/a", n)).count() as f64;
        let deviation = (f64::from(customers) * 0.04 * 0.96).sqrt();
        assert!((both - f64::from(customers) * 0.04).abs() < 4.0 * deviation, "{both}");
    }
}
