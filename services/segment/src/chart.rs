//! Bars as an SVG document: labels to the left, one bar or two a label, shares to the right. It knows shares and words,
//! and nothing of customers.

use std::fmt::Write as _;

const WIDTH: f64 = 680.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 70.0;
const HEAD: f64 = 52.0;
const LEGEND: f64 = 24.0;
const BAR: f64 = 14.0;
const GAP: f64 = 10.0;
/// Width of a label in letters; the rest is cut off.
const LABEL: usize = 30;
/// Width of a title in letters.
const TITLE: usize = 80;
const COLOURS: [&str; 2] = ["#2f6f8f", "#d9a441"];

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bars {
    /// Above all.
    pub title: String,
    /// What the bars of a label are, in their order; one or two.
    pub series: Vec<String>,
    /// Labels, from above, each with a share for every series, 0 to 1.
    pub bins: Vec<(String, Vec<f64>)>,
}

/// Draws bars. The longest one takes the whole width.
pub fn bars(chart: &Bars) -> String {
    let legend = if chart.series.len() > 1 { LEGEND } else { 0.0 };
    let step = BAR * chart.series.len().max(1) as f64 + GAP;
    let height = HEAD + legend + step * chart.bins.len() as f64 + GAP;
    let longest = chart.bins.iter().flat_map(|(_, shares)| shares).copied().fold(0.0, f64::max);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13" role="img">"#
    );
    // Writing to a string does not fail.
    let _ = write!(
        svg,
        r##"<title>{0}</title><rect width="100%" height="100%" fill="#ffffff"/>"##,
        text(&chart.title, TITLE)
    );
    let _ = write!(svg, r##"<text x="16" y="30" font-size="16" fill="#222222">{}</text>"##, text(&chart.title, TITLE));
    if chart.series.len() > 1 {
        for (at, series) in chart.series.iter().enumerate() {
            let x = LEFT + 200.0 * at as f64;
            let _ = write!(svg, r#"<rect x="{x}" y="{HEAD}" width="12" height="12" fill="{}"/>"#, colour(at));
            let (x, y) = (x + 18.0, HEAD + 11.0);
            let _ = write!(svg, r##"<text x="{x}" y="{y}" fill="#444444">{}</text>"##, text(series, LABEL));
        }
    }
    for (at, (label, shares)) in chart.bins.iter().enumerate() {
        let top = HEAD + legend + step * at as f64 + GAP / 2.0;
        draw(&mut svg, top, label, shares, longest);
    }
    svg.push_str("</svg>");
    svg
}

fn draw(svg: &mut String, top: f64, label: &str, shares: &[f64], longest: f64) {
    let middle = top + BAR * shares.len() as f64 / 2.0 + 4.5;
    let x = LEFT - 10.0;
    let label = text(label, LABEL);
    let _ = write!(svg, r##"<text x="{x}" y="{middle}" text-anchor="end" fill="#222222">{label}</text>"##);
    for (at, share) in shares.iter().enumerate() {
        let width = if longest > 0.0 { share / longest * (WIDTH - LEFT - RIGHT) } else { 0.0 };
        let (y, fill) = (top + BAR * at as f64, colour(at));
        let _ =
            write!(svg, r#"<rect x="{LEFT}" y="{y:.1}" width="{width:.1}" height="{:.1}" fill="{fill}"/>"#, BAR - 2.0);
        let (x, y) = (LEFT + width + 6.0, y + BAR - 4.0);
        let _ =
            write!(svg, r##"<text x="{x:.1}" y="{y:.1}" font-size="11" fill="#444444">{:.1} %</text>"##, share * 100.0);
    }
}

fn colour(at: usize) -> &'static str {
    COLOURS[at % COLOURS.len()]
}

/// A text of at most so many letters' width as it may stand in XML.
fn text(text: &str, longest: usize) -> String {
    let (mut kept, mut width) = (String::new(), 0);
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        // Chinese and the like are twice as wide.
        width += if letter >= '\u{2e80}' { 2 } else { 1 };
        if width > longest {
            kept.pop();
            kept.push('…');
            break;
        }
        kept.push(letter);
    }
    kept.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_break_out_of_the_picture() {
        let chart = Bars {
            title: "a < b & \"c\"".into(),
            series: vec!["all".into()],
            bins: vec![("</svg><script>".into(), vec![0.5]), ("x".repeat(100), vec![0.25])],
        };
        let svg = bars(&chart);
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;") && svg.contains("&lt;/svg&gt;&lt;script&gt;"), "{svg}");
        assert_eq!(svg.matches("</svg>").count(), 1);
        assert!(svg.contains(&format!("{}…", "x".repeat(29))) && !svg.contains(&"x".repeat(30)));
        assert_eq!((text("客群", 4), text("客群甲", 4)), ("客群".to_owned(), "客…".to_owned()));
    }

    #[test]
    fn the_longest_bar_takes_the_whole_width() {
        let chart = Bars {
            series: vec!["before".into(), "after".into()],
            bins: vec![("a".into(), vec![0.2, 0.4]), ("b".into(), vec![0.8, 0.6])],
            ..Default::default()
        };
        let svg = bars(&chart);
        assert!(svg.contains(r#"width="400.0""#) && svg.contains(r#"width="100.0""#), "{svg}");
        assert!(svg.contains("80.0 %") && svg.contains("before"));
        assert!(!bars(&Bars::default()).contains("NaN"));
    }
}
