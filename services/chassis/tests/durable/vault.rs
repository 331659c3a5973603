//! Vaults: keys that last, that are destroyed, that move to a new master, and what they seal.

use std::{collections::BTreeSet, fs, path::Path};

use huan_chassis::{
    Error, config,
    store::test,
    vault::{Envelope, Enveloped, Masters, PLAIN, SEALED, Vault},
};
use tempfile::TempDir;

/// A row of some table.
#[derive(Clone, Debug, PartialEq)]
struct Note {
    customer_id: String,
    format: i16,
    key_id: String,
    payload: Vec<u8>,
}

impl Enveloped for Note {
    const TABLE: &'static str = "note";

    fn whose(&self) -> (&str, &str) {
        ("bank", &self.customer_id)
    }

    fn envelopes(&mut self) -> impl Iterator<Item = Envelope<'_>> {
        let Self { format, key_id, payload, .. } = self;
        std::iter::once(Envelope { format, key_id, payload })
    }

    fn key(&self) -> &str {
        &self.key_id
    }
}

fn note(customer_id: &str, key_id: &str, text: &str) -> Note {
    Note { customer_id: customer_id.into(), format: PLAIN, key_id: key_id.into(), payload: text.as_bytes().to_vec() }
}

/// A vault's places: a database of either kind, and a file with one master key.
async fn places() -> Vec<(TempDir, config::Keys)> {
    let urls = [None, Some(test::postgres().await.url)];
    let place = |url: Option<String>| {
        let folder = tempfile::tempdir().unwrap();
        let master_file = folder.path().join("master.key");
        fs::write(&master_file, Masters::generate("first")).unwrap();
        let url = url.unwrap_or_else(|| format!("sqlite://{}/keys.db", folder.path().display()));
        (folder, config::Keys { url, master_file })
    };
    urls.into_iter().map(place).collect()
}

fn ids<'a>(ids: &[&'a str]) -> BTreeSet<&'a str> {
    ids.iter().copied().collect()
}

/// All bytes of all files below a folder.
fn bytes(folder: &Path) -> Vec<u8> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { bytes(&path) } else { fs::read(path).unwrap() }).collect()
}

