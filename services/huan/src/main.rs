//! The binary `huan`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    huan::command::main().await
}
