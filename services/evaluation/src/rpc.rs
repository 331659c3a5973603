//! The RPCs of evaluation: each reads its request, calls once, answers.

pub mod review;
