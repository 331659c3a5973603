//! The picture of a clustering: its points and centres on the plane of the two principal components, as SVG.

use std::fmt::Write as _;

use huan_proto::segment::v1 as pb;

const WIDTH: f64 = 980.0;
const HEIGHT: f64 = 520.0;
/// Left, top, right and bottom of the plane.
const PLANE: (f64, f64, f64, f64) = (64.0, 40.0, 560.0, 470.0);
/// Told apart by those who see colours otherwise too (Okabe and Ito 2008), then as Tableau has them.
const COLOURS: [&str; 12] = [
    "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8c6d31", "#000000", "#bab000", "#7b4173",
    "#637939", "#843c39",
];
/// Clusters that have a line in the legend.
const LINES: usize = 20;
/// Characters of a name in the legend.
const LETTERS: usize = 54;

/// Draws a clustering that has been fitted.
pub fn draw(clustering: &pb::Clustering) -> String {
    let projection = clustering.projection.clone().unwrap_or_default();
    let plane = Plane::of(&projection);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" \
         fill=\"#fff\"/>\n<text x=\"{}\" y=\"24\" font-size=\"15\">{}</text>\n",
        PLANE.0,
        escaped(&clustering.display_name)
    );
    axes(&mut svg, clustering, &projection);
    points(&mut svg, clustering, &projection, &plane);
    centres(&mut svg, clustering, &projection, &plane);
    legend(&mut svg, clustering, &projection);
    svg.push_str("</svg>\n");
    svg
}

/// Where the plane's coordinates lie on the picture.
struct Plane {
    x: (f64, f64),
    y: (f64, f64),
}

impl Plane {
    /// All but the outermost hundredth of the points on each side, and all centres: an outlier does not press the rest
    /// into a corner. What lies beyond is drawn on the border.
    fn of(projection: &pb::ClusteringProjection) -> Self {
        let range = |values: &[f32], centres: &[f32]| {
            let mut ascending: Vec<f32> = values.to_vec();
            ascending.sort_unstable_by(f32::total_cmp);
            let cut = ascending.len() / 100;
            let inner = ascending.get(cut..ascending.len() - cut).unwrap_or_default();
            let all = inner.iter().chain(centres).map(|value| f64::from(*value));
            let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), at| (low.min(at), high.max(at)));
            if low < high { (low, high) } else { (low.min(0.0) - 1.0, low.max(0.0) + 1.0) }
        };
        Self { x: range(&projection.xs, &projection.centre_xs), y: range(&projection.ys, &projection.centre_ys) }
    }

    fn at(&self, x: f32, y: f32) -> (f64, f64) {
        let share = |at: f32, (low, high): (f64, f64)| ((f64::from(at) - low) / (high - low)).clamp(0.0, 1.0);
        let (left, top, right, bottom) = (PLANE.0 + 8.0, PLANE.1 + 8.0, PLANE.2 - 8.0, PLANE.3 - 8.0);
        (left + share(x, self.x) * (right - left), bottom - share(y, self.y) * (bottom - top))
    }
}

fn axes(svg: &mut String, clustering: &pb::Clustering, projection: &pb::ClusteringProjection) {
    let (left, top, right, bottom) = PLANE;
    let _ = writeln!(
        svg,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#999\"/>",
        right - left,
        bottom - top
    );
    let title = |at: usize, loadings: &[f64]| {
        let mut strongest: Vec<(&String, f64)> = clustering.features.iter().zip(loadings.iter().copied()).collect();
        strongest.sort_by(|left, right| right.1.abs().total_cmp(&left.1.abs()));
        let sign = |loading: f64| if loading < 0.0 { "−" } else { "+" };
        let named = strongest.iter().filter(|(_, loading)| loading.abs() > 1e-9).take(2);
        let strongest: Vec<String> = named.map(|(name, loading)| format!("{}{name}", sign(*loading))).collect();
        let explained = projection.explained.get(at).copied().unwrap_or_default() * 100.0;
        format!("component {}: {explained:.0} % of the variance ({})", at + 1, escaped(&strongest.join(", ")))
    };
    let (middle_x, middle_y) = ((left + right) / 2.0, (top + bottom) / 2.0);
    let _ = writeln!(
        svg,
        "<text x=\"{middle_x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#444\">{}</text>",
        bottom + 24.0,
        title(0, &projection.first_axis)
    );
    let _ = writeln!(
        svg,
        "<text transform=\"translate({} {middle_y}) rotate(-90)\" text-anchor=\"middle\" fill=\"#444\">{}</text>",
        left - 20.0,
        title(1, &projection.second_axis)
    );
}

