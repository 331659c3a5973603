//! The suite as a process of its own, so that it can be killed and started again on the same stores.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::Arc,
};

use huan::suite::{Doors, SERVICES};
use huan_chassis::token::Keys;

/// A suite that runs in another process. Killed when dropped.
pub struct Process {
    /// Where it is knocked at.
    pub doors: Doors,
    child: Child,
    // Held open, so that what the suite prints has somewhere to go.
    _out: BufReader<ChildStdout>,
}

impl Process {
    /// Starts `huan up` on the stores of a folder and waits until it says where its doors are.
    pub fn up(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_huan-under-test"));
        command.arg("up").arg("--data-dir").arg(folder).args(["--gateway", "127.0.0.1:0"]);
        for service in SERVICES {
            command.env(format!("HUAN_{}__LISTEN__ADDRESS", service.to_uppercase()), "127.0.0.1:0");
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut out = BufReader::new(child.stdout.take().expect("its output is piped"));
        let said = read_doors(&mut out);
        let keys = Arc::new(Keys::from_file(&folder.join("auth.key")).expect("the suite made its key"));
        let services = SERVICES.into_iter().map(|service| (service, said[service])).collect();
        Self { doors: Doors { gateway: said["gateway"], services, keys }, child, _out: out }
    }

    /// Kills it as a power cut would: no signal handler runs.
    pub fn kill(mut self) {
        self.child.kill().expect("it still runs");
        self.child.wait().expect("it can be waited for");
    }

    /// Tells it to stop, and answers with how it ended. The runner's deadline ends one that does not.
    pub fn terminate(mut self) -> ExitStatus {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(told.expect("`kill` is there").success());
        self.child.wait().expect("it can be waited for")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads lines such as `gateway     http://127.0.0.1:8080   …` up to the last one.
fn read_doors(out: &mut impl BufRead) -> BTreeMap<String, SocketAddr> {
    let mut doors = BTreeMap::new();
    for line in out.lines() {
        let line = line.expect("its output is text");
        let mut words = line.split_whitespace();
        if let (Some(name), Some(address)) = (words.next(), words.next().and_then(|url| url.strip_prefix("http://"))) {
            doors.insert(name.to_owned(), address.parse().expect("a door is an address"));
        }
        if line.starts_with("stop with") {
            return doors;
        }
    }
    panic!("it ended before it was up");
}
