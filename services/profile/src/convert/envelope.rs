//! How personal payloads lie in their columns: format 0, plain protobuf bytes. Encryption under a customer's key will be
//! another format; no row has to be touched for it.

use huan_chassis::{Error, Result};
use prost::Message;

/// Plain protobuf bytes.
pub const PLAIN: i16 = 0;

/// The payload bytes of a message in format [`PLAIN`].
pub fn seal(message: &impl Message) -> Vec<u8> {
    message.encode_to_vec()
}

/// Reads a payload back. Error: internal, if the format is not known or the bytes are not the message.
pub fn open<M: Message + Default>(format: i16, payload: &[u8]) -> Result<M> {
    if format != PLAIN {
        return Err(Error::Internal(format!("unknown envelope format {format}")));
    }
    M::decode(payload).map_err(|error| Error::Internal(format!("broken envelope: {error}")))
}
