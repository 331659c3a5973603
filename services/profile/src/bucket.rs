//! Where snapshots go: a folder or an S3-compatible store behind one handle, opened when it is first needed. What is
//! written there is for the callers.

use std::sync::Arc;

use bytes::Bytes;
use huan_chassis::{Error, Result};
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, aws::AmazonS3Builder, local::LocalFileSystem, path::Path};
use tokio::sync::OnceCell;

use crate::config::Snapshot;

/// How errors name it.
const NAME: &str = "the snapshot store";

/// The place below which all snapshots lie. Clones share it.
#[derive(Clone, Debug)]
pub struct Bucket {
    config: Arc<Snapshot>,
    opened: Arc<OnceCell<Opened>>,
}

#[derive(Debug)]
struct Opened {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    /// What stands before a path to make an address of it.
    address: String,
}

impl Bucket {
    /// Names the place; it is opened when something is written.
    pub fn new(config: Snapshot) -> Self {
        Self { config: Arc::new(config), opened: Arc::default() }
    }

    /// Writes a file whole, or not at all, and answers with its address. Errors: Dependency.
    pub async fn put(&self, path: &[&str], bytes: impl Into<PutPayload>) -> Result<String> {
        let opened = self.opened().await?;
        let path = opened.path(path);
        opened.store.put(&path, bytes.into()).await.map_err(lost)?;
        Ok(format!("{}/{path}", opened.address))
    }

    /// Reads a file. Errors: Dependency.
    pub async fn get(&self, path: &[&str]) -> Result<Bytes> {
        let opened = self.opened().await?;
        let found = opened.store.get(&opened.path(path)).await.map_err(lost)?;
        found.bytes().await.map_err(lost)
    }

    /// Removes a file, if it is there. Errors: Dependency.
    pub async fn remove(&self, path: &[&str]) -> Result<()> {
        let opened = self.opened().await?;
        match opened.store.delete(&opened.path(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(lost(error)),
        }
    }

    async fn opened(&self) -> Result<&Opened> {
        self.opened.get_or_try_init(|| async { open(&self.config) }).await
    }
}

impl Opened {
    fn path(&self, parts: &[&str]) -> Path {
        let prefix: Vec<_> = self.prefix.parts().collect();
        let parts = parts.iter().filter(|part| !part.is_empty()).map(|part| (*part).into());
        prefix.into_iter().chain(parts).collect()
    }
}

fn open(config: &Snapshot) -> Result<Opened> {
    match config.root.strip_prefix("s3://") {
        Some(root) => open_s3(config, root),
        None => open_folder(config.root.strip_prefix("file://").unwrap_or(&config.root)),
    }
}

fn open_folder(folder: &str) -> Result<Opened> {
    let made = std::fs::create_dir_all(folder).and_then(|()| std::fs::canonicalize(folder));
    let folder = made.map_err(lost)?;
    let store = LocalFileSystem::new_with_prefix(&folder).map_err(lost)?.with_fsync(true);
    Ok(Opened { store: Box::new(store), prefix: Path::default(), address: format!("file://{}", folder.display()) })
}

fn open_s3(config: &Snapshot, root: &str) -> Result<Opened> {
    // Its client takes the process's provider of cryptography; another may have been installed before, which will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (bucket, prefix) = root.split_once('/').unwrap_or((root, ""));
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_region(&config.region);
    // Files are removed one by one; not every compatible store takes them in bulk.
    builder = builder.with_disable_bulk_delete(true);
    if !config.endpoint.is_empty() {
        builder = builder.with_endpoint(&config.endpoint).with_allow_http(config.endpoint.starts_with("http://"));
    }
    builder = match config.access_key_id.as_str() {
        "" => builder.with_skip_signature(true),
        id => builder.with_access_key_id(id).with_secret_access_key(&config.secret_access_key),
    };
    let store = builder.build().map_err(lost)?;
    let prefix = Path::parse(prefix.trim_matches('/')).map_err(lost)?;
    Ok(Opened { store: Box::new(store), prefix, address: format!("s3://{bucket}") })
}

/// Logs what the store said, which may name hosts and folders, and makes the error that is sent.
fn lost(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "the snapshot store failed");
    Error::Dependency { service: NAME }
}
