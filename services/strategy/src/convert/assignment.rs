//! Experiments and assignments on the wire and in their tables.

use huan_chassis::{Error, Result, check::Faults, clock};
use huan_proto::strategy::v1 as pb;
use prost::Message as _;

use crate::store::entity::{assignment, experiment};

/// The most assignments in a request.
const MAX_ASSIGNMENTS: usize = 1000;

/// Reads an experiment. Errors: Invalid.
pub fn experiment(tenant: &str, message: pb::CreateExperimentRequest) -> Result<experiment::Model> {
    let pb::CreateExperimentRequest { request_id, experiment } = message;
    let experiment = super::required("experiment", experiment)?;
    let mut faults = Faults::new();
    let row = experiment::Model {
        tenant: tenant.to_owned(),
        experiment_id: faults.name("experiment.experiment_id", &experiment.experiment_id, 64),
        request_id: faults.id("request_id", &request_id),
        body: experiment.encode_to_vec(),
    };
    faults.text("experiment.display_name", &experiment.display_name, 200);
    arms(&mut faults, &experiment.arms);
    faults.finish()?;
    Ok(row)
}

/// Puts an experiment on the wire. Errors: Internal.
pub fn experiment_message(row: &experiment::Model) -> Result<pb::Experiment> {
    pb::Experiment::decode(row.body.as_slice()).map_err(|_| Error::Internal("an experiment does not decode".into()))
}

/// Rows, each with its index in the request.
pub type Rows = Vec<(usize, assignment::Model)>;

/// Reads assignments, each on its own: the rows, and what is wrong with the others. Errors: Invalid if there are none
/// or too many.
pub fn assignments(
    tenant: &str,
    experiment: &pb::Experiment,
    messages: &[pb::Assignment],
) -> Result<(Rows, Vec<pb::AssignmentFault>)> {
    if !(1..=MAX_ASSIGNMENTS).contains(&messages.len()) {
        return Err(Error::invalid("assignments", format!("has not 1 to {MAX_ASSIGNMENTS} entries")));
    }
    let (mut rows, mut faults) = (Vec::with_capacity(messages.len()), Vec::new());
    for (index, message) in messages.iter().enumerate() {
        match assignment(tenant, experiment, index, message) {
            Ok(row) => rows.push((index, row)),
            Err(fault) => faults.push(fault),
        }
    }
    Ok((rows, faults))
}

/// Says what is wrong with the row at an index.
pub fn fault(index: usize, field: &str, description: &str) -> pb::AssignmentFault {
    pb::AssignmentFault { index: index as i32, field: field.to_owned(), description: description.to_owned() }
}

fn assignment(
    tenant: &str,
    experiment: &pb::Experiment,
    index: usize,
    message: &pb::Assignment,
) -> Result<assignment::Model, pb::AssignmentFault> {
    let mut faults = Faults::new();
    let row = assignment::Model {
        tenant: tenant.to_owned(),
        customer_id: faults.id("customer_id", &message.customer_id),
        experiment_id: experiment.experiment_id.clone(),
        arm: faults.name("arm", &message.arm, 64),
        assign_time: clock::micros(faults.time("assign_time", message.assign_time.as_ref())),
    };
    if !row.arm.is_empty() && !experiment.arms.iter().any(|arm| arm.arm == row.arm) {
        faults.add("arm", "is no arm of the experiment");
    }
    match faults.into_vec().first() {
        None => Ok(row),
        Some(first) => Err(fault(index, &first.field, &first.description)),
    }
}

fn arms(faults: &mut Faults, arms: &[pb::Arm]) {
    if !(2..=20).contains(&arms.len()) {
        faults.add("experiment.arms", "has not 2 to 20 entries");
    }
    for (index, arm) in arms.iter().enumerate() {
        let field = format!("experiment.arms[{index}]");
        faults.name(&format!("{field}.arm"), &arm.arm, 64);
        if arms[..index].iter().any(|other| other.arm == arm.arm) {
            faults.add(format!("{field}.arm"), "is there twice");
        }
        if !(arm.intended_share > 0.0 && arm.intended_share <= 1.0) {
            faults.add(format!("{field}.intended_share"), "is not above 0 and at most 1");
        }
    }
    let whole: f64 = arms.iter().map(|arm| arm.intended_share).sum();
    if !whole.is_finite() || (whole - 1.0).abs() > 1e-6 {
        faults.add("experiment.arms", "has shares that do not add up to 1");
    }
    if arms.iter().filter(|arm| arm.is_control).count() != 1 {
        faults.add("experiment.arms", "has not exactly one control");
    }
}
