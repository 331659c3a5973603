//! Functions of texts: tests of how they are spelled, their size, and other letters.

use cel::IdedExpr;

use super::{Checker, Typed};
use crate::rule::pattern::Pattern;
use crate::rule::tree::{FlagExpr, NumberExpr, SpellingExpr, TextExpr, TextTest};

impl Checker<'_> {
    /// `startsWith`, `endsWith`, `contains` and `matches`.
    pub(super) fn text_test(&mut self, name: &str, text: &IdedExpr, wanted: &IdedExpr) -> Option<Typed> {
        let text = self.spelling(text);
        let Some(quoted) = self.quoted(wanted) else {
            return self.fault(wanted, format!("{name} takes a text in quotes"));
        };
        let test = match name {
            "startsWith" => TextTest::StartsWith(quoted),
            "endsWith" => TextTest::EndsWith(quoted),
            "contains" => TextTest::Contains(quoted),
            _ => match Pattern::new(&quoted) {
                Ok(pattern) => TextTest::Matches(pattern),
                Err(why) => return self.fault(wanted, why),
            },
        };
        Some(Typed::flag(match (text?, test) {
            (SpellingExpr::Text(text), TextTest::StartsWith(start)) => FlagExpr::StartsWith(text, start),
            (text, test) => FlagExpr::Spelled(text, test),
        }))
    }

    pub(super) fn lower(&mut self, text: &IdedExpr) -> Option<Typed> {
        self.spelling(text).map(|text| Typed::Spelling(SpellingExpr::Lower(Box::new(text))))
    }

    pub(super) fn upper(&mut self, text: &IdedExpr) -> Option<Typed> {
        self.spelling(text).map(|text| Typed::Spelling(SpellingExpr::Upper(Box::new(text))))
    }

    pub(super) fn size(&mut self, text: &IdedExpr) -> Option<Typed> {
        self.spelling(text).map(|text| Typed::Number(NumberExpr::Size(text)))
    }

    /// A text as one that may have no code.
    pub(super) fn respell(&self, text: Typed) -> Option<SpellingExpr> {
        spelled(text)
    }

    /// Whether two texts are the same, neither of them having a code for sure.
    pub(super) fn same_spelling(&self, left: Typed, right: Typed) -> Option<FlagExpr> {
        Some(match (spelled(left)?, spelled(right)?) {
            (SpellingExpr::Text(TextExpr::Literal(code)), text)
            | (text, SpellingExpr::Text(TextExpr::Literal(code))) => {
                FlagExpr::Spelled(text, TextTest::Equals(self.names.texts.spelling(code).to_owned()))
            }
            (left, right) => FlagExpr::EqualSpelling(left, right),
        })
    }
}

fn spelled(typed: Typed) -> Option<SpellingExpr> {
    match typed {
        Typed::Text(text) => Some(SpellingExpr::Text(text)),
        Typed::Spelling(spelling) => Some(spelling),
        _ => None,
    }
}
