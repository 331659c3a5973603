//! Personal values as they are compared: two ways of writing one name, number or identity become the same text. What is
//! shown stays as it was given. Pure.

/// A name: full-width letters as ASCII, one space between words, lower case. Compatibility forms (Unicode NFKC) are
/// brought together as far as they occur in names of customers: full-width ASCII, the ideographic space, middle dots.
pub fn name(text: &str) -> String {
    let narrow: String = narrow(text).flat_map(char::to_lowercase).collect();
    narrow.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A telephone number: its digits, without the prefix of mainland China.
pub fn phone(text: &str) -> String {
    const MOBILE: usize = 11;
    let narrow: String = narrow(text).collect();
    let digits: String = narrow.chars().filter(char::is_ascii_digit).collect();
    let international = narrow.trim_start().starts_with('+');
    let stripped = match digits.strip_prefix("0086") {
        Some(rest) => Some(rest),
        None => digits.strip_prefix("86").filter(|rest| international || rest.len() == MOBILE),
    };
    stripped.unwrap_or(&digits).to_owned()
}

/// The number of an identity document, or a unified social credit code: letters and digits, upper case.
pub fn id_number(text: &str) -> String {
    narrow(text).filter(|letter| letter.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

/// The value of an identity, by its naming system: telephone numbers and digests may be written in several ways, the
/// names of other systems are taken at their word.
pub fn identity(namespace: &str, value: &str) -> String {
    match namespace {
        "phone" => phone(value),
        "id_hash" => value.trim().to_ascii_lowercase(),
        _ => value.trim().to_owned(),
    }
}

fn narrow(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|letter| match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(letter as u32 - 0xfee0).unwrap_or(letter),
        '\u{3000}' => ' ',
        '•' | '・' | '‧' | '\u{ff65}' => '·',
        _ => letter,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_written_in_several_ways() {
        for text in ["Li  Lei", " li lei ", "ＬＩ　Ｌｅｉ", "LI\tLEI"] {
            assert_eq!(name(text), "li lei", "{text}");
        }
        assert_eq!(name("买买提•艾力"), name("买买提·艾力"));
        assert_eq!(name(" \u{3000}"), "");
    }

    #[test]
    fn one_telephone_number_is_written_in_several_ways() {
        for text in [
            "13800001234",
            "138-0000-1234",
            "+86 138 0000 1234",
            "008613800001234",
            "8613800001234",
            "＋86 13800001234",
        ] {
            assert_eq!(phone(text), "13800001234", "{text}");
        }
        assert_eq!(phone("021-6888 1234"), "02168881234");
        assert_eq!(phone("86123456"), "86123456");
        assert_eq!(phone("+44 20 7946 0958"), "442079460958");
    }

    #[test]
    fn one_document_is_written_in_several_ways() {
        for text in ["11010519491231002x", "110105 19491231 002X", "110105-19491231-002X", "１１０１０５19491231002Ｘ"]
        {
            assert_eq!(id_number(text), "11010519491231002X", "{text}");
        }
    }

    #[test]
    fn identities_are_read_by_their_naming_system() {
        assert_eq!(identity("phone", "+86 138 0000 1234"), "13800001234");
        assert_eq!(identity("id_hash", " AbC "), "abc");
        assert_eq!(identity("wecom", " AbC"), "AbC");
    }
}
