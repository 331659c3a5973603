//! Draft names: what sets a cluster apart, in words.

/// From how many standard deviations off the mean a feature is worth a word.
const APART: f64 = 0.5;

/// Features in a name.
const WORDS: usize = 2;

/// A name for each cluster from its standardised means, such as "high balance_total, low txn_count_30d"; no two alike.
pub fn draft_names(features: &[String], standardised: &[Vec<f64>]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for means in standardised {
        let drafts = (WORDS..=features.len().max(WORDS)).map(|words| draft(features, means, words));
        let fresh = drafts.into_iter().find(|draft| !names.contains(draft));
        let name = fresh.unwrap_or_else(|| numbered(&draft(features, means, WORDS), &names));
        names.push(name);
    }
    names
}

fn draft(features: &[String], means: &[f64], words: usize) -> String {
    let mut apart: Vec<(&String, f64)> = features.iter().zip(means.iter().copied()).collect();
    apart.retain(|(_, mean)| mean.abs() >= APART);
    apart.sort_by(|left, right| right.1.abs().total_cmp(&left.1.abs()));
    let word = |(name, mean): &(&String, f64)| match *mean {
        mean if mean >= 2.0 => format!("very high {name}"),
        mean if mean > 0.0 => format!("high {name}"),
        mean if mean <= -2.0 => format!("very low {name}"),
        _ => format!("low {name}"),
    };
    let words: Vec<String> = apart.iter().take(words).map(word).collect();
    if words.is_empty() { "near the mean of all".to_owned() } else { words.join(", ") }
}

fn numbered(name: &str, taken: &[String]) -> String {
    let mut names = (2..).map(|number| format!("{name} ({number})"));
    names.find(|name| !taken.contains(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_sets_a_cluster_apart() {
        let features = ["balance_total".to_owned(), "txn_count_30d".to_owned(), "age".to_owned()];
        let means = [
            vec![0.8, -2.5, 0.6],
            vec![0.1, 0.2, 0.0],
            vec![3.0, 0.0, 0.0],
            vec![0.9, -2.1, -0.7],
            vec![0.0, 0.0, 0.0],
        ];
        assert_eq!(
            draft_names(&features, &means),
            [
                "very low txn_count_30d, high balance_total",
                "near the mean of all",
                "very high balance_total",
                "very low txn_count_30d, high balance_total, low age",
                "near the mean of all (2)",
            ]
        );
    }
}
