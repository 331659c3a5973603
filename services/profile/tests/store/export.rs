//! Snapshots on both databases: a writer that was stopped half-way goes on, a forgotten customer leaves the files, a
//! cancelled snapshot leaves none; and an S3-compatible store is spoken to as S3 is.

use std::{collections::BTreeSet, path::Path, time::Duration};

use arrow_array::cast::AsArray;
use huan_chassis::{
    check::Faults,
    store::{Store as Database, test},
    vault::Vault,
};
use huan_profile::{
    Config, DEFAULTS,
    bucket::Bucket,
    config::Snapshot,
    convert,
    store::{
        Store,
        entity::{customer, snapshot, vector},
        migration::Migrator,
    },
};
use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, ValueType, value::Kind},
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use prost::Message;
use sea_orm::{EntityTrait, IntoActiveModel};
use sha2::{Digest, Sha256};

use crate::ingest::open;

/// More than one part's.
const CUSTOMERS: usize = 10_000;

pub fn config(root: &Path) -> Snapshot {
    let config: Config = huan_chassis::config::load("profile", DEFAULTS, None).unwrap();
    Snapshot { root: root.display().to_string(), ..config.snapshot }
}

async fn fill(db: &Database) {
    let customers = (0..CUSTOMERS).map(|n| {
        let asked = pb::Customer {
            customer_id: format!("C-{n:05}"),
            r#type: pb::CustomerType::Retail.into(),
            owner_path: "/hq".into(),
            ..Default::default()
        };
        let row = convert::customer::row(&mut Faults::new(), "customer", "bank", asked);
        customer::Model { customer_key: format!("key-{n}"), ..row }
    });
    let vector = |n: usize| pb::Vector {
        features: vec![1],
        values: vec![Value { kind: Some(Kind::Number(n as f64)) }],
        ..Default::default()
    };
    let vectors = (0..CUSTOMERS).map(|n| vector::Model {
        tenant: "bank".into(),
        customer_id: format!("C-{n:05}"),
        state_format: 0,
        state_key_id: String::new(),
        state: Vec::new(),
        format: 0,
        key_id: String::new(),
        payload: vector(n).encode_to_vec(),
        position: "1".into(),
    });
    let (customers, vectors): (Vec<_>, Vec<_>) = (customers.collect(), vectors.collect());
    for rows in customers.chunks(1_000) {
        let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
        customer::Entity::insert_many(rows).exec_without_returning(db.read()).await.unwrap();
    }
    for rows in vectors.chunks(1_000) {
        let rows = rows.iter().cloned().map(IntoActiveModel::into_active_model);
        vector::Entity::insert_many(rows).exec_without_returning(db.read()).await.unwrap();
    }
}

/// A snapshot of so many features that its parts are as small as they get.
async fn start(store: &Store) -> snapshot::Model {
    let feature = |number| pb::Feature {
        number,
        name: format!("f{number}"),
        r#type: ValueType::Number.into(),
        ..Default::default()
    };
    let catalogue: Vec<_> = (1..1_000).map(feature).collect();
    let request = pb::StartSnapshotRequest { request_id: "r".into(), ..Default::default() };
    store.start_snapshot(convert::snapshot::start(request, "bank", &catalogue).unwrap()).await.unwrap()
}

async fn wait(store: &Store, id: &str, holds: impl Fn(&snapshot::Model) -> bool) -> snapshot::Model {
    let poll = async {
        loop {
            let row = store.get_snapshot("bank", id).await.unwrap();
            if holds(&row) {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), poll).await.expect("it comes true in time")
}

fn done(row: &snapshot::Model) -> bool {
    assert_eq!(row.fault, "");
    row.state == pb::SnapshotState::Done as i16
}

/// The keys in all parts that the manifest names, whose hashes hold.
fn keys(folder: &Path) -> Vec<String> {
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let mut keys = Vec::new();
    for part in manifest["parts"].as_array().unwrap() {
        let file = std::fs::read(folder.join(part["file"].as_str().unwrap())).unwrap();
        let digest = hex::encode(Sha256::digest(&file));
        assert_eq!((&part["sha256"], &part["byte_count"]), (&digest.into(), &file.len().into()));
        for batch in ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(file)).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            let column = batch.column_by_name("customer_key").unwrap().as_string::<i32>().clone();
            keys.extend(column.iter().map(|key| key.unwrap().to_owned()));
        }
    }
    assert_eq!(manifest["row_count"], keys.len());
    keys
}

