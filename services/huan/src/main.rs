//! The binary `huan`.

use std::process::ExitCode;

fn main() -> ExitCode {
    huan::command::main()
}
