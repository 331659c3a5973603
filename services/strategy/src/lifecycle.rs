//! The life of a strategy, from draft to retirement, and who may take which step. It stores nothing.

use huan_chassis::{Error, Result};
use huan_proto::strategy::v1::StrategyState as State;

/// What is to be done with a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write it anew.
    Update,
    /// Hand it in.
    Submit,
    /// Approve it.
    Approve,
    /// Send it back.
    SendBack,
    /// Stop it for now.
    Pause,
    /// Let it go on.
    Resume,
    /// Stop it for good.
    Retire,
}

/// The state after a step. `stopped` tells whether the published map's version of it is stopped; `None` = it has none.
/// That version runs while the next is written, and is stopped and let go on without a change of state. Errors:
/// WrongState.
pub fn next(state: State, step: Step, stopped: Option<bool>) -> Result<State> {
    match (step, state) {
        (Step::Update, state) if state != State::Retired => Ok(State::Draft),
        (Step::Submit, State::Draft) => Ok(State::InReview),
        (Step::Approve, State::InReview) => Ok(State::Approved),
        (Step::SendBack, State::InReview) => Ok(State::Draft),
        (Step::Pause, State::Live) => Ok(State::Paused),
        (Step::Resume, State::Paused) => Ok(State::Live),
        (Step::Pause, State::Draft | State::InReview | State::Approved) if stopped == Some(false) => Ok(state),
        (Step::Resume, State::Draft | State::InReview | State::Approved) if stopped == Some(true) => Ok(state),
        (Step::Retire, state) if state != State::Retired => Ok(State::Retired),
        (_, state) => Err(Error::WrongState { what: "strategy", state: word(state).into() }),
    }
}

/// Whether a step changes what the published map may do, at once.
pub fn stops(step: Step) -> Option<bool> {
    match step {
        Step::Pause | Step::Retire => Some(true),
        Step::Resume => Some(false),
        _ => None,
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Unspecified => "in no state",
        State::Draft => "a draft",
        State::InReview => "in review",
        State::Approved => "approved",
        State::Live => "live",
        State::Paused => "paused",
        State::Retired => "retired",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_goes_from_draft_to_retirement() {
        let steps = [Step::Submit, Step::SendBack, Step::Submit, Step::Approve, Step::Update, Step::Retire];
        let states = [State::InReview, State::Draft, State::InReview, State::Approved, State::Draft, State::Retired];
        let mut state = State::Draft;
        for (step, expected) in steps.into_iter().zip(states) {
            state = next(state, step, None).unwrap();
            assert_eq!(state, expected);
        }
    }

    #[test]
    fn what_runs_is_stopped_while_it_is_written_anew() {
        for state in [State::Draft, State::InReview, State::Approved] {
            assert_eq!(next(state, Step::Pause, Some(false)).unwrap(), state);
            assert_eq!(next(state, Step::Resume, Some(true)).unwrap(), state);
            assert!(next(state, Step::Pause, Some(true)).is_err());
            assert!(next(state, Step::Resume, Some(false)).is_err());
        }
        assert!(next(State::Retired, Step::Resume, Some(true)).is_err());
    }

    #[test]
    fn no_step_is_skipped() {
        let wrong = [
            (State::Draft, Step::Approve),
            (State::InReview, Step::Submit),
            (State::Approved, Step::Approve),
            (State::Approved, Step::Pause),
            (State::Live, Step::Resume),
            (State::Retired, Step::Update),
            (State::Retired, Step::Retire),
        ];
        for (state, step) in wrong {
            assert!(matches!(next(state, step, None), Err(Error::WrongState { .. })), "{state:?} {step:?}");
        }
    }
}
