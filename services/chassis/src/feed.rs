//! Feeds between services: what a service publishes in the same transaction as its data, others watch in order and
//! apply at least once. It owns positions, the outbox and the consumers' cursors; what a row means is for the service
//! that publishes it.
//!
//! Order: a row's position is a number drawn from one sequence. Whoever changes a customer locks that customer's row,
//! then publishes, then commits; so the rows of one customer have the order of the changes. Nothing is sent above a
//! position that a running transaction may still fill (see [`fence`]), so a cursor never passes an uncommitted row.

use std::{fmt, str::FromStr};

use futures::{Stream, StreamExt as _, stream::BoxStream};
use sea_orm_migration::MigrationTrait;
use sha2::{Digest as _, Sha256};

use crate::{Error, Result, telemetry};

pub mod consume;
pub mod cursor;
pub mod entity;
mod fence;
mod migration;
pub mod publish;
pub mod retain;
pub mod status;
mod unname;
pub mod watch;

pub use consume::{Consumer, Mark, Open, Start, consume};
pub use fence::{head, settled};
pub use publish::{Row, publish};
pub use retain::retain;
pub use status::{Status, server};
pub use unname::unname;
pub use watch::{Entry, Filter, Watch, watch};

/// Into how many partitions customers fall.
pub const PARTITIONS: u32 = 64;

/// A place in a feed. Its text is the cursor, and is opaque to all others. The default comes before every row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub(crate) i64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.parse() {
            Ok(seq) if seq >= 0 => Ok(Self(seq)),
            _ => Err(Error::invalid("cursor", "is not one of ours")),
        }
    }
}

/// The migration that makes a producer's tables.
pub fn migration() -> Box<dyn MigrationTrait> {
    Box::new(migration::CreateFeed)
}

/// The migration that makes a consumer's table.
pub fn cursor_migration() -> Box<dyn MigrationTrait> {
    Box::new(migration::CreateFeedCursor)
}

/// The partition of a customer, 0..63: the first byte of the number's SHA-256, modulo 64. It never changes.
pub fn partition(customer_id: &str) -> u32 {
    u32::from(Sha256::digest(customer_id.as_bytes())[0]) % PARTITIONS
}

/// A span for work on one row, child of the request that made the row, so that their trace is one.
pub fn span(name: &'static str, traceparent: &str) -> tracing::Span {
    let span = tracing::info_span!("consume", otel.name = name, otel.kind = "consumer");
    telemetry::parent(&span, traceparent);
    span
}

/// A snapshot read page by page, so that no connection is held while the watcher is slow. `read` is given the key
/// after which to go on and answers with a page and the key of its last row, or None after the last page.
pub fn pages<T, K, F>(first: K, read: impl Fn(K) -> F + Send + 'static) -> BoxStream<'static, Result<T>>
where
    T: Send + 'static,
    K: Send + 'static,
    F: Future<Output = Result<(Vec<T>, Option<K>)>> + Send + 'static,
{
    let pages = futures::stream::try_unfold((Some(first), read), async |(key, read)| {
        let Some(key) = key else { return Ok(None) };
        let (page, next) = read(key).await?;
        Ok::<_, Error>(Some((page, (next, read))))
    });
    flatten(pages).boxed()
}

fn flatten<T>(pages: impl Stream<Item = Result<Vec<T>>>) -> impl Stream<Item = Result<T>> {
    pages.flat_map(|page| {
        let items = match page {
            Ok(items) => items.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        futures::stream::iter(items)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_survives_its_text() {
        assert_eq!("42".parse::<Position>().unwrap(), Position(42));
        assert_eq!(Position(42).to_string(), "42");
        for text in ["", "-1", "x", "1.2", "9223372036854775808"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }

    #[test]
    fn partition_of_a_customer_never_changes() {
        assert_eq!(["", "c-1", "c-2", "客户"].map(partition), [35, 38, 34, 45]);
    }

    #[test]
    fn partitions_are_about_equally_full() {
        let mut counts = [0_u32; PARTITIONS as usize];
        (0..64_000).for_each(|n| counts[partition(&format!("customer-{n}")) as usize] += 1);
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }

    #[tokio::test]
    async fn pages_are_read_to_the_end() {
        let read = async |after: u32| Ok((vec![after, after + 1], (after < 4).then_some(after + 2)));
        let all: Vec<u32> = pages(0, read).map(|item| item.unwrap()).collect().await;
        assert_eq!(all, [0, 1, 2, 3, 4, 5]);
    }
}
