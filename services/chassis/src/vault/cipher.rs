//! AES-256-GCM (NIST SP 800-38D). What is sealed lies as nonce (12 bytes), ciphertext and tag (16 bytes), and opens only
//! beside what it was bound to.

use std::fmt;

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom as _, SystemRandom},
};

use crate::{Error, Result};

/// Bytes of a key.
pub const KEY: usize = 32;
/// Bytes of a nonce, of which none is used twice with a key: they are random.
pub const NONCE: usize = NONCE_LEN;

/// A key that is ready for use. It is never shown.
pub struct Cipher(LessSafeKey);

impl Cipher {
    /// Makes a key ready.
    pub fn new(key: &[u8; KEY]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key is as long as it should be")))
    }

    /// Seals bytes, bound to others. Errors: internal, for more than 64 GB.
    pub fn seal(&self, nonce: [u8; NONCE], bound: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(NONCE + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (nonce, text) = (Nonce::assume_unique_for_key(nonce), &mut sealed[NONCE..]);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(bound), text);
        sealed.extend_from_slice(tag.map_err(|_| Error::Internal("cannot seal".into()))?.as_ref());
        Ok(sealed)
    }

    /// Puts the plain bytes in the place of the sealed ones. None: those are not whole, were sealed by another key, or are
    /// bound to something else; what is left is of no use.
    pub fn open(&self, bound: &[u8], sealed: &mut Vec<u8>) -> Option<()> {
        let nonce = Nonce::assume_unique_for_key(*sealed.first_chunk()?);
        let plain = self.0.open_within(nonce, Aad::from(bound), sealed, NONCE..).ok()?.len();
        sealed.truncate(plain);
        Some(())
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

/// Fills bytes that nobody can guess. Panics if the system has none to give.
pub fn draw(bytes: &mut [u8]) {
    SystemRandom::new().fill(bytes).expect("the system gives random bytes");
}

/// A key that nobody can guess.
pub fn draw_key() -> [u8; KEY] {
    let mut key = [0; KEY];
    draw(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key, a nonce, and what OpenSSL seals with them: "balance 12.50", bound to "vector".
    fn known() -> (Cipher, [u8; NONCE], Vec<u8>) {
        let key: [u8; KEY] = std::array::from_fn(|place| place as u8);
        let sealed = [
            0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0x84, 0x79, 0x10, 0x4c, 0x2b, 0xa8,
            0x67, 0x9f, 0x53, 0x57, 0xa9, 0xe6, 0x37, 0x30, 0x79, 0xb4, 0xa8, 0x08, 0x49, 0xc3, 0x8c, 0xc0, 0x0f, 0x0d,
            0x38, 0xbc, 0xb5, 0xd6, 0xd1,
        ];
        (Cipher::new(&key), std::array::from_fn(|place| 0xa0 + place as u8), sealed.to_vec())
    }

    #[test]
    fn it_seals_and_opens_as_other_implementations_do() {
        let (cipher, nonce, sealed) = known();
        assert_eq!(cipher.seal(nonce, b"vector", b"balance 12.50").unwrap(), sealed);
        let mut opened = sealed;
        assert_eq!(cipher.open(b"vector", &mut opened), Some(()));
        assert_eq!(opened, b"balance 12.50");
    }

    #[test]
    fn what_was_changed_cut_or_bound_to_something_else_does_not_open() {
        let (cipher, _, sealed) = known();
        assert_eq!(cipher.open(b"tag", &mut sealed.clone()), None);
        assert_eq!(Cipher::new(&[7; KEY]).open(b"vector", &mut sealed.clone()), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(cipher.open(b"vector", &mut changed), None, "{place}");
            assert_eq!(cipher.open(b"vector", &mut sealed[..place].to_vec()), None, "{place}");
        }
    }

    #[test]
    fn no_two_draws_are_alike() {
        assert_ne!(draw_key(), draw_key());
    }
}