fn points(svg: &mut String, clustering: &pb::Clustering, projection: &pb::ClusteringProjection, plane: &Plane) {
    let place = |number: i32| clustering.clusters.iter().position(|cluster| cluster.number == number);
    // By cluster, so that each colour is written once; those of none first, below all others.
    let groups = std::iter::once(None).chain((0..clustering.clusters.len()).map(Some));
    for group in groups {
        let colour = group.map_or("#bbb", colour);
        let _ = writeln!(svg, "<g fill=\"{colour}\" fill-opacity=\"0.45\">");
        let coordinates = projection.xs.iter().zip(&projection.ys).zip(&projection.numbers);
        for ((x, y), _) in coordinates.filter(|(_, number)| place(**number) == group) {
            let (x, y) = plane.at(*x, *y);
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.2\"/>");
        }
        svg.push_str("</g>\n");
    }
}

fn centres(svg: &mut String, clustering: &pb::Clustering, projection: &pb::ClusteringProjection, plane: &Plane) {
    let coordinates = projection.centre_xs.iter().zip(&projection.centre_ys).zip(&clustering.clusters);
    for (at, ((x, y), cluster)) in coordinates.enumerate() {
        let (x, y) = plane.at(*x, *y);
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"9\" fill=\"{}\" stroke=\"#fff\" stroke-width=\"2\"/><text \
             x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#fff\">{}</text>",
            colour(at),
            y + 4.0,
            cluster.number
        );
    }
}

fn legend(svg: &mut String, clustering: &pb::Clustering, projection: &pb::ClusteringProjection) {
    let (x, mut y) = (PLANE.2 + 24.0, PLANE.1 + 12.0);
    let line = |svg: &mut String, y: f64, colour: &str, text: &str| {
        let _ = writeln!(
            svg,
            "<circle cx=\"{x}\" cy=\"{:.1}\" r=\"5\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y:.1}\">{}</text>",
            y - 4.0,
            x + 12.0,
            escaped(&short(text))
        );
    };
    for (at, cluster) in clustering.clusters.iter().take(LINES).enumerate() {
        let share = 100.0 * cluster.size as f64 / clustering.population.max(1) as f64;
        line(svg, y, colour(at), &format!("{} · {share:.1} % · {}", cluster.number, cluster.name));
        y += 19.0;
    }
    if let Some(more) = clustering.clusters.len().checked_sub(LINES + 1) {
        line(svg, y, "#fff", &format!("and {} more", more + 1));
        y += 19.0;
    }
    if clustering.noise > 0 {
        let share = 100.0 * clustering.noise as f64 / clustering.population.max(1) as f64;
        line(svg, y, "#bbb", &format!("in none · {share:.1} %"));
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" fill=\"#444\" font-size=\"11\">{} of {} customers, drawn at random; k = {}; silhouette \
         {:.2}</text>",
        PLANE.0,
        HEIGHT - 8.0,
        projection.xs.len(),
        clustering.population,
        clustering.k,
        clustering.silhouette
    );
}

fn colour(at: usize) -> &'static str {
    COLOURS[at % COLOURS.len()]
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LETTERS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_every_point_every_centre_and_no_markup_of_others() {
        let cluster = |number, name: &str| pb::Cluster { number, size: 5, name: name.into(), ..Default::default() };
        let clustering = pb::Clustering {
            display_name: "<script>".into(),
            features: vec!["a".into(), "b & c".into()],
            clusters: vec![cluster(0, "high a"), cluster(3, "low \"b\"")],
            population: 11,
            noise: 1,
            projection: Some(pb::ClusteringProjection {
                explained: vec![0.75, 0.25],
                first_axis: vec![0.8, -0.6],
                second_axis: vec![0.6, 0.8],
                xs: vec![0.0, 1.0, 2.0, f32::MAX],
                ys: vec![0.0, -1.0, 2.0, 0.5],
                numbers: vec![0, 3, -1, 3],
                centre_xs: vec![0.5, 1.5],
                centre_ys: vec![0.0, 0.0],
            }),
            ..Default::default()
        };
        let svg = draw(&clustering);
        assert_eq!(svg.matches("r=\"2.2\"").count(), 4);
        assert_eq!(svg.matches("r=\"9\"").count(), 2);
        assert!(!svg.contains("<script>") && svg.contains("low &quot;b&quot;") && svg.contains("−b &amp; c"));
        assert!(svg.contains("in none · 9.1 %") && svg.contains("75 % of the variance") && !svg.contains("inf"));
        assert!(draw(&pb::Clustering::default()).ends_with("</svg>\n"));
    }
}