fn holds(all: &[u8], part: &[u8]) -> bool {
    all.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn a_key_is_found_again_until_it_is_destroyed() {
    for (folder, keys) in places().await {
        let vault = Vault::open(&keys).await.unwrap();
        assert!(vault.keys("bank", &ids(&["a"])).await.unwrap().is_empty());
        let made = vault.make("bank", &ids(&["a", "b"])).await.unwrap();
        assert_ne!(made["a"], made["b"]);
        let other = Vault::open(&keys).await.unwrap();
        assert_eq!(other.keys("bank", &ids(&["a", "b", "c"])).await.unwrap(), made);
        assert_eq!(other.make("bank", &ids(&["a"])).await.unwrap()["a"], made["a"]);
        assert!(other.keys("another", &ids(&["a"])).await.unwrap().is_empty());

        vault.destroy("bank", "a").await.unwrap();
        vault.destroy("bank", "never").await.unwrap();
        assert_eq!(vault.keys("bank", &ids(&["a", "b"])).await.unwrap().len(), 1);
        let fresh = Vault::open(&keys).await.unwrap();
        assert_eq!(fresh.keys("bank", &ids(&["a", "b"])).await.unwrap().len(), 1);
        drop(folder);
    }
}

#[tokio::test]
async fn a_destroyed_key_leaves_no_bytes() {
    let (folder, keys) = places().await.remove(0);
    let vault = Vault::open(&keys).await.unwrap();
    let names: Vec<String> = (0..200).map(|n| format!("key-of-customer-{n:04}")).collect();
    vault.make("bank", &names.iter().map(String::as_str).collect()).await.unwrap();
    assert!(holds(&bytes(folder.path()), b"key-of-customer-0117"));
    vault.destroy("bank", "key-of-customer-0117").await.unwrap();
    let left = bytes(folder.path());
    assert!(!holds(&left, b"key-of-customer-0117"));
    assert!(holds(&left, b"key-of-customer-0116") && holds(&left, b"key-of-customer-0118"));
}

#[tokio::test]
async fn vaults_that_make_one_key_at_once_agree() {
    for (_folder, keys) in places().await {
        let mut vaults = Vec::new();
        for _ in 0..4 {
            vaults.push(Vault::open(&keys).await.unwrap());
        }
        let made = vaults.iter().map(async |vault| vault.make("bank", &ids(&["a"])).await.unwrap());
        let made = futures::future::join_all(made).await;
        assert!(made.iter().all(|ring| ring["a"] == made[0]["a"]));
    }
}

#[tokio::test]
async fn keys_of_new_customers_seal_before_they_are_written() {
    for (_folder, keys) in places().await {
        let vault = Vault::open(&keys).await.unwrap();
        vault.make("bank", &ids(&["old"])).await.unwrap();
        let plain = vec![note("1", "new", "one"), note("2", "old", "two"), note("3", "other", "three")];
        let new = vault.draw_new("bank", &ids(&["new", "newer"])).await.unwrap();
        let sealed = new.rings_to_seal(&plain).await.unwrap().seal(plain.clone()).unwrap();

        // Until then nobody opens what they sealed, here as elsewhere.
        let others = [&plain[1], &plain[2]];
        assert_eq!(vault.unseal_known(sealed.clone()).await.unwrap().iter().collect::<Vec<_>>(), others);
        new.write().await.unwrap();
        for vault in [vault.clone(), Vault::open(&keys).await.unwrap()] {
            assert_eq!(vault.unseal(sealed.clone()).await.unwrap(), plain);
            assert_eq!(vault.keys("bank", &ids(&["new", "newer"])).await.unwrap().len(), 2);
        }

        // An id that was used keeps its key, and none of those that came with it is written.
        let again = vault.draw_new("bank", &ids(&["newest", "old"])).await.unwrap();
        again.write().await.unwrap_err();
        assert_eq!(vault.unseal(sealed).await.unwrap(), plain);
        assert!(vault.keys("bank", &ids(&["newest"])).await.unwrap().is_empty());
        vault.draw_new("bank", &BTreeSet::new()).await.unwrap().write().await.unwrap();
    }
}

#[tokio::test]
async fn keys_move_to_the_newest_master_and_the_old_one_can_go() {
    for (_folder, keys) in places().await {
        let made = Vault::open(&keys).await.unwrap().make("bank", &ids(&["a", "b"])).await.unwrap();
        let (first, second) = (fs::read_to_string(&keys.master_file).unwrap(), Masters::generate("second"));

        fs::write(&keys.master_file, &second).unwrap();
        let error = Vault::open(&keys).await.unwrap_err().to_string();
        assert!(error.contains("lacks the master key first"), "{error}");

        fs::write(&keys.master_file, format!("# ours\n{first}\n{second}")).unwrap();
        let vault = Vault::open(&keys).await.unwrap();
        assert_eq!(vault.rotate().await.unwrap(), 2);
        assert_eq!(vault.rotate().await.unwrap(), 0);

        fs::write(&keys.master_file, &second).unwrap();
        let vault = Vault::open(&keys).await.unwrap();
        assert_eq!(vault.keys("bank", &ids(&["a", "b"])).await.unwrap(), made);

        // Another key under the same id unwraps nothing, and says so.
        fs::write(&keys.master_file, Masters::generate("second")).unwrap();
        let error = Vault::open(&keys).await.unwrap().keys("bank", &ids(&["a"])).await.unwrap_err().to_string();
        assert!(error.contains("does not unwrap"), "{error}");
    }
}

#[tokio::test]
async fn a_faulty_master_file_is_named_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("master.key");
    let missing = Masters::from_file(&file).unwrap_err().to_string();
    assert!(missing.contains("keys.master_file") && missing.contains("master.key"), "{missing}");
    let good = Masters::generate("m1");
    for (text, fault) in [
        (String::new(), "holds no key"),
        ("m1".into(), "line 1 is not an id and a key"),
        ("M-1 AAAA".into(), "line 1 has an id"),
        ("m1 ????".into(), "line 1 holds a key that is not base64"),
        (format!("{good}m2 c2hvcnQ="), "line 2 holds a key that is not of 32 bytes"),
        (format!("{good}{good}"), "line 2 has the id of a line before"),
    ] {
        fs::write(&file, text).unwrap();
        let error = Masters::from_file(&file).unwrap_err().to_string();
        assert!(error.contains(fault) && !error.contains("c2hvcnQ"), "{error}");
    }
}

