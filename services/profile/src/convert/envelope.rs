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

/// Reads a payload into a message that is there, as [`open`] does, in the room that it has.
pub fn open_into<M: Message>(message: &mut M, format: i16, payload: &[u8]) -> Result<()> {
    if format != PLAIN {
        return Err(Error::Internal(format!("unknown envelope format {format}")));
    }
    message.clear();
    message.merge(payload).map_err(|error| Error::Internal(format!("broken envelope: {error}")))
}

/// Reads a payload back. Error: internal, if the format is not known or the bytes are not the message.
pub fn open<M: Message + Default>(format: i16, payload: &[u8]) -> Result<M> {
    let mut message = M::default();
    open_into(&mut message, format, payload).map(|()| message)
}
