//! Compiles the contracts with protox, so that nobody needs protoc. Nothing that it makes is committed.

#![allow(clippy::disallowed_methods, reason = "cargo speaks to a build script through the environment")]

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    println!("cargo:rerun-if-changed=huan");

    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true);
    for file in proto_files(&root.join("huan"))? {
        compiler.open_file(file.strip_prefix(&root)?)?;
    }
    // The bytes keep our own options, which prost-types' FileDescriptorSet would drop.
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;

    let with_comments = prost_types_set(&compiler)?;
    tonic_prost_build::configure().bytes(".huan.type.v1.Envelope").include_file("all.rs").compile_fds(with_comments)?;
    Ok(())
}

fn prost_types_set(compiler: &protox::Compiler) -> Result<prost_types::FileDescriptorSet, prost::DecodeError> {
    prost_types::FileDescriptorSet::decode(compiler.encode_file_descriptor_set().as_slice())
}

fn proto_files(folder: &PathBuf) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(proto_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
