//! Where in a rule's text something stands: which brackets belong together, the text that a span covers, and its line and
//! column. What the text means is not known here.

/// A piece of a rule's text, and where it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// The piece itself; empty if the rule as a whole is meant.
    pub part: String,
    /// The line on which it begins, 1 and up; 0 if the rule as a whole is meant.
    pub line: i32,
    /// Its first character on that line, 1 and up, in Unicode characters; 0 if the rule as a whole is meant.
    pub column: i32,
}

/// A rule's text and its brackets.
pub(super) struct Source {
    text: String,
    /// Offsets of brackets that belong together, in bytes.
    pairs: Vec<(usize, usize)>,
    depth: usize,
}

impl Source {
    /// Looks for brackets outside of texts and comments.
    pub(super) fn new(text: &str) -> Self {
        let (mut pairs, mut open, mut depth) = (Vec::new(), Vec::new(), 0);
        for at in brackets(text.as_bytes()) {
            if matches!(text.as_bytes()[at], b'(' | b'[' | b'{') {
                open.push(at);
                depth = depth.max(open.len());
            } else if let Some(start) = open.pop() {
                pairs.push((start, at));
            }
        }
        Self { text: text.to_owned(), pairs, depth }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// How many brackets are open at once, at most.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The piece from one byte to another, widened until every bracket in it is with its other half.
    pub(super) fn place(&self, mut start: usize, mut stop: usize) -> Place {
        let inside = |at: usize, start: usize, stop: usize| (start..stop).contains(&at);
        while let Some((open, close)) =
            self.pairs.iter().find(|(open, close)| inside(*open, start, stop) != inside(*close, start, stop))
        {
            (start, stop) = (start.min(*open), stop.max(close + 1));
        }
        while stop < self.text.len() && !self.text.is_char_boundary(stop) {
            stop += 1;
        }
        let part = self.text.get(start..stop).unwrap_or(&self.text).to_owned();
        let (line, column) = self.position(start);
        Place { part, line, column }
    }

    /// Line and column of a byte.
    pub(super) fn position(&self, at: usize) -> (i32, i32) {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line as i32, column as i32)
    }

    /// Where the name begins that stands before a byte, with blanks between; the byte itself if none does.
    pub(super) fn name_before(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default().trim_end();
        let name = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if name.len() == before.len() { at } else { name.len() }
    }

    /// Where the sign stands before a number at this byte; the byte itself if none does.
    pub(super) fn sign_before(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default().trim_end();
        if before.ends_with('-') { before.len() - 1 } else { at }
    }

    /// Where the name ends that follows a byte, with blanks between.
    pub(super) fn name_after(&self, at: usize) -> usize {
        let after = self.text.get(at..).unwrap_or_default().trim_start();
        let rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        self.text.len() - rest.len()
    }
}

/// The offsets of all brackets that stand in no text and no comment.
fn brackets(bytes: &[u8]) -> Vec<usize> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match bytes[at] {
            b'(' | b')' | b'[' | b']' | b'{' | b'}' => found.push(at),
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'"' | b'\'' => {
                at = text_end(bytes, at);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The byte after a text that begins with a quote at `start`: single or tripled, raw if an r stands before it.
fn text_end(bytes: &[u8], start: usize) -> usize {
    let quote = &bytes[start..=start];
    let tripled = [quote, quote, quote].concat();
    let close = if bytes[start..].starts_with(&tripled) { tripled.as_slice() } else { quote };
    let raw = matches!(bytes[..start].last(), Some(b'r' | b'R'));
    let mut at = start + close.len();
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if !raw => at += 2,
            _ if bytes[at..].starts_with(close) => return at + close.len(),
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_widened_until_its_brackets_close() {
        let source = Source::new("(a || b) && f(x)");
        assert_eq!(source.place(1, 11).part, "(a || b) &&");
        assert_eq!(source.place(1, 7).part, "a || b");
        assert_eq!(source.place(12, 14).part, "f(x)");
        assert_eq!(source.depth(), 1);
    }

    #[test]
    fn brackets_in_texts_and_comments_are_none() {
        let source = Source::new("a == \")\\\"(\" // ((\n && b == r'\\' && c == \"\"\"[\"(\"\"\" && (d)");
        assert_eq!(source.pairs.len(), 1);
        assert_eq!(source.place(source.pairs[0].0, source.pairs[0].0 + 1).part, "(d)");
    }

    #[test]
    fn lines_and_columns_count_characters() {
        let source = Source::new("region == \"华东\"\n  && 年");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(source.text.find("&&").expect("it is there")), (2, 3));
        assert_eq!(source.position(source.text.find("年").expect("it is there")), (2, 6));
        assert_eq!(source.place(10, 15).part, "\"华东");
    }
}
