//! What a rule may cost. A unit is about what one step takes, reading a value or comparing two: nanoseconds a customer. A
//! rule's cost is the sum over all that is reckoned in the worst case, and is known before any customer is looked at.

/// The most units that a rule may cost for one customer.
pub const MAX_COST: u32 = 1000;

/// What every feature, number, text, operator and function costs.
pub(super) const NODE: u32 = 1;

/// What a function costs besides: it looks at letters, or at the calendar.
pub(super) fn of_function(name: &str) -> u32 {
    match name {
        "has_tag" => 1,
        "startsWith" | "endsWith" | "size" => 2,
        "years_since" | "lowerAscii" | "upperAscii" => 4,
        "contains" | "has_tag_prefix" => 8,
        "matches" => 25,
        _ => 0,
    }
}
