//! The unified social credit code (统一社会信用代码) of GB 32100-2015: eighteen characters, the last of which checks the
//! others. The organisation code inside (places 9 to 17) has a check digit of its own, which codes that were given to
//! small traders do not all keep; it is not looked at.

/// The characters, each worth its place: the digits and the capital letters without I, O, S, V and Z.
const CHARACTERS: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// Whether a text is a code of the right form whose check character is right.
pub fn is_valid(code: &str) -> bool {
    let code = code.as_bytes();
    // Places 3 to 8 name the region, GB/T 2260, in digits.
    code.len() == 18 && code[2..8].iter().all(u8::is_ascii_digit) && check(&code[..17]) == Some(code[17])
}

/// The check character of the first seventeen: 31 less their sum modulo 31, weighed by the powers of 3 modulo 31
/// (GB 32100-2015, appendix A). None if one of them does not occur in codes.
fn check(body: &[u8]) -> Option<u8> {
    let worth = |byte: &u8| CHARACTERS.iter().position(|known| known == byte);
    let (mut sum, mut weight) = (0, 1);
    for byte in body {
        sum += worth(byte)? * weight;
        weight = weight * 3 % 31;
    }
    Some(CHARACTERS[(31 - sum % 31) % 31])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_codes_are_valid() {
        // As printed in the annual reports of Baidu, Huawei, Tencent and Alibaba, and one of a public body.
        let codes = [
            "91110000802100433B",
            "914403001922038216",
            "9144030071526726XG",
            "91330100799655058B",
            "12100000400000624D",
        ];
        for code in codes {
            assert!(is_valid(code), "{code}");
        }
    }

    #[test]
    fn any_wrong_character_and_any_two_neighbours_that_changed_places_are_found() {
        let code = b"91110000802100433B";
        for place in 0..18 {
            for other in CHARACTERS.iter().filter(|other| **other != code[place]) {
                let mut wrong = *code;
                wrong[place] = *other;
                assert!(!is_valid(std::str::from_utf8(&wrong).unwrap()), "{place}");
            }
        }
        for place in 0..17 {
            let mut swapped = *code;
            swapped.swap(place, place + 1);
            assert!(swapped == *code || !is_valid(std::str::from_utf8(&swapped).unwrap()), "{place}");
        }
    }

    #[test]
    fn other_texts_are_not_codes() {
        for text in
            ["", "91110000802100433", "91110000802100433b", "91110000802100433BB", "9111000080210043３", "IOSVZ"]
        {
            assert!(!is_valid(text), "{text}");
        }
    }
}
