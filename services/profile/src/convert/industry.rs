//! Industries between wire and the list.

use huan_chassis::{
    Error, Result,
    check::Faults,
    page::{self, Page},
};
use huan_proto::profile::v1 as pb;

use crate::industry::{self, Industry};

/// Finds the industry that a field names. Errors: Invalid; NotFound.
pub fn find(field: &'static str, code: &str) -> Result<&'static Industry> {
    let mut faults = Faults::new();
    let code = faults.text(field, code, 5);
    faults.finish()?;
    industry::find(&code).ok_or(Error::NotFound { what: "industry", field })
}

/// A page of what a ListIndustries asks for, and the token of the next. Errors: Invalid; NotFound; InvalidPageToken.
pub fn list(request: &pb::ListIndustriesRequest) -> Result<pb::ListIndustriesResponse> {
    let parent = if request.parent_code.is_empty() { None } else { Some(find("parent_code", &request.parent_code)?) };
    if !(0..=4).contains(&request.level) {
        return Err(Error::invalid("level", "is not between 0 and 4"));
    }
    let own = parent.map_or(0, |parent| parent.level);
    let level = if request.level == 0 { own + 1 } else { request.level as u8 };
    let (level_text, parent_text) = (level.to_string(), parent.map_or("", |parent| parent.code));
    let filter = ["industries", parent_text, &level_text];
    let Page { limit, after } = page::page(request.page_size, &request.page_token, &filter)?;
    let within = |found: &&'static Industry| parent.is_none_or(|parent| industry::path(found).contains(&parent));
    let chosen = industry::all().iter().filter(|found| found.level == level && level > own).filter(within);
    let last = after.as_ref().and_then(|key| key.first());
    let mut rest =
        chosen.skip_while(|found| last.is_some_and(|last| found.code != last)).skip(usize::from(last.is_some()));
    let industries: Vec<pb::Industry> = rest.by_ref().take(limit as usize).map(message).collect();
    let last = industries.last().map(|industry| industry.code.as_str()).filter(|_| rest.next().is_some());
    let next_page_token = last.map(|last| page::next_token(&filter, &[last])).unwrap_or_default();
    Ok(pb::ListIndustriesResponse { industries, next_page_token })
}

/// An industry and what it is part of.
pub fn with_ancestors(found: &'static Industry) -> pb::GetIndustryResponse {
    let mut path: Vec<pb::Industry> = industry::path(found).into_iter().map(message).collect();
    pb::GetIndustryResponse { industry: path.pop(), ancestors: path }
}

fn message(industry: &Industry) -> pb::Industry {
    pb::Industry {
        code: industry.code.to_owned(),
        level: i32::from(industry.level),
        parent_code: industry.parent.to_owned(),
        name: industry.name.to_owned(),
    }
}
