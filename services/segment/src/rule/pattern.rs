//! Regular expressions within bounds: short, small when compiled, and matched in time linear in the text, whatever they
//! say (Thompson, Regular Expression Search Algorithm, 1968). No look-around, no back-references.

use regex::{Regex, RegexBuilder};

/// The longest regular expression, in bytes.
pub const MAX_PATTERN: usize = 256;

/// The most bytes that a compiled one may take, and as much again while it runs.
const MAX_COMPILED: usize = 256 << 10;

/// The most brackets that may be open in one.
const MAX_NESTED: u32 = 20;

/// A compiled regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a regular expression. Errors: what is wrong with it, in words.
    pub(super) fn new(source: &str) -> Result<Self, String> {
        if source.len() > MAX_PATTERN {
            return Err(format!("is {} bytes long; at most {MAX_PATTERN} are allowed", source.len()));
        }
        let mut builder = RegexBuilder::new(source);
        builder.size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).nest_limit(MAX_NESTED);
        builder.build().map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "grows too large: repeat less".into(),
            // The last line says what is wrong; those before draw where.
            error => format!("is no regular expression: {}", last_line(&error.to_string())),
        })
    }

    /// Whether some part of the text matches; `^` and `$` tie it to the ends.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ")
}
