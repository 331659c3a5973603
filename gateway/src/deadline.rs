//! How long callers wait: `grpc-timeout` and `connect-timeout-ms`, read and written.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use huan_chassis::{Error, Result};

/// gRPC's header.
pub const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Connect's header.
pub const CONNECT_TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");

/// Reads `grpc-timeout`: up to eight digits and a unit. One that cannot be read is none.
pub fn grpc(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let n = number(digits, 8)?;
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

/// Reads `connect-timeout-ms`: up to ten digits. Errors: Invalid if it is something else.
pub fn connect(headers: &HeaderMap) -> Result<Option<Duration>> {
    let Some(sent) = headers.get(CONNECT_TIMEOUT) else {
        return Ok(None);
    };
    let millis = sent.to_str().ok().and_then(|text| number(text, 10));
    let millis =
        millis.ok_or_else(|| Error::invalid(CONNECT_TIMEOUT.as_str(), "is not a number of up to ten digits"))?;
    Ok(Some(Duration::from_millis(millis)))
}

/// Writes `grpc-timeout`, rounded down to milliseconds.
pub fn write(timeout: Duration) -> HeaderValue {
    let millis = timeout.as_millis();
    let text = if millis < 100_000_000 { format!("{millis}m") } else { format!("{}S", timeout.as_secs()) };
    HeaderValue::try_from(text).expect("digits and a letter are a header's value")
}

fn number(text: &str, digits: usize) -> Option<u64> {
    let is_number = !text.is_empty() && text.len() <= digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(name: HeaderName, value: &str) -> HeaderMap {
        [(name, HeaderValue::from_str(value).unwrap())].into_iter().collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for timeout in
            [Duration::from_millis(0), Duration::from_millis(1500), Duration::from_secs(9_999_999_999 / 1000)]
        {
            let written = write(timeout);
            assert_eq!(grpc(&sent(GRPC_TIMEOUT, written.to_str().unwrap())), Some(timeout));
        }
        assert_eq!(grpc(&sent(GRPC_TIMEOUT, "25u")), Some(Duration::from_micros(25)));
    }

    #[test]
    fn what_is_no_timeout_is_refused() {
        for text in ["", "5", "S", "123456789S", "-1S", "1x"] {
            assert_eq!(grpc(&sent(GRPC_TIMEOUT, text)), None, "{text}");
        }
        for text in ["", "-1", "1.5", "12345678901", "soon"] {
            assert!(connect(&sent(CONNECT_TIMEOUT, text)).is_err(), "{text}");
        }
        assert_eq!(connect(&sent(CONNECT_TIMEOUT, "250")).unwrap(), Some(Duration::from_millis(250)));
        assert_eq!(connect(&HeaderMap::new()).unwrap(), None);
    }
}