#[tokio::test]
async fn what_is_sealed_opens_for_its_own_customer_only() {
    let vault = Vault::open(&test::keys()).await.unwrap();
    let plain = vec![note("c-1", "k-1", "first"), note("c-2", "k-2", "second"), note("c-3", "", "")];
    let sealed = vault.seal(plain.clone()).await.unwrap();
    assert_eq!(sealed[0].format, SEALED);
    assert!(!holds(&sealed[0].payload, b"first"));
    assert_eq!(sealed[2], plain[2], "an empty payload says nothing");
    assert_eq!(vault.unseal(sealed.clone()).await.unwrap(), plain);
    assert_eq!(vault.unseal(plain.clone()).await.unwrap(), plain, "plain rows of before stay readable");

    let moved = Note { customer_id: "c-2".into(), ..sealed[0].clone() };
    assert!(matches!(vault.unseal(vec![moved]).await, Err(Error::Internal(_))));
    let swapped = Note { key_id: "k-2".into(), ..sealed[0].clone() };
    assert!(matches!(vault.unseal(vec![swapped]).await, Err(Error::Internal(_))));
    let keyless = vault.seal(vec![note("c-3", "", "text")]).await;
    assert!(matches!(keyless, Err(Error::Internal(_))));
}

#[tokio::test]
async fn a_destroyed_key_erases_what_it_sealed() {
    let vault = Vault::open(&test::keys()).await.unwrap();
    let plain = vec![note("c-1", "k-1", "first"), note("c-2", "k-2", "second")];
    let sealed = vault.seal(plain.clone()).await.unwrap();
    vault.destroy("bank", "k-1").await.unwrap();
    assert!(matches!(vault.unseal(sealed.clone()).await, Err(Error::Erased { what: "note" })));
    assert_eq!(vault.unseal_known(sealed).await.unwrap(), plain[1..]);
}

#[tokio::test]
async fn who_reads_a_whole_table_finds_the_keys_that_there_are() {
    for (_folder, keys) in places().await {
        let vault = Vault::open(&keys).await.unwrap();
        // Made at once, of which some are wanted; others by themselves, one of them alike; one that was never made.
        let alike: Vec<String> = (0..700).map(|n| format!("alike-alike-{:04}", n * 9 % 700)).collect();
        let single = ["alike-other-1", "b", "乙乙乙乙乙"].map(str::to_owned);
        let ids: Vec<&str> = alike.iter().chain(&single).map(String::as_str).collect();
        let sealed = ids.iter().enumerate().map(|(n, id)| note(&format!("C-{n}"), id, &format!("note {n}"))).collect();
        let mut sealed = vault.seal(sealed).await.unwrap();
        for gone in ["alike-alike-0007", "alike-alike-0699", "b"] {
            vault.destroy("bank", gone).await.unwrap();
        }
        sealed.push(Note { key_id: "never".to_owned(), ..sealed[0].clone() });
        for step in [1, 2, 50] {
            let wanted: Vec<Note> = sealed.iter().rev().step_by(step).cloned().collect();
            let opened = vault.rings_in_passing(&wanted).await.unwrap().unseal_known(wanted.clone()).unwrap();
            let gone =
                |note: &&Note| ["alike-alike-0007", "alike-alike-0699", "b", "never"].contains(&note.key_id.as_str());
            let left: Vec<Note> = wanted.iter().filter(|note| !gone(note)).cloned().collect();
            assert!(step > 1 || left.len() == wanted.len() - 4);
            assert_eq!(opened.len(), left.len());
            for (opened, sealed) in opened.iter().zip(&left) {
                assert_eq!((&opened.customer_id, opened.format), (&sealed.customer_id, PLAIN));
                assert_eq!(opened.payload, format!("note {}", &opened.customer_id[2..]).as_bytes());
            }
        }
    }
}
