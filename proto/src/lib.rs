//! The contracts between Huan's services, compiled from the `.proto` files beside this crate, and nothing else.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

#[allow(missing_docs, clippy::all, clippy::unwrap_used, rustdoc::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/all.rs"));
}

pub use generated::huan::r#type as types;
pub use generated::huan::{auth, error, evaluation, feed, profile, segment, strategy};

/// The encoded descriptors of all contracts, our own options included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the build made these descriptors from checked contracts")
});

/// All contracts as a pool to reflect on.
pub fn pool() -> &'static DescriptorPool {
    &POOL
}
