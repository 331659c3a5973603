//! What is wrong with a JSON request, field by field, once it is known that something is. It names fields as the
//! services do and never repeats a value, which may be personal.

use huan_chassis::{Error, FieldFault};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

/// Faults told at most.
const MOST: usize = 100;

/// Finds the faults of a request that could not be read.
pub fn fault(message: &MessageDescriptor, json: &[u8], error: &serde_json::Error) -> Error {
    let mut faults = match serde_json::from_slice(json) {
        Ok(Value::Object(object)) => check(message, &object, ""),
        Ok(_) => vec![said("request", "is not a JSON object")],
        Err(syntax) => {
            vec![said("request", format!("is not JSON at line {} column {}", syntax.line(), syntax.column()))]
        }
    };
    if faults.is_empty() {
        faults.push(said("request", format!("cannot be read at line {} column {}", error.line(), error.column())));
    }
    faults.truncate(MOST);
    Error::Invalid(faults)
}

fn check(message: &MessageDescriptor, object: &Map<String, Value>, path: &str) -> Vec<FieldFault> {
    let place = |name: &str| {
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    let of_field = |(name, value): (&String, &Value)| match message
        .get_field_by_json_name(name)
        .or_else(|| message.get_field_by_name(name))
    {
        Some(field) if reads(message, &field, value) => Vec::new(),
        Some(field) => check_field(&field, value, place(field.name())),
        None => vec![said(place(name), format!("is not a field of {}", message.full_name()))],
    };
    object.iter().flat_map(of_field).take(MOST).collect()
}

/// Goes into what cannot be read as it is.
fn check_field(field: &FieldDescriptor, value: &Value, place: String) -> Vec<FieldFault> {
    let kind = field.kind();
    // The types of others have a JSON of their own: a timestamp is a text.
    let inner = kind.as_message().filter(|message| message.package_name().starts_with("huan.") && !field.is_map());
    let faults = match (inner, value) {
        (Some(inner), Value::Object(object)) if !field.is_list() => check(inner, object, &place),
        (Some(inner), Value::Array(items)) if field.is_list() => {
            let of_item = |(i, item): (usize, &Value)| match item {
                Value::Object(object) => check(inner, object, &format!("{place}[{i}]")),
                _ => vec![said(format!("{place}[{i}]"), "is not an object")],
            };
            items.iter().enumerate().flat_map(of_item).take(MOST).collect()
        }
        _ => Vec::new(),
    };
    if faults.is_empty() { vec![said(place, format!("is not {}", expected(field)))] } else { faults }
}

fn reads(message: &MessageDescriptor, field: &FieldDescriptor, value: &Value) -> bool {
    let alone: Map<_, _> = [(field.json_name().to_owned(), value.clone())].into_iter().collect();
    DynamicMessage::deserialize(message.clone(), Value::Object(alone)).is_ok()
}

fn expected(field: &FieldDescriptor) -> String {
    let one = match field.kind() {
        Kind::Double | Kind::Float => "a number".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::String => "a text".to_owned(),
        Kind::Bytes => "base64".to_owned(),
        Kind::Enum(of) => format!("a value of {}", of.full_name()),
        Kind::Message(of) if field.is_map() => format!("an object of {}", of.full_name()),
        Kind::Message(of) => format!("a {}", of.full_name()),
        _ => "an integer in bounds".to_owned(),
    };
    if field.is_list() { format!("a list, of which each is {one}") } else { one }
}

fn said(field: impl Into<String>, description: impl Into<String>) -> FieldFault {
    FieldFault { field: field.into(), description: description.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(message: &str, json: &str) -> Vec<(String, String)> {
        let message = huan_proto::pool().get_message_by_name(message).unwrap();
        let error = serde_json::from_str::<()>("x").unwrap_err();
        let Error::Invalid(faults) = fault(&message, json.as_bytes(), &error) else { panic!("no faults") };
        faults.into_iter().map(|fault| (fault.field, fault.description)).collect()
    }

    fn fault_of(field: &str, description: &str) -> (String, String) {
        (field.to_owned(), description.to_owned())
    }

    const CREATE: &str = "huan.evaluation.v1.CreateReviewRequest";

    #[test]
    fn every_fault_is_named_by_its_field() {
        let json = r#"{"requestId": 7, "spec": {"eventType": "x", "metric": "METRIC_LUCK", "windowDays": 1e99,
            "strategy": {"strategyId": "s", "colour": "red"}}, "secret": "1234"}"#;
        let expected = [
            fault_of("request_id", "is not a text"),
            fault_of("secret", "is not a field of huan.evaluation.v1.CreateReviewRequest"),
            fault_of("spec.metric", "is not a value of huan.evaluation.v1.Metric"),
            fault_of("spec.strategy.colour", "is not a field of huan.evaluation.v1.StrategySubject"),
            fault_of("spec.window_days", "is not an integer in bounds"),
        ];
        let mut found = faults(CREATE, json);
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn items_of_lists_are_counted() {
        let json = r#"{"events": [{}, {"occurTime": "yesterday"}, 3]}"#;
        let expected = [
            fault_of("events[1].occur_time", "is not a google.protobuf.Timestamp"),
            fault_of("events[2]", "is not an object"),
        ];
        assert_eq!(faults("huan.profile.v1.IngestEventsRequest", json), expected);
    }

    #[test]
    fn what_is_no_object_is_told() {
        assert_eq!(faults(CREATE, "[]"), [fault_of("request", "is not a JSON object")]);
        assert_eq!(faults(CREATE, "{\"a\": "), [fault_of("request", "is not JSON at line 1 column 6")]);
        assert_eq!(faults(CREATE, ""), [fault_of("request", "is not JSON at line 1 column 0")]);
        assert_eq!(faults(CREATE, r#"{"spec": 1}"#), [fault_of("spec", "is not a huan.evaluation.v1.ReviewSpec")]);
    }
}
