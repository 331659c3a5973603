//! What the codes in the columns stand for: texts, tags, sets of tags and paths, each spelled once.

use std::collections::HashMap;

/// The code of a text that is not known.
pub const MISSING_TEXT: u32 = u32::MAX;

/// The spellings of one tenant. They are only ever added: what is no longer used goes with the next start.
#[derive(Clone, Default)]
pub struct Names {
    /// Values of text features.
    pub texts: Dictionary,
    /// Names of tags.
    pub tags: Dictionary,
    /// Organisation paths.
    pub paths: Dictionary,
    sets: HashMap<Box<[u32]>, u32>,
    by_set: Vec<Box<[u32]>>,
}

/// Spellings and their codes.
#[derive(Clone, Default)]
pub struct Dictionary {
    codes: HashMap<Box<str>, u32>,
    spellings: Vec<Box<str>>,
}

impl Names {
    /// The code of a set of tags.
    pub fn tag_set(&mut self, tags: &[String]) -> u32 {
        let mut set: Vec<u32> = tags.iter().map(|tag| self.tags.intern(tag)).collect();
        set.sort_unstable();
        set.dedup();
        *self.sets.entry(set.into_boxed_slice()).or_insert_with_key(|set| {
            self.by_set.push(set.clone());
            self.by_set.len() as u32 - 1
        })
    }

    /// The code of a set of tags that was seen before.
    pub fn known_tag_set(&self, tags: &[String]) -> Option<u32> {
        let mut set = tags.iter().map(|tag| self.tags.code(tag)).collect::<Option<Vec<u32>>>()?;
        set.sort_unstable();
        set.dedup();
        self.sets.get(set.as_slice()).copied()
    }

    /// How many sets of tags there are.
    pub fn tag_sets(&self) -> usize {
        self.by_set.len()
    }

    /// The tags in a set, ascending by code.
    pub fn tags_of(&self, set: u32) -> &[u32] {
        &self.by_set[set as usize]
    }
}

impl Dictionary {
    /// The code of a spelling, given now if it is new.
    pub fn intern(&mut self, spelling: &str) -> u32 {
        if let Some(code) = self.codes.get(spelling) {
            return *code;
        }
        let code = self.spellings.len() as u32;
        self.spellings.push(spelling.into());
        self.codes.insert(spelling.into(), code);
        code
    }

    /// The code of a spelling that was seen before.
    pub fn code(&self, spelling: &str) -> Option<u32> {
        self.codes.get(spelling).copied()
    }

    /// What a code stands for.
    pub fn spelling(&self, code: u32) -> &str {
        &self.spellings[code as usize]
    }

    /// How many spellings there are.
    pub fn len(&self) -> usize {
        self.spellings.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }

    /// All spellings, in the order of their codes.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        self.spellings.iter().map(AsRef::as_ref)
    }
}
