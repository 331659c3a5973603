//! The words of a script: which features they name, and filling them in. It signs nothing.

use huan_proto::types::v1::{Value, value::Kind};

/// Lists the features that a text names in braces, in their order, each as often as it is named.
pub fn variables(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    walk(text, |part| {
        if let Part::Variable(name) = part {
            found.push(name);
        }
    });
    found
}

/// Fills in the values of the features named in braces. One that is missing leaves the name in its braces.
pub fn fill(text: &str, features: &[String], values: &[Value]) -> String {
    let mut filled = String::with_capacity(text.len());
    walk(text, |part| match part {
        Part::Text(text) => filled.push_str(text),
        Part::Variable(name) => match written(name, features, values) {
            Some(value) => filled.push_str(&value),
            None => filled.extend(["{", name, "}"]),
        },
    });
    filled
}

enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
}

// Braces that hold no name are words like any other.
fn walk<'a>(text: &'a str, mut visit: impl FnMut(Part<'a>)) {
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        visit(Part::Text(&rest[..open]));
        let inner = &rest[open + 1..];
        let end = inner.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
        match end {
            Some(end) if end > 0 && inner[end..].starts_with('}') => {
                visit(Part::Variable(&inner[..end]));
                rest = &inner[end + 1..];
            }
            _ => {
                visit(Part::Text("{"));
                rest = inner;
            }
        }
    }
    visit(Part::Text(rest));
}

fn written(name: &str, features: &[String], values: &[Value]) -> Option<String> {
    let index = features.binary_search_by(|known| known.as_str().cmp(name)).ok()?;
    Some(match values.get(index)?.kind.as_ref()? {
        Kind::Number(number) => number.to_string(),
        Kind::Text(text) | Kind::Day(text) => text.clone(),
        Kind::Flag(flag) => flag.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: Kind) -> Value {
        Value { kind: Some(kind) }
    }

    #[test]
    fn values_stand_where_their_names_stood() {
        let features = ["city", "count", "gone"].map(String::from);
        let values = [value(Kind::Text("杭州".into())), value(Kind::Number(3.0)), Value::default()];
        assert_eq!(fill("{city}: {count}×{count}", &features, &values), "杭州: 3×3");
        assert_eq!(fill("{gone} {other} {", &features, &values), "{gone} {other} {");
        assert_eq!(fill("{} {A} {{city}}", &features, &values), "{} {A} {杭州}");
    }

    #[test]
    fn variables_are_the_names_in_braces() {
        assert_eq!(variables("{a} b {c_1}{a} {D} {"), ["a", "c_1", "a"]);
        assert_eq!(variables("plain"), [""; 0]);
    }
}
