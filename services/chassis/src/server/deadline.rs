//! The caller's deadline: kept here, and told to the calls that are made while answering.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;
use tonic::Status;

use super::step::{Next, Request, Response, Step, go_on};

const GRPC_TIMEOUT: &str = "grpc-timeout";
// Ours goes off before the transport's, which would answer CANCELLED.
const MARGIN: Duration = Duration::from_millis(2);

tokio::task_local! {
    static CURRENT: Instant;
}

/// When the caller stops waiting, as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Until(pub(crate) Instant);

/// The deadline of the request that this task is answering.
pub(crate) fn current() -> Option<Instant> {
    CURRENT.try_get().ok()
}

#[derive(Clone)]
pub(super) struct Deadline;

impl Step for Deadline {
    async fn answer(&self, mut request: Request, next: impl Next) -> Response {
        let Some(timeout) = timeout(request.headers()) else {
            return go_on(next, request).await;
        };
        let until = Instant::now() + timeout.saturating_sub(MARGIN);
        request.extensions_mut().insert(Until(until));
        let answer = tokio::time::timeout_at(until, CURRENT.scope(until, go_on(next, request)));
        answer.await.unwrap_or_else(|_| Status::deadline_exceeded("the caller's deadline has passed").into_http())
    }
}

/// Reads `grpc-timeout`: up to eight digits and a unit. One that cannot be read is none.
pub(crate) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

/// Writes `grpc-timeout`.
pub(crate) fn set_timeout(headers: &mut HeaderMap, timeout: Duration) {
    let micros = timeout.as_micros();
    let text =
        if micros < 100_000_000 { format!("{micros}u") } else { format!("{}S", timeout.as_secs().min(99_999_999)) };
    let value = http::HeaderValue::try_from(text).expect("digits and a letter are a header's value");
    headers.insert(GRPC_TIMEOUT, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_written_and_read_alike() {
        for timeout in [Duration::from_micros(0), Duration::from_millis(1500), Duration::from_secs(3600)] {
            let mut headers = HeaderMap::new();
            set_timeout(&mut headers, timeout);
            assert_eq!(super::timeout(&headers), Some(timeout));
        }
    }

    #[test]
    fn what_is_no_timeout_is_none() {
        for text in ["", "5", "S", "123456789S", "-1S", "1x", "1.5S", "+1S"] {
            let headers = [("grpc-timeout".parse().unwrap(), text.parse().unwrap())].into_iter().collect();
            assert_eq!(timeout(&headers), None, "{text}");
        }
    }
}
