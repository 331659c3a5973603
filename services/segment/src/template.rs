//! Segment sets that ship with the service, in plain files, for a bank to edit and create.

use std::sync::LazyLock;

use huan_proto::segment::v1 as pb;
use serde::Deserialize;

const FILES: [&str; 3] = [
    include_str!("../templates/lifecycle_retail.toml"),
    include_str!("../templates/tier_corporate.toml"),
    include_str!("../templates/tier_retail.toml"),
];

static TEMPLATES: LazyLock<Vec<pb::SegmentSet>> = LazyLock::new(|| FILES.iter().map(|file| read(file)).collect());

/// All templates, in the order of their ids.
pub fn templates() -> Vec<pb::SegmentSet> {
    TEMPLATES.clone()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Template {
    segment_set_id: String,
    display_name: String,
    parts: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    part_id: String,
    display_name: String,
    rule: String,
}

fn read(file: &str) -> pb::SegmentSet {
    let template: Template = toml::from_str(file).expect("a test reads every template");
    let part = |part: Part| pb::Part {
        part_id: part.part_id,
        display_name: part.display_name,
        rule: part.rule.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    pb::SegmentSet {
        segment_set_id: template.segment_set_id,
        display_name: template.display_name,
        parts: template.parts.into_iter().map(part).collect(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::columns::Names;
    use crate::rule::Rule;
    use huan_proto::profile::v1 as profile;
    use huan_proto::types::v1::ValueType;

    /// The features that templates may read: of those that profile computes, some.
    const FEATURES: [(&str, ValueType); 12] = [
        ("customer_type", ValueType::Text),
        ("open_day", ValueType::Day),
        ("last_event_day", ValueType::Day),
        ("holding_count", ValueType::Number),
        ("holding_kinds", ValueType::Number),
        ("balance_total", ValueType::Number),
        ("txn_count_30d", ValueType::Number),
        ("txn_count_90d", ValueType::Number),
        ("txn_count_365d", ValueType::Number),
        ("txn_count_ever", ValueType::Number),
        ("inflow_sum_30d", ValueType::Number),
        ("inflow_sum_90d", ValueType::Number),
    ];

    #[test]
    fn every_rule_of_every_template_can_be_used() {
        let feature = |(number, (name, r#type)): (u32, (&str, ValueType))| profile::Feature {
            number,
            name: name.to_owned(),
            r#type: r#type.into(),
            ..Default::default()
        };
        let catalogue = Catalogue::of(&(1..).zip(FEATURES).map(feature).collect::<Vec<_>>());
        for set in templates() {
            for part in set.parts {
                let checked = Rule::new(&part.rule, &catalogue, &mut Names::default());
                assert!(checked.is_ok(), "{}/{}: {checked:?}", set.segment_set_id, part.part_id);
            }
        }
    }
}
