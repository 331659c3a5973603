//! The simulated bank's personal values carry markers. A demo run in which everything is logged and traced shows none.

use std::process::Command;

use huan::bank::MARKERS;

use crate::collector::Collector;

#[tokio::test(flavor = "multi_thread")]
async fn no_personal_value_is_in_any_log_span_or_report_of_a_demo() {
    let collector = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_huan-under-test"));
    command.args(["demo", "--once", "--customers", "120", "--log", "debug,h2=info,hyper=info,tower=info"]);
    command.arg("--log-json").arg("--report").arg(&report);
    command.args(["--otlp-endpoint", &format!("http://{}", collector.address)]);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let said = [output.stdout, output.stderr, std::fs::read(&report).unwrap()].concat();
    let said = String::from_utf8_lossy(&said);
    let lines = said.lines().filter(|line| line.contains("\"level\":")).count();
    assert!(lines > 20, "{lines} lines are hardly the log");
    assert!(collector.count() > 1000, "spans were received");
    for marker in MARKERS {
        assert!(!said.contains(marker), "{marker} was said: {}", around(&said, marker));
        assert_eq!(collector.find(marker), None, "{marker} is in a span");
    }
}

fn around<'a>(said: &'a str, marker: &str) -> &'a str {
    let line = said.lines().find(|line| line.contains(marker)).unwrap_or_default();
    line.get(..400).unwrap_or(line)
}
