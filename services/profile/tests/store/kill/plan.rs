//! What is sent: a seed says all of it, so that a batch whose answer was lost is sent again as it was.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, value::Kind},
};

use crate::ingest::{Draw, NOON, draw_event};

/// Those who send side by side.
pub const SENDERS: u64 = 4;
/// Customers of whom events are sent.
pub const CUSTOMERS: u64 = 8;
/// A type that nobody has registered: its events are refused.
pub const UNREGISTERED: &str = "unheard_of";
/// Events in a batch.
const BATCH: u64 = 10;

/// All batches of all senders.
#[derive(Clone, Copy, Debug)]
pub struct Plan(pub u64);

impl Plan {
    /// Numbers that follow from the seed and from what they are drawn for.
    pub fn draw(self, what: impl Hash) -> Draw {
        let mut hasher = DefaultHasher::new();
        (self.0, what).hash(&mut hasher);
        Draw(hasher.finish())
    }

    /// A sender's batch, its events under their customers' names. A fifth of them are events of a batch before, of this
    /// sender or another, which may be on their way, in the store, or lost with a kill.
    pub fn batch(self, sender: u64, number: u64) -> Vec<pb::Event> {
        let mut draw = self.draw(("batch", sender, number));
        let event = |row| match draw.below(5) {
            0 => self.event(draw.below(SENDERS), draw.below(number + 1), draw.below(BATCH)),
            _ => self.event(sender, number, row),
        };
        (0..BATCH).map(event).collect()
    }

    /// Of years up to the day after tomorrow, in no order: most come late.
    fn event(self, sender: u64, number: u64, row: u64) -> pb::Event {
        let mut draw = self.draw(("event", sender, number, row));
        let event = draw_event(&mut draw, 0, NOON, CUSTOMERS);
        let refused = draw.below(20) == 0;
        let counterparty = Value { kind: Some(Kind::Text(format!("shop-{}", draw.below(9)))) };
        pb::Event {
            source: format!("sender-{sender}"),
            source_id: format!("{number}-{row}"),
            r#type: if refused { UNREGISTERED.into() } else { event.r#type },
            attributes: HashMap::from([("counterparty".into(), counterparty)]),
            ..event
        }
    }
}

/// An event as it is sent: some name their customer by a device.
pub fn as_sent(event: pb::Event) -> pb::Event {
    if event.amount_minor % 8 != 0 {
        return event;
    }
    let identity = Some(device(&event.customer_id));
    pb::Event { customer_id: String::new(), identity, ..event }
}

/// The device of a customer.
pub fn device(customer_id: &str) -> pb::Identity {
    pb::Identity { namespace: "app_device".into(), value: format!("device-of-{customer_id}"), ..Default::default() }
}
