//! What a command fails with: words for a person and an exit code for a script.

use std::fmt;

/// The result of a command.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command failed, in words that say what to do next.
#[derive(Debug)]
pub struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// A failure of the work itself: exit code 1.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: 1 }
    }

    /// A fault in the configuration or the arguments: exit code 64, as `sysexits` calls it (EX_USAGE).
    pub fn usage(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: 64 }
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

impl From<huan_chassis::Error> for Failure {
    fn from(error: huan_chassis::Error) -> Self {
        tonic::Status::from(error).into()
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        let fields = huan_chassis::error::field_faults(&status)
            .iter()
            .map(|fault| format!("\n  {}: {}", fault.field, fault.description))
            .collect::<String>();
        Self::new(format!("{:?}: {}{fields}", status.code(), status.message()))
    }
}

impl From<huan_chassis::config::ConfigFaults> for Failure {
    fn from(faults: huan_chassis::config::ConfigFaults) -> Self {
        Self::usage(format!("the configuration is not right\n{faults}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}
