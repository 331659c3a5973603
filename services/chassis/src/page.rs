//! Pages of lists: the size of a page and the token that leads to the next. It knows no table: a keyset is a list of
//! texts.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// The size of a page whose request names none.
pub const DEFAULT_SIZE: u64 = 50;
/// The most rows a page may have.
pub const MAX_SIZE: u64 = 1000;

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The most rows to send.
    pub limit: u64,
    /// The keyset of the last row already sent; `None` from the start.
    pub after: Option<Vec<String>>,
}

/// Reads `page_size` and `page_token`. The token is bound to `filter`, everything that the list is narrowed by, and
/// `filter` begins with the tenant. Errors: Invalid (`page_size`), InvalidPageToken.
pub fn page(size: i32, token: &str, filter: &[&str]) -> Result<Page> {
    let limit = match u64::try_from(size) {
        Ok(0) => DEFAULT_SIZE,
        Ok(size) if size <= MAX_SIZE => size,
        _ => return Err(Error::invalid("page_size", format!("is not between 0 and {MAX_SIZE}"))),
    };
    let after = if token.is_empty() { None } else { Some(read(token, filter).ok_or(Error::InvalidPageToken)?) };
    Ok(Page { limit, after })
}

/// Makes the token of the page after the row with this keyset. Fetch `limit + 1` rows; if the last one came, send the
/// token of the one before it, else an empty token.
pub fn next_token(filter: &[&str], key: &[&str]) -> String {
    let mut bytes = digest(filter).to_vec();
    bytes.extend(joined(key));
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn read(token: &str, filter: &[&str]) -> Option<Vec<String>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    let (bound, mut rest) = bytes.split_at_checked(8)?;
    if bound != digest(filter) {
        return None;
    }
    let mut key = Vec::new();
    while !rest.is_empty() {
        let (length, tail) = rest.split_at_checked(4)?;
        let length = u32::from_be_bytes(length.try_into().ok()?);
        let (text, tail) = tail.split_at_checked(length as usize)?;
        key.push(String::from_utf8(text.to_vec()).ok()?);
        rest = tail;
    }
    Some(key)
}

fn digest(filter: &[&str]) -> [u8; 8] {
    let whole = Sha256::digest(joined(filter));
    let mut short = [0; 8];
    short.copy_from_slice(&whole[..8]);
    short
}

// Each text led by its length, so that ["ab", "c"] and ["a", "bc"] differ.
fn joined(texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| (text.len() as u32).to_be_bytes().into_iter().chain(text.bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_on_after_its_row() {
        let token = next_token(&["bank", "open"], &["C-1", "7"]);
        let page = page(10, &token, &["bank", "open"]).unwrap();
        assert_eq!(page, Page { limit: 10, after: Some(vec!["C-1".into(), "7".into()]) });
    }

    #[test]
    fn a_token_of_another_filter_is_refused() {
        let token = next_token(&["ab", "c"], &["C-1"]);
        assert!(matches!(page(0, &token, &["a", "bc"]), Err(Error::InvalidPageToken)));
        for token in ["nonsense", "AAAA", "!", &token[..token.len() - 2]] {
            assert!(matches!(page(0, token, &["ab", "c"]), Err(Error::InvalidPageToken)), "{token}");
        }
    }

    #[test]
    fn the_size_is_bounded() {
        assert_eq!(page(0, "", &[]).unwrap().limit, 50);
        assert_eq!(page(1000, "", &[]).unwrap().limit, 1000);
        assert!(matches!(page(1001, "", &[]), Err(Error::Invalid(_))));
        assert!(matches!(page(-1, "", &[]), Err(Error::Invalid(_))));
    }
}
