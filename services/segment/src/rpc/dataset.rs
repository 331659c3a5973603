//! DatasetService.

use huan_chassis::{Identity, Result as OurResult, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::dataset_service_server::DatasetService;
use tonic::{Request, Response, Status};

use super::{Rpc, cut, tenant};
use crate::catalogue::{Catalogue, Column};
use crate::convert::dataset::{self as convert, Standing};
use crate::memory::State;
use crate::model::live::is_of;
use crate::{convert as fields, store};

#[tonic::async_trait]
impl DatasetService for Rpc {
    async fn create_dataset(
        &self,
        request: Request<pb::CreateDatasetRequest>,
    ) -> Result<Response<pb::CreateDatasetResponse>, Status> {
        let tenant = tenant(&request)?;
        let maker = Identity::of(&request)?.subject.clone();
        let dataset = convert::create_dataset(&tenant, &maker, request.into_inner())?;
        let dataset = store::dataset::create_dataset(&self.store, dataset).await?;
        Ok(Response::new(pb::CreateDatasetResponse { dataset: Some(convert::dataset(&dataset)?) }))
    }

    async fn add_rows(&self, request: Request<pb::AddRowsRequest>) -> Result<Response<pb::AddRowsResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.into_inner();
        let dataset_id = fields::id("dataset_id", &asked.dataset_id)?;
        let found = store::dataset::get_dataset(&self.store, &tenant, &dataset_id).await?;
        let first_row = asked.first_row;
        let rows = self.labelled_rows(&tenant, &convert::dataset(&found)?, asked)?;
        let rows = store::dataset::add_rows(&self.store, &tenant, &dataset_id, first_row, rows).await?;
        Ok(Response::new(pb::AddRowsResponse { rows }))
    }

    async fn seal_dataset(
        &self,
        request: Request<pb::SealDatasetRequest>,
    ) -> Result<Response<pb::SealDatasetResponse>, Status> {
        let tenant = tenant(&request)?;
        let dataset_id = fields::id("dataset_id", &request.get_ref().dataset_id)?;
        let dataset = store::dataset::seal_dataset(&self.store, &tenant, &dataset_id).await?;
        Ok(Response::new(pb::SealDatasetResponse { dataset: Some(convert::dataset(&dataset)?) }))
    }

    async fn get_dataset(
        &self,
        request: Request<pb::GetDatasetRequest>,
    ) -> Result<Response<pb::GetDatasetResponse>, Status> {
        let tenant = tenant(&request)?;
        let dataset_id = fields::id("dataset_id", &request.get_ref().dataset_id)?;
        let dataset = store::dataset::get_dataset(&self.store, &tenant, &dataset_id).await?;
        Ok(Response::new(pb::GetDatasetResponse { dataset: Some(convert::dataset(&dataset)?) }))
    }

    async fn list_datasets(
        &self,
        request: Request<pb::ListDatasetsRequest>,
    ) -> Result<Response<pb::ListDatasetsResponse>, Status> {
        let tenant = tenant(&request)?;
        let (asked, filter) = (request.get_ref(), [tenant.as_str(), "datasets"]);
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        let mut rows = store::dataset::list_datasets(&self.store, &tenant, &page).await?;
        let next_page_token = cut(&mut rows, page.limit, |row| row.dataset_id.clone(), &filter);
        let datasets = rows.iter().map(convert::dataset).collect::<OurResult<_>>()?;
        Ok(Response::new(pb::ListDatasetsResponse { datasets, next_page_token }))
    }
}

impl Rpc {
    /// Reads rows that fit a dataset, customers' features as they stand now. Errors: Invalid.
    fn labelled_rows(
        &self,
        tenant: &str,
        dataset: &pb::Dataset,
        asked: pb::AddRowsRequest,
    ) -> OurResult<Vec<pb::LabelledRow>> {
        let memory = self.memory.tenant(tenant);
        if asked.rows.iter().all(|row| row.customer_id.is_empty()) {
            return convert::rows(&dataset.features, asked, |_| None);
        }
        let columns = memory.read(|state| columns(&state.catalogue, &dataset.features))?;
        let standing = |customer_id: &str| memory.read(|state| standing(state, &columns, customer_id));
        convert::rows(&dataset.features, asked, standing)
    }
}

/// The columns of a dataset's features. Errors: Invalid if the catalogue lacks some.
fn columns(catalogue: &Catalogue, features: &[pb::DatasetFeature]) -> OurResult<Vec<Column>> {
    let column = |feature: &pb::DatasetFeature| {
        let column = catalogue.find(&feature.name)?.column;
        is_of(column.kind, feature.r#type()).then_some(column)
    };
    let lacking: Vec<&str> =
        features.iter().filter(|feature| column(feature).is_none()).map(|feature| feature.name.as_str()).collect();
    if lacking.is_empty() { Ok(features.iter().filter_map(column).collect()) } else { Err(convert::lacking(&lacking)) }
}

fn standing(state: &State, columns: &[Column], customer_id: &str) -> Option<Standing> {
    let row = state.columns.row(state.root(customer_id), state.time.today())?;
    Some((columns.iter().map(|column| row.value(*column)).collect(), row.customer().as_of))
}
