//! The binary `huan`, built beside the stories so that they can start it, kill it and read what it says.

use std::process::ExitCode;

fn main() -> ExitCode {
    huan::command::main()
}
