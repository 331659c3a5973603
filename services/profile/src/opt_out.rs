//! Words by which people take themselves off a list in answer to a text message.

/// Whether an answer is one of these words. Letters may be small or full-width, and blanks and marks around or between
/// them do not count. A word that is not of letters and digits alone, such as 退订, counts wherever it stands: who writes
/// it means it, and who is in doubt is left alone.
pub fn is_opt_out(answer: &str, words: &[String]) -> bool {
    let answer = plain(answer);
    let means = |word: &String| {
        let word = plain(word);
        let letters = word.is_ascii();
        !word.is_empty() && (answer == word || (!letters && answer.contains(&word)))
    };
    words.iter().any(means)
}

/// A text without blanks and marks, its letters plain capitals.
fn plain(text: &str) -> String {
    let narrow = |c: char| match c {
        // The full-width forms of ASCII lie in the same order (Unicode block FF00).
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        other => other,
    };
    text.chars().map(narrow).filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_however_they_are_written() {
        let words: Vec<String> = ["TD", "T", "N", "STOP", "QX", "退订", "取消"].map(str::to_owned).into();
        for answer in
            ["TD", "td", " t d ", "ＴＤ", "T", "t。", "Stop!", "退订", "我要退订", "TD退订", "【退订】", "请取消"]
        {
            assert!(is_opt_out(answer, &words), "{answer}");
        }
        for answer in ["", "谢谢", "tomorrow", "not now", "Q", "TDX", "don't stop", "订"] {
            assert!(!is_opt_out(answer, &words), "{answer}");
        }
        assert!(!is_opt_out("", &[String::new()]) && !is_opt_out("x", &["!".to_owned()]));
    }
}
