//! gRPC messages in their frames: a flag, a length, and the message. It reads and writes frames; what is in them is for
//! the layers.

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Limited};
use tonic::body::Body;

use super::MAX_MESSAGE_BYTES;
use crate::error::{Error, Result};

const PREFIX: usize = 5;

/// Reads the whole body of a unary request. Errors: Invalid if it is too large or breaks off.
pub(super) async fn collect(body: Body) -> Result<Bytes> {
    let collected = Limited::new(body, MAX_MESSAGE_BYTES + PREFIX).collect().await;
    let fault = || Error::invalid("request", format!("breaks off, or is larger than {MAX_MESSAGE_BYTES} bytes"));
    Ok(collected.map_err(|_| fault())?.to_bytes())
}

/// Takes the one message out of its frame. Errors: Invalid if there is not exactly one, or it is compressed.
pub(super) fn message(frame: &Bytes) -> Result<Bytes> {
    let fault = || Error::invalid("request", "is not exactly one uncompressed message");
    let prefix = frame.get(..PREFIX).ok_or_else(fault)?;
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if prefix[0] != 0 || frame.len() != PREFIX + length {
        return Err(fault());
    }
    Ok(frame.slice(PREFIX..))
}

/// Takes the next frame out of a stream's body, as it was sent; none at the end. `rest` is what was read beyond the frame
/// before. Errors: Invalid if a message is too large or compressed, or breaks off; the body's own.
pub(super) async fn next(body: &mut Body, rest: &mut BytesMut) -> Result<Option<Bytes>> {
    loop {
        if let Some(frame) = split(rest)? {
            return Ok(Some(frame));
        }
        match body.frame().await.transpose().map_err(Error::Status)?.map(http_body::Frame::into_data) {
            Some(Ok(data)) => rest.extend_from_slice(&data),
            // Trailers, which requests do not have.
            Some(Err(_)) => {}
            None if rest.is_empty() => return Ok(None),
            None => return Err(Error::invalid("request", "breaks off")),
        }
    }
}

/// The message of a frame that [`next`] gave.
pub(super) fn body_of(frame: &Bytes) -> Bytes {
    frame.slice(PREFIX.min(frame.len())..)
}

fn split(rest: &mut BytesMut) -> Result<Option<Bytes>> {
    let Some(prefix) = rest.get(..PREFIX) else { return Ok(None) };
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if prefix[0] != 0 || length > MAX_MESSAGE_BYTES {
        return Err(Error::invalid("request", format!("is compressed, or larger than {MAX_MESSAGE_BYTES} bytes")));
    }
    Ok((rest.len() >= PREFIX + length).then(|| rest.split_to(PREFIX + length).freeze()))
}

/// Puts a message into a frame.
pub(super) fn framed(message: &impl prost::Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX + length);
    frame.put_u8(0);
    frame.put_u32(length as u32);
    // The buffer grows as needed, so that encoding cannot fail.
    let _ = message.encode(&mut frame);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_out_of_its_frame() {
        let frame = framed(&prost_types::Timestamp { seconds: 1, nanos: 2 });
        assert_eq!(message(&frame).unwrap().len(), 4);
        assert_eq!(message(&framed(&())).unwrap().len(), 0);
    }

    #[tokio::test]
    async fn frames_of_a_stream_come_whole_however_they_are_cut() {
        let sent = [framed(&prost_types::Timestamp { seconds: 1, nanos: 2 }), framed(&()), framed(&"a".to_owned())];
        let bytes = sent.concat();
        for size in [1, 3, 7, bytes.len()] {
            let parts: Vec<Result<_, tonic::Status>> =
                bytes.chunks(size).map(|part| Ok(http_body::Frame::data(Bytes::copy_from_slice(part)))).collect();
            let mut body = Body::new(http_body_util::StreamBody::new(futures::stream::iter(parts)));
            let mut rest = BytesMut::new();
            for frame in &sent {
                assert_eq!(next(&mut body, &mut rest).await.unwrap().as_ref(), Some(frame));
            }
            assert_eq!(next(&mut body, &mut rest).await.unwrap(), None);
        }
        for broken in [&[0, 0, 0][..], &[1, 0, 0, 0, 0], &[0, 0xff, 0, 0, 0], &[0, 0, 0, 0, 2, 9]] {
            let mut body = Body::new(http_body_util::Full::new(Bytes::copy_from_slice(broken)));
            assert!(next(&mut body, &mut BytesMut::new()).await.is_err(), "{broken:?}");
        }
    }

    #[test]
    fn anything_but_one_plain_message_is_refused() {
        for bytes in [&[][..], &[0, 0, 0, 0], &[1, 0, 0, 0, 0], &[0, 0, 0, 0, 2, 9], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(message(&Bytes::copy_from_slice(bytes)).is_err(), "{bytes:?}");
        }
    }
}
