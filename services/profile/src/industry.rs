//! Industries by GB/T 4754-2017: section, division, group, class. The list ships with the service and is read once.

use std::{collections::HashMap, sync::LazyLock};

/// The list: four lines of comment, the columns' names, and one industry a line in the order of the standard.
const LIST: &str = include_str!("../data/gbt4754_2017.csv");

/// One industry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Industry {
    /// Its code: a letter for a section, else 2 to 4 digits.
    pub code: &'static str,
    /// 1 section, 2 division, 3 group, 4 class.
    pub level: u8,
    /// The code of what it is part of; empty for a section.
    pub parent: &'static str,
    /// Its name.
    pub name: &'static str,
}

static INDUSTRIES: LazyLock<Vec<Industry>> = LazyLock::new(|| LIST.lines().filter_map(read).collect());

static PLACES: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| INDUSTRIES.iter().enumerate().map(|(place, industry)| (industry.code, place)).collect());

/// All industries in the order of the standard.
pub fn all() -> &'static [Industry] {
    &INDUSTRIES
}

/// Finds an industry by its code. The section's letter may stand before the digits, as many registers write it.
pub fn find(code: &str) -> Option<&'static Industry> {
    if let Some(place) = PLACES.get(code) {
        return Some(&INDUSTRIES[*place]);
    }
    let (letter, digits) = code.split_at_checked(1)?;
    let found = &INDUSTRIES[*PLACES.get(digits)?];
    (found.level > 1 && path(found).first()?.code == letter).then_some(found)
}

/// An industry and all that it is part of, the section first.
pub fn path(industry: &'static Industry) -> Vec<&'static Industry> {
    let mut path: Vec<_> = std::iter::successors(Some(industry), |below| find(below.parent)).collect();
    path.reverse();
    path
}

/// What an industry is part of at a level, itself included.
pub fn at_level(industry: &'static Industry, level: u8) -> Option<&'static Industry> {
    path(industry).into_iter().find(|above| above.level == level)
}

fn read(line: &'static str) -> Option<Industry> {
    let mut columns = line.split(',');
    let (code, level, parent, name) = (columns.next()?, columns.next()?, columns.next()?, columns.next()?);
    Some(Industry { code, level: level.parse().ok()?, parent, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_a_tree() {
        let count = |level| all().iter().filter(|industry| industry.level == level).count();
        assert_eq!([1, 2, 3, 4].map(count), [20, 97, 473, 1381]);
        assert_eq!(PLACES.len(), all().len(), "no code comes twice");
        for industry in all() {
            let levels: Vec<u8> = path(industry).into_iter().map(|above| above.level).collect();
            assert_eq!(levels, (1..=industry.level).collect::<Vec<_>>(), "{}", industry.code);
            let letters = if industry.level == 1 { 1 } else { usize::from(industry.level) };
            assert_eq!(industry.code.len(), letters, "{}", industry.code);
        }
    }

    #[test]
    fn a_code_is_found_with_and_without_its_sections_letter() {
        let names = |code| path(find(code).unwrap()).into_iter().map(|above| above.code).collect::<Vec<_>>();
        assert_eq!(names("3491"), ["C", "34", "349", "3491"]);
        assert_eq!(names("C3491"), ["C", "34", "349", "3491"]);
        assert_eq!(names("A"), ["A"]);
        assert_eq!(at_level(find("0111").unwrap(), 1).unwrap().name, "农、林、牧、渔业");
        for wrong in ["", "A3491", "9999", "c3491", "349x", "农", "AC", "AA"] {
            assert_eq!(find(wrong), None, "{wrong}");
        }
    }
}