fn everyone_but(gone: &[usize]) -> BTreeSet<String> {
    (0..CUSTOMERS).filter(|n| !gone.contains(n)).map(|n| format!("key-{n}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_writer_goes_on_and_a_forgotten_customer_leaves_the_files() {
    test::each(Migrator, async |db| {
        let (folder, store) = (tempfile::tempdir().unwrap(), open(db.clone()).await);
        fill(&db).await;
        let bucket = Bucket::new(config(folder.path()));
        let id = start(&store).await.snapshot_id;
        let first = tokio::spawn(store.clone().export_for_ever(bucket.clone(), Duration::from_millis(10)));
        wait(&store, &id, |row| row.part_count >= 1).await;
        first.abort();
        let _ = first.await;
        store.forget_in_snapshots(&bucket, "bank", "C-00007", "key-7").await.unwrap();
        expire_lease(&db).await;
        let second = tokio::spawn(store.clone().export_for_ever(bucket.clone(), Duration::from_millis(10)));
        let row = wait(&store, &id, done).await;
        assert!(row.part_count >= 2 && row.customer_count == CUSTOMERS as i64, "{row:?}");
        let files = folder.path().join("bank").join(&id);
        let found = keys(&files);
        assert_eq!(found.len(), CUSTOMERS - 1, "each customer is in one part");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), everyone_but(&[7]));

        for _ in 0..2 {
            store.forget_in_snapshots(&bucket, "bank", "C-09999", "key-9999").await.unwrap();
        }
        assert_eq!(keys(&files).into_iter().collect::<BTreeSet<_>>(), everyone_but(&[7, 9_999]));
        assert_eq!(store.get_snapshot("bank", &id).await.unwrap().written_count, CUSTOMERS as i64 - 2);
        second.abort();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_snapshot_leaves_no_file() {
    let (_database, place) = test::sqlite_file();
    let db = Database::open::<Migrator>(&place).await.unwrap();
    let db = db.with_vault(Vault::open(&test::keys()).await.unwrap());
    let (folder, store) = (tempfile::tempdir().unwrap(), open(db.clone()).await);
    fill(&db).await;
    let bucket = Bucket::new(config(folder.path()));
    let id = start(&store).await.snapshot_id;
    let writer = tokio::spawn(store.clone().export_for_ever(bucket.clone(), Duration::from_millis(10)));
    wait(&store, &id, |row| row.part_count >= 1).await;
    let cancelled = store.cancel_snapshot(&bucket, "bank", &id).await.unwrap();
    assert_eq!(cancelled.state, pb::SnapshotState::Cancelled as i16);
    let again = store.cancel_snapshot(&bucket, "bank", &id).await.unwrap();
    assert_eq!(again.end_time, cancelled.end_time);
    let files = folder.path().join("bank").join(&id);
    let empty = async {
        while std::fs::read_dir(&files).is_ok_and(|found| found.count() > 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), empty).await.expect("the writer removes what it was at");
    writer.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_cannot_be_written_fails_the_snapshot() {
    let db = Database::open::<Migrator>(&test::sqlite()).await.unwrap();
    let db = db.with_vault(Vault::open(&test::keys()).await.unwrap());
    let (folder, store) = (tempfile::tempdir().unwrap(), open(db).await);
    let taken = folder.path().join("file");
    std::fs::write(&taken, "").unwrap();
    let id = start(&store).await.snapshot_id;
    let writer = tokio::spawn(store.clone().export_for_ever(Bucket::new(config(&taken)), Duration::from_millis(10)));
    let row = wait(&store, &id, |row| row.state != pb::SnapshotState::Running as i16).await;
    assert_eq!(
        (row.state, row.fault.as_str()),
        (pb::SnapshotState::Failed as i16, "the destination cannot be written")
    );
    assert!(!writer.is_finished());
    writer.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_bucket_is_written_signed_and_below_its_prefix() {
    let server = s3::Server::start().await;
    let config = Snapshot {
        root: "s3://lake/huan/features".into(),
        endpoint: server.endpoint.clone(),
        access_key_id: "id-1".into(),
        secret_access_key: "secret-1".into(),
        ..config(Path::new("/"))
    };
    let bucket = Bucket::new(config);
    let path = ["bank", "", "s-1", "part-00000.parquet"];
    let address = bucket.put(&path, bytes::Bytes::from_static(b"PAR1 and so on")).await.unwrap();
    assert_eq!(address, "s3://lake/huan/features/bank/s-1/part-00000.parquet");
    assert_eq!(bucket.get(&path).await.unwrap(), "PAR1 and so on");
    bucket.remove(&path).await.unwrap();
    bucket.get(&path).await.unwrap_err();
    let asked = server.state.asked.lock().unwrap();
    let lines: Vec<&str> = asked.iter().map(|request| request.line.as_str()).collect();
    let key = "/lake/huan/features/bank/s-1/part-00000.parquet";
    assert_eq!(lines[..3], [format!("PUT {key}"), format!("GET {key}"), format!("DELETE {key}")]);
    assert!(asked.iter().all(|request| request.authorization.starts_with("AWS4-HMAC-SHA256 Credential=id-1/")));
    assert!(asked.iter().all(|request| !request.authorization.contains("secret-1")));
}

/// As if the process that held it had been silent for long.
async fn expire_lease(db: &Database) {
    let update = snapshot::Entity::update_many().col_expr(snapshot::Column::LeaseTime, 0.into());
    update.exec(db.read()).await.unwrap();
}

/// As much of S3 as a bucket needs: objects are put, read and deleted.
mod s3 {
    use std::{
        collections::HashMap,
        sync::{Arc, Mutex},
    };

    use tokio::{
        io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
        net::{TcpListener, TcpStream},
    };

    pub struct Request {
        pub line: String,
        pub authorization: String,
    }

    pub struct Server {
        pub endpoint: String,
        pub state: Arc<State>,
    }

    #[derive(Default)]
    pub struct State {
        pub asked: Mutex<Vec<Request>>,
        objects: Mutex<HashMap<String, Vec<u8>>>,
    }

    impl Server {
        pub async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            let state = Arc::<State>::default();
            let shared = state.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, shared.clone()));
                }
            });
            Self { endpoint, state }
        }
    }

    async fn serve(stream: TcpStream, state: Arc<State>) {
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let (mut length, mut authorization) = (0, String::new());
            loop {
                let mut header = String::new();
                stream.read_line(&mut header).await.unwrap();
                match header.trim().split_once(": ") {
                    Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                        length = value.parse().unwrap();
                    }
                    Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                        authorization = value.to_owned();
                    }
                    Some(_) => {}
                    None => break,
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
            let (status, found) = state.answer(&line, body);
            state.asked.lock().unwrap().push(Request { line, authorization });
            let head = format!(
                "HTTP/1.1 {status}\r\nETag: \"1\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: {}\r\n\r\n",
                found.len()
            );
            stream.get_mut().write_all(&[head.into_bytes(), found].concat()).await.unwrap();
        }
    }

    impl State {
        fn answer(&self, line: &str, body: Vec<u8>) -> (&'static str, Vec<u8>) {
            let (method, path) = line.split_once(' ').unwrap();
            let mut objects = self.objects.lock().unwrap();
            match method {
                "PUT" => {
                    objects.insert(path.to_owned(), body);
                    ("200 OK", Vec::new())
                }
                "GET" => match objects.get(path) {
                    Some(found) => ("200 OK", found.clone()),
                    None => ("404 Not Found", Vec::new()),
                },
                _ => {
                    objects.remove(path);
                    ("204 No Content", Vec::new())
                }
            }
        }
    }
}
