//! Everything that can go wrong, and the one match that turns it into a gRPC status. It owns the words; when to say
//! them is for the callers.

use std::time::Duration;

use huan_proto::error::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain in every ErrorInfo.
pub const DOMAIN: &str = "huan";

/// After how long an overloaded caller may come again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A result whose error is ours unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed. No text in it may hold personal data: all but [`Error::Internal`]'s is sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields are missing, too long, out of bounds or unknown.
    #[error("{}", faults("the request is not valid", .0))]
    Invalid(Vec<FieldFault>),
    /// A rule does not parse, names an unknown field or compares unlike types.
    #[error("{}", faults("the rule is not valid", .0))]
    InvalidRule(Vec<FieldFault>),
    /// The page token is not one of ours, or was given for another filter.
    #[error("the page token is not one of ours, or was given for another filter")]
    InvalidPageToken,
    /// No such resource in the caller's tenant.
    #[error("no such {what}")]
    NotFound {
        /// The kind of resource.
        what: &'static str,
        /// The request field that names it.
        field: &'static str,
    },
    /// The id or a unique value is taken.
    #[error("a {what} with this {field} already exists")]
    AlreadyExists {
        /// The kind of resource.
        what: &'static str,
        /// The field whose value is taken.
        field: &'static str,
    },
    /// The resource has another revision than the request named.
    #[error("the {what} has another revision; read it again")]
    StaleRevision {
        /// The kind of resource.
        what: &'static str,
    },
    /// The resource is in a state in which this cannot be done.
    #[error("the {what} is {state}")]
    WrongState {
        /// The kind of resource.
        what: &'static str,
        /// Its state, as a predicate: "retired", "not yet approved".
        state: String,
    },
    /// The checker is the maker.
    #[error("the {what} is the caller's own work; another must check it")]
    OwnWork {
        /// The kind of resource.
        what: &'static str,
        /// The request field that names it.
        field: &'static str,
    },
    /// No token, or one that is malformed, expired or wrongly signed.
    #[error("not authenticated: {why}")]
    Unauthenticated {
        /// What is wrong with the token.
        why: &'static str,
    },
    /// The caller lacks a permission.
    #[error("the caller lacks the permission {permission}")]
    NoPermission {
        /// The permission.
        permission: String,
    },
    /// The customer or organisation path lies outside the caller's scope.
    #[error("{field} lies outside the caller's scope")]
    OutOfScope {
        /// The request field that names it.
        field: String,
    },
    /// The feed cursor is older than retention.
    #[error("the cursor is older than retention; start again without one")]
    CursorExpired,
    /// What is known is older than the policy allows, or a position was not reached in time.
    #[error("stale data: {why}")]
    StaleData {
        /// What is stale.
        why: String,
    },
    /// Another service cannot be reached or is too slow.
    #[error("{service} cannot be reached")]
    Dependency {
        /// The service.
        service: &'static str,
    },
    /// Too many requests.
    #[error("too many requests; come again later")]
    Overloaded,
    /// The tenant has no published map, or none that fits.
    #[error("no published map")]
    NoMap,
    /// The map is not whole.
    #[error("{}", faults("the map is not whole", .0))]
    BrokenMap(Vec<FieldFault>),
    /// The person whose data it is was erased; the key of the data is gone.
    #[error("the {what} is of an erased person")]
    Erased {
        /// The kind of resource.
        what: &'static str,
    },
    /// The person's data is under a legal hold: it is kept, and neither changed nor deleted.
    #[error("the {what} is under a legal hold")]
    LegalHold {
        /// The kind of resource.
        what: &'static str,
    },
    /// A fault of ours. The text is logged once, when it becomes a status, and never sent.
    #[error("internal: {0}")]
    Internal(String),
    /// Another service's answer, passed on unchanged.
    #[error("{}", .0.message())]
    Status(Status),
}

/// What is wrong with one field. The description never repeats the field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// The field, such as `customers[3].person.name`.
    pub field: String,
    /// What is wrong, as a predicate: "is required".
    pub description: String,
}

