//! What lies in envelopes: the bytes of protobuf messages. Here they are plain; on disk they are sealed under their
//! customer's key, which the store sees to.

use huan_chassis::{Error, Result};
use prost::Message;

/// Plain protobuf bytes.
pub const PLAIN: i16 = 0;

/// The payload bytes of a message in format [`PLAIN`].
pub fn seal(message: &impl Message) -> Vec<u8> {
    message.encode_to_vec()
}

/// The bytes of a payload's message. Error: internal, if the format is not known.
pub fn plain(format: i16, payload: &[u8]) -> Result<&[u8]> {
    match format {
        PLAIN => Ok(payload),
        _ => Err(Error::Internal(format!("unknown envelope format {format}"))),
    }
}

/// Reads a payload back. Error: internal, if the format is not known or the bytes are not the message.
pub fn open<M: Message + Default>(format: i16, payload: &[u8]) -> Result<M> {
    M::decode(plain(format, payload)?).map_err(|error| Error::Internal(format!("broken envelope: {error}")))
}
