//! Experiments decided elsewhere, and who was assigned to which arm.

use std::collections::{BTreeSet, HashMap};

use huan_chassis::{
    Error, Result, feed,
    store::{Tx, is_unique_violation},
};
use huan_proto::strategy::v1::{AssignmentFault, ChangeKind, Experiment, ImportAssignmentsResponse};
use sea_orm::{ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _};

use super::{
    Store,
    customer::lock_customers,
    entity::{assignment, customer, experiment},
    insert,
};
use crate::convert::{assignment as convert, change};

impl Store {
    /// Creates an experiment. Errors: AlreadyExists, unless this very request created it.
    pub async fn create_experiment(&self, row: experiment::Model) -> Result<experiment::Model> {
        let tx = self.db.begin().await?;
        let of_tenant = experiment::Entity::find().filter(experiment::Column::Tenant.eq(&row.tenant));
        let again = of_tenant.filter(experiment::Column::RequestId.eq(&row.request_id)).one(&*tx).await?;
        if let Some(found) = again {
            return Ok(found);
        }
        let inserted = experiment::Entity::insert(row.clone().into_active_model()).exec_without_returning(&*tx).await;
        match inserted {
            Err(error) if is_unique_violation(&error) => {
                Err(Error::AlreadyExists { what: "experiment", field: "experiment_id" })
            }
            Err(error) => Err(error.into()),
            Ok(_) => tx.commit().await.map(|()| row),
        }
    }

    /// Finds an experiment. Errors: NotFound.
    pub async fn experiment(&self, tenant: &str, experiment_id: &str) -> Result<experiment::Model> {
        let key = (tenant.to_owned(), experiment_id.to_owned());
        let found = experiment::Entity::find_by_id(key).one(self.db.read()).await?;
        found.ok_or(Error::NotFound { what: "experiment", field: "experiment_id" })
    }

    /// Takes in assignments of one experiment; a customer's first one stays. The index of each row is that of the
    /// request.
    pub async fn import_assignments(
        &self,
        tenant: &str,
        experiment: &Experiment,
        rows: Vec<(usize, assignment::Model)>,
    ) -> Result<ImportAssignmentsResponse> {
        let tx = self.db.begin().await?;
        let ids: BTreeSet<&str> = rows.iter().map(|(_, row)| row.customer_id.as_str()).collect();
        let customers = lock_customers(&tx, tenant, ids.clone()).await?;
        let mut assigned = assigned(&tx, tenant, &experiment.experiment_id, &ids).await?;
        let customers: HashMap<_, _> = customers.iter().map(|row| (row.customer_id.as_str(), row)).collect();
        let mut fresh = Vec::new();
        let mut faults = Vec::new();
        let mut duplicates = 0;
        for (index, row) in rows.clone() {
            if !customers.contains_key(row.customer_id.as_str()) {
                faults.push(convert::fault(index, "customer_id", "is not a customer"));
            } else if assigned.insert(row.customer_id.clone()) {
                fresh.push(row);
            } else {
                duplicates += 1;
            }
        }
        let accepted = fresh.len() as i32;
        write(tx, experiment, &customers, fresh).await?;
        Ok(ImportAssignmentsResponse { accepted, duplicates, faults })
    }
}

/// Adds faults found before to an answer, in the order of the request.
pub fn with_faults(answer: ImportAssignmentsResponse, mut faults: Vec<AssignmentFault>) -> ImportAssignmentsResponse {
    faults.extend(answer.faults);
    faults.sort_by_key(|fault| fault.index);
    ImportAssignmentsResponse { faults, ..answer }
}

async fn assigned(tx: &Tx, tenant: &str, experiment_id: &str, ids: &BTreeSet<&str>) -> Result<BTreeSet<String>> {
    let of_tenant = assignment::Entity::find().filter(assignment::Column::Tenant.eq(tenant));
    let of_customers = of_tenant.filter(assignment::Column::CustomerId.is_in(ids.iter().copied()));
    let rows = of_customers.filter(assignment::Column::ExperimentId.eq(experiment_id)).all(&**tx).await?;
    Ok(rows.into_iter().map(|row| row.customer_id).collect())
}

async fn write(
    tx: Tx,
    experiment: &Experiment,
    customers: &HashMap<&str, &customer::Model>,
    rows: Vec<assignment::Model>,
) -> Result<()> {
    let row = |row: &assignment::Model| {
        let customer = customers.get(row.customer_id.as_str())?;
        Some(change::row(customer, ChangeKind::Assignment, change::assigned(row, experiment), None))
    };
    let changes = rows.iter().filter_map(row).collect();
    insert(&tx, rows).await?;
    feed::publish(&tx, changes).await?;
    tx.commit().await
}