impl Error {
    /// Makes the error of one faulty field.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Error {
        Error::Invalid(vec![FieldFault { field: field.into(), description: description.into() }])
    }

    fn code(&self) -> (Code, ErrorReason) {
        match self {
            Error::Invalid(_) => (Code::InvalidArgument, ErrorReason::InvalidField),
            Error::InvalidRule(_) => (Code::InvalidArgument, ErrorReason::InvalidRule),
            Error::InvalidPageToken => (Code::InvalidArgument, ErrorReason::InvalidPageToken),
            Error::NotFound { .. } => (Code::NotFound, ErrorReason::NotFound),
            Error::AlreadyExists { .. } => (Code::AlreadyExists, ErrorReason::AlreadyExists),
            Error::StaleRevision { .. } => (Code::Aborted, ErrorReason::StaleRevision),
            Error::WrongState { .. } => (Code::FailedPrecondition, ErrorReason::WrongState),
            Error::OwnWork { .. } => (Code::PermissionDenied, ErrorReason::OwnWork),
            Error::Unauthenticated { .. } => (Code::Unauthenticated, ErrorReason::Unauthenticated),
            Error::NoPermission { .. } => (Code::PermissionDenied, ErrorReason::NoPermission),
            Error::OutOfScope { .. } => (Code::PermissionDenied, ErrorReason::OutOfScope),
            Error::CursorExpired => (Code::OutOfRange, ErrorReason::CursorExpired),
            Error::StaleData { .. } => (Code::Unavailable, ErrorReason::StaleData),
            Error::Dependency { .. } => (Code::Unavailable, ErrorReason::Dependency),
            Error::Overloaded => (Code::ResourceExhausted, ErrorReason::Overloaded),
            Error::NoMap => (Code::FailedPrecondition, ErrorReason::NoMap),
            Error::BrokenMap(_) => (Code::FailedPrecondition, ErrorReason::BrokenMap),
            Error::Erased { .. } => (Code::FailedPrecondition, ErrorReason::Erased),
            Error::LegalHold { .. } => (Code::FailedPrecondition, ErrorReason::LegalHold),
            Error::Internal(_) => (Code::Internal, ErrorReason::Internal),
            Error::Status(status) => (status.code(), reason(status).unwrap_or_default()),
        }
    }

    fn faults(&self) -> Vec<FieldFault> {
        let fault = |field: &str, description: &str| {
            vec![FieldFault { field: field.to_owned(), description: description.to_owned() }]
        };
        match self {
            Error::Invalid(faults) | Error::InvalidRule(faults) | Error::BrokenMap(faults) => faults.clone(),
            Error::InvalidPageToken => fault("page_token", "is not one of ours, or was given for another filter"),
            Error::AlreadyExists { field, .. } => fault(field, "is taken"),
            Error::NotFound { field, .. } => fault(field, "names nothing in this tenant"),
            Error::OwnWork { field, .. } => fault(field, "names the caller's own work"),
            Error::StaleRevision { .. } => fault("revision", "is not the newest"),
            Error::OutOfScope { field } => fault(field, "lies outside the caller's scope"),
            _ => Vec::new(),
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        if let Error::Status(status) = error {
            return status;
        }
        let (code, reason) = error.code();
        let message = match &error {
            Error::Internal(text) => {
                tracing::error!(error = text, "internal error");
                "a fault of ours, logged under the trace".to_owned()
            }
            other => other.to_string(),
        };
        let mut details = ErrorDetails::with_error_info(reason.as_str_name(), DOMAIN, []);
        for fault in error.faults() {
            details.add_bad_request_violation(&fault.field, &fault.description);
        }
        if matches!(error, Error::Overloaded) {
            details.set_retry_info(Some(RETRY_AFTER));
        }
        Status::with_error_details(code, message, details)
    }
}

impl From<Status> for Error {
    fn from(status: Status) -> Error {
        Error::Status(status)
    }
}

impl From<sea_orm::DbErr> for Error {
    fn from(error: sea_orm::DbErr) -> Error {
        Error::Internal(format!("store: {error}"))
    }
}

/// Reads the reason out of a status; `None` if it carries none of ours.
pub fn reason(status: &Status) -> Option<ErrorReason> {
    let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN)?;
    ErrorReason::from_str_name(&info.reason)
}

/// Reads the field faults out of a status.
pub fn field_faults(status: &Status) -> Vec<FieldFault> {
    let violations = status.get_details_bad_request().map(|request| request.field_violations).unwrap_or_default();
    violations.into_iter().map(|v| FieldFault { field: v.field, description: v.description }).collect()
}

fn faults(lead: &str, faults: &[FieldFault]) -> String {
    let each: Vec<_> = faults.iter().map(|fault| format!("{} {}", fault.field, fault.description)).collect();
    format!("{lead}: {}", each.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_in_the_status() {
        let faults = vec![
            FieldFault { field: "a".into(), description: "is required".into() },
            FieldFault { field: "b[0].c".into(), description: "is too long".into() },
        ];
        let status = Status::from(Error::Invalid(faults.clone()));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(reason(&status), Some(ErrorReason::InvalidField));
        assert_eq!(field_faults(&status), faults);
        assert_eq!(status.message(), "the request is not valid: a is required; b[0].c is too long");
    }

    #[test]
    fn an_internal_text_is_never_sent() {
        let status = Status::from(Error::Internal("password=hunter2".into()));
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("hunter2"));
        assert!(!String::from_utf8_lossy(status.details()).contains("hunter2"));
    }

    #[test]
    fn overload_says_when_to_come_again() {
        let status = Status::from(Error::Overloaded);
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    }

    #[test]
    fn anothers_answer_passes_unchanged() {
        let theirs = Status::from(Error::NotFound { what: "customer", field: "customer_id" });
        let passed = Status::from(Error::from(theirs.clone()));
        assert_eq!(passed.code(), Code::NotFound);
        assert_eq!(passed.details(), theirs.details());
        assert_eq!(reason(&Status::not_found("elsewhere")), None);
    }
}
