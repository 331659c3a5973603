//! How the suite starts and ends as a process.

use std::{net::TcpListener, process::Command};

use crate::process::Process;

#[test]
fn up_on_an_empty_folder_says_its_doors_and_a_signal_drains_it() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::up(&folder.path().join("new"));
    for address in process.doors.services.values().chain([&process.doors.gateway]) {
        std::net::TcpStream::connect(address).unwrap_or_else(|error| panic!("{address}: {error}"));
    }
    assert_eq!(process.terminate().code(), Some(0));
    // And it comes up again on what it left.
    assert_eq!(Process::up(&folder.path().join("new")).terminate().code(), Some(0));
}

#[test]
fn a_bad_configuration_ends_it_before_anything_is_bound_and_names_every_fault() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new");
    // Were a door opened first, this one would be found taken.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_huan-under-test"))
        .args(["up", "--gateway", &taken.local_addr().unwrap().to_string(), "--data-dir"])
        .arg(&data)
        .env("HUAN_PROFILE__NONSENSE", "1")
        .env("HUAN_PROFILE__FEED__POLL_MILLIS", "soon")
        .env("HUAN_STRATEGY__DECISION__MAX_BATCH", "many")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    for fault in ["nonsense", "poll_millis", "max_batch"] {
        assert!(said.to_lowercase().contains(fault), "{fault} is not named in: {said}");
    }
    assert!(!said.contains("cannot listen"), "{said}");
    assert!(!data.exists(), "nothing was made");
}
