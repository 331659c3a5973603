//! Random numbers that follow from a seed, a customer's number and a stream alone, so that customers can be drawn in
//! any order, one without the others. It owns the generator, and no word of what is drawn with it.

/// The golden ratio's odd 64-bit fraction, the step of SplitMix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// What the numbers are for. Streams are independent: drawing more from one changes nothing in another.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Trait = 1,
    Response = 2,
    Outcome = 3,
    Life = 4,
    Person = 5,
    Holding = 6,
    Consent = 7,
    Event = 8,
    Gate = 9,
    Shelf = 10,
    Identity = 11,
    Age = 12,
}

/// One stream of one customer: SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(seed: u64, index: u64, stream: Stream) -> Draws {
        let customer = mix(mix(seed.wrapping_add(STEP)) ^ index);
        Draws(mix(customer ^ (stream as u64).wrapping_mul(STEP)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// Draws uniformly from [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws uniformly from [low, high).
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Draws a whole number uniformly from 0..n.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u32
    }

    /// Comes true with this probability.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Picks one of a list, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u32) as usize]
    }

    /// Picks by weight. The weights must add up to 1; what rounding leaves over falls to the last.
    pub(super) fn weighted<T: Copy>(&mut self, from: &[(T, f64)]) -> T {
        let mut at = self.unit();
        for (item, weight) in from {
            at -= weight;
            if at < 0.0 {
                return *item;
            }
        }
        from[from.len() - 1].0
    }
}

/// The finaliser of SplitMix64 (Stafford's variant 13).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first outputs from state 0, as in rand_xoshiro's and java.util's tests.
        let mut draws = Draws(0);
        assert_eq!([draws.next(), draws.next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn streams_and_customers_differ() {
        let first = |index, stream| Draws::new(1, index, stream).next();
        assert_eq!(first(5, Stream::Trait), first(5, Stream::Trait));
        assert_ne!(first(5, Stream::Trait), first(6, Stream::Trait));
        assert_ne!(first(5, Stream::Trait), first(5, Stream::Response));
        assert_ne!(Draws::new(2, 5, Stream::Trait).next(), first(5, Stream::Trait));
    }

    #[test]
    fn draws_keep_to_their_bounds_and_weights() {
        let mut draws = Draws::new(7, 0, Stream::Trait);
        let mut hits = [0_u32; 3];
        for _ in 0..30_000 {
            assert!((0.0..1.0).contains(&draws.unit()));
            assert!(draws.below(3) < 3);
            hits[draws.weighted(&[(0, 0.2), (1, 0.5), (2, 0.3)])] += 1;
        }
        for (hit, expected) in hits.iter().zip([6_000.0, 15_000.0, 9_000.0]) {
            assert!((f64::from(*hit) - expected).abs() < 4.0 * 90.0, "{hits:?}");
        }
    }
}
