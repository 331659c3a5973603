//! Segments and segment sets that ship with the service, in plain files, for a bank to edit and create.

use std::sync::LazyLock;

use huan_proto::segment::v1 as pb;
use huan_proto::types::v1::ValueType;
use serde::Deserialize;

const SETS: [&str; 5] = [
    include_str!("../templates/lifecycle_corporate.toml"),
    include_str!("../templates/lifecycle_retail.toml"),
    include_str!("../templates/tier_corporate.toml"),
    include_str!("../templates/tier_retail.toml"),
    include_str!("../templates/wealth_grid.toml"),
];

const SEGMENTS: [&str; 10] = [
    include_str!("../templates/industry_plan_health.toml"),
    include_str!("../templates/industry_plan_manufacturing.toml"),
    include_str!("../templates/middle_class.toml"),
    include_str!("../templates/new_enterprise.toml"),
    include_str!("../templates/parents.toml"),
    include_str!("../templates/park.toml"),
    include_str!("../templates/payroll.toml"),
    include_str!("../templates/payroll_company.toml"),
    include_str!("../templates/private_one_product.toml"),
    include_str!("../templates/silver_haired.toml"),
];

static SET_TEMPLATES: LazyLock<Vec<pb::SegmentSet>> =
    LazyLock::new(|| SETS.iter().map(|file| read::<Set>(file).into()).collect());

static SEGMENT_TEMPLATES: LazyLock<Vec<pb::SegmentTemplate>> =
    LazyLock::new(|| SEGMENTS.iter().map(|file| read::<Segment>(file).into()).collect());

/// All templates of sets, in the order of their ids.
pub fn templates() -> Vec<pb::SegmentSet> {
    SET_TEMPLATES.clone()
}

/// All templates of segments, in the order of their ids.
pub fn segment_templates() -> Vec<pb::SegmentTemplate> {
    SEGMENT_TEMPLATES.clone()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Segment {
    segment_id: String,
    display_name: String,
    description: String,
    rule: String,
    #[serde(default)]
    needs: Vec<Need>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Need {
    name: String,
    r#type: String,
    description: String,
}

impl From<Set> for pb::SegmentSet {
    fn from(set: Set) -> Self {
        let part = |part: Part| pb::Part {
            part_id: part.part_id,
            display_name: part.display_name,
            rule: one_line(&part.rule),
        };
        Self {
            segment_set_id: set.segment_set_id,
            display_name: set.display_name,
            parts: set.parts.into_iter().map(part).collect(),
            ..Default::default()
        }
    }
}

impl From<Segment> for pb::SegmentTemplate {
    fn from(template: Segment) -> Self {
        let need = |need: Need| {
            let name = format!("VALUE_TYPE_{}", need.r#type.to_ascii_uppercase());
            let r#type = ValueType::from_str_name(&name).unwrap_or_default().into();
            pb::NeededFeature { name: need.name, r#type, description: need.description }
        };
        let segment = pb::Segment {
            segment_id: template.segment_id,
            display_name: template.display_name,
            rule: one_line(&template.rule),
            ..Default::default()
        };
        Self {
            segment: Some(segment),
            description: template.description,
            needs: template.needs.into_iter().map(need).collect(),
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(file: &str) -> T {
    toml::from_str(file).expect("a test reads every template")
}

fn one_line(rule: &str) -> String {
    rule.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::columns::Names;
    use crate::rule::Rule;
    use huan_proto::profile::v1 as profile;

    /// The templates of features that profile ships: each is applied on top of the first.
    const FEATURES: [&str; 3] = [
        include_str!("../../profile/templates/base.toml"),
        include_str!("../../profile/templates/retail.toml"),
        include_str!("../../profile/templates/corporate.toml"),
    ];

    /// The names and types of the features of one of profile's files.
    fn features(file: &str) -> Vec<(String, ValueType)> {
        let file: toml::Table = toml::from_str(file).expect("profile reads it too");
        let features = file["feature"].as_array().expect("a list").iter().map(|row| row.as_table().expect("a row"));
        let r#type = |row: &toml::Table| match (row.get("type").and_then(toml::Value::as_str), row.get("holding")) {
            (Some(r#type), _) => {
                ValueType::from_str_name(&format!("VALUE_TYPE_{}", r#type.to_uppercase())).expect("a type")
            }
            (None, Some(holding)) if holding["op"].as_str() == Some("has") => ValueType::Flag,
            (None, None) if row.get("aggregate").is_some_and(|aggregate| is_day(&aggregate["op"])) => ValueType::Day,
            _ => ValueType::Number,
        };
        features.map(|row| (row["name"].as_str().expect("a name").to_owned(), r#type(row))).collect()
    }

    fn is_day(op: &toml::Value) -> bool {
        matches!(op.as_str(), Some("first_day" | "last_day"))
    }

    /// A catalogue that begins with the base features, has those of another of profile's files, and these.
    fn catalogue(file: usize, needs: &[pb::NeededFeature]) -> Catalogue {
        let more = if file == 0 { Vec::new() } else { features(FEATURES[file]) };
        let needs = needs.iter().map(|need| (need.name.clone(), need.r#type()));
        let all = features(FEATURES[0]).into_iter().chain(more).chain(needs);
        let feature = |(number, (name, r#type)): (u32, (String, ValueType))| profile::Feature {
            number,
            name,
            r#type: r#type.into(),
            ..Default::default()
        };
        Catalogue::of(&(1..).zip(all).map(feature).collect::<Vec<_>>())
    }

    /// Whether a rule can be used in some catalogue that profile's templates make; else what is wrong in the last one.
    fn check(rule: &str, needs: &[pb::NeededFeature]) -> Result<(), String> {
        let tried = (0..FEATURES.len()).map(|file| Rule::new(rule, &catalogue(file, needs), &mut Names::default()));
        let faults: Vec<_> = tried.filter_map(Result::err).collect();
        if faults.len() < FEATURES.len() { Ok(()) } else { Err(format!("{rule}: {faults:?}")) }
    }

    #[test]
    fn every_rule_of_every_template_can_be_used() {
        for set in templates() {
            for part in set.parts {
                check(&part.rule, &[]).unwrap();
            }
        }
        for template in segment_templates() {
            check(&template.segment.unwrap().rule, &template.needs).unwrap();
        }
    }

    #[test]
    fn what_a_template_needs_is_in_none_of_profiles_files() {
        for template in segment_templates() {
            for need in &template.needs {
                assert!(need.r#type() != ValueType::Unspecified && !need.description.is_empty(), "{need:?}");
                let shipped = FEATURES.iter().flat_map(|file| features(file)).any(|(name, _)| name == need.name);
                assert!(!shipped && template.segment.as_ref().unwrap().rule.contains(&need.name), "{need:?}");
            }
        }
    }

    #[test]
    fn templates_come_in_the_order_of_their_ids() {
        let sets: Vec<_> = templates().into_iter().map(|set| set.segment_set_id).collect();
        let segments: Vec<_> =
            segment_templates().into_iter().map(|template| template.segment.unwrap().segment_id).collect();
        assert!(sets.is_sorted() && segments.is_sorted(), "{sets:?} {segments:?}");
        assert_eq!(templates().iter().find(|set| set.segment_set_id == "wealth_grid").unwrap().parts.len(), 12);
    }
}
