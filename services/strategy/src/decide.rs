//! The decision itself: a pure function of what is known and of the published map. It reads no clock, draws nothing
//! and knows no store, so that a decision can be replayed. What it is fed is built in `input`, what it answers is kept
//! by `record`.

mod compile;
pub(crate) mod v1;

pub use compile::CompiledMap;
pub(crate) use compile::purpose;
use huan_proto::strategy::v1 as pb;

/// The engine that new decisions are made by. Raised when a change alters any output; older ones stay callable.
pub const ENGINE_VERSION: u32 = 1;

/// Decides once. Who decides for many customers builds a [`CompiledMap`] once and calls [`CompiledMap::decide`].
pub fn decide(input: &pb::DecisionInput, content: &pb::MapContent) -> pb::DecisionOutput {
    CompiledMap::new(content).decide(input)
}

/// Decides again by the engine that the input names; `None` if there is no such engine.
pub fn replay(input: &pb::DecisionInput, map: &CompiledMap) -> Option<pb::DecisionOutput> {
    (input.engine_version == 1).then(|| v1::decide(map, input))
}

impl CompiledMap {
    /// Decides by the newest engine.
    pub fn decide(&self, input: &pb::DecisionInput) -> pb::DecisionOutput {
        v1::decide(self, input)
    }
}

/// Writes a candidate as records do: index of the strategy × 16 + index of its channel plan.
pub fn candidate(strategy: usize, plan: usize) -> u32 {
    (strategy * PLANS + plan) as u32
}

/// Reads a candidate: index of the strategy, index of its channel plan.
pub fn strategy_and_plan(candidate: u32) -> (usize, usize) {
    (candidate as usize / PLANS, candidate as usize % PLANS)
}

/// How many channel plans a strategy has room for in a candidate's number.
const PLANS: usize = 16;
