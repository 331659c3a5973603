//! Random rules, written twice: as ours, and as the `cel` crate's interpreter understands them, where our numbers are
//! doubles, our days are ints, and what we call unknown is an error.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

/// The same in both languages.
#[derive(Clone)]
pub(super) struct Pair {
    pub ours: String,
    pub cel: String,
}

fn same(text: impl Into<String>) -> Pair {
    let ours = text.into();
    Pair { cel: ours.clone(), ours }
}

fn pair(ours: impl Into<String>, cel: impl Into<String>) -> Pair {
    Pair { ours: ours.into(), cel: cel.into() }
}

/// Puts the operands into both forms: `{0}`, `{1}` and `{2}`.
fn join(ours: &str, cel: &str, operands: &[Pair]) -> Pair {
    let fill = |form: &str, of: fn(&Pair) -> &str| {
        operands
            .iter()
            .enumerate()
            .fold(form.to_owned(), |form, (at, operand)| form.replace(&format!("{{{at}}}"), of(operand)))
    };
    pair(fill(ours, |operand| &operand.ours), fill(cel, |operand| &operand.cel))
}

fn both(form: &str, operands: &[Pair]) -> Pair {
    join(form, form, operands)
}

fn of(choices: &[&str], rng: &mut StdRng) -> String {
    choices.choose(rng).unwrap().to_string()
}

/// A rule of type flag.
pub(super) fn flag(rng: &mut StdRng, depth: u32) -> Pair {
    let inner = |rng: &mut StdRng| flag(rng, depth - 1);
    match if depth == 0 { rng.gen_range(0..13) } else { rng.gen_range(0..21) } {
        0 => same(of(&["has_card", "has_loan", "true", "false"], rng)),
        1 => same(format!("has_tag(\"{}\")", of(&["vip", "new", "old"], rng))),
        2 => same(format!("has_tag_prefix(\"{}\")", of(&["v", "ne", ""], rng))),
        3 => {
            let feature = of(&["balance_total", "region", "birth_day", "has_card"], rng);
            pair(format!("has({feature})"), format!("known_{feature}"))
        }
        4 => both("({0} in [\"east\", \"EAST\", \"north\"])", &[text(rng)]),
        5 => both(&format!("({{0}} {} \"west\")", of(&["==", "!="], rng)), &[text(rng)]),
        6 => {
            let test =
                of(&["startsWith(\"e\")", "endsWith(\"st\")", "contains(\"as\")", "matches(\"^.[ae].t?$\")"], rng);
            both(&format!("{{0}}.{test}"), &[text(rng)])
        }
        7 => join("size({0}) == 4", "double(size({0})) == 4.0", &[text(rng)]),
        8 => {
            let (comparison, day) = (of(&COMPARISONS, rng), of(&["2026-11-22", "2026-09-01", "1990-02-28"], rng));
            both(&format!("({{0}} {comparison} day(\"{day}\"))"), &[date(rng)])
        }
        9 => {
            let (comparison, days) = (of(&COMPARISONS, rng), [0.0, 30.0, 60.5, 90.0].choose(rng).unwrap());
            both(&format!("(days_since({{0}}) {comparison} {days:?})"), &[date(rng)])
        }
        10 => {
            let (comparison, years) = (of(&COMPARISONS, rng), [0.0, 18.0, 25.5, 36.0].choose(rng).unwrap());
            both(&format!("({years:?} {comparison} years_since({{0}}))"), &[date(rng)])
        }
        11 => both("({0} in [-1.0, 0.0, 2.0])", &[number(rng, 0)]),
        12 => both("({0} == {1})", &[date(rng), date(rng)]),
        13 => both("({0} && {1})", &[inner(rng), inner(rng)]),
        14 => both("({0} || {1})", &[inner(rng), inner(rng)]),
        15 => both("!({0})", &[inner(rng)]),
        16 => both("({0} ? {1} : {2})", &[inner(rng), inner(rng), inner(rng)]),
        17 => both(&format!("(({{0}}) {} ({{1}}))", of(&["==", "!="], rng)), &[inner(rng), inner(rng)]),
        18 => {
            let form = format!("[{{0}}, {{1}}].{}(x, x > {{2}})", of(&["all", "exists"], rng));
            both(&form, &[number(rng, 0), number(rng, 0), number(rng, 0)])
        }
        19 => join(
            "[{0}, {1}, 1.0].filter(x, x >= 1.0).size() >= 2",
            "double([{0}, {1}, 1.0].filter(x, x >= 1.0).size()) >= 2.0",
            &[number(rng, 0), number(rng, 0)],
        ),
        _ => {
            let comparison = of(&COMPARISONS, rng);
            both(&format!("({{0}} {comparison} {{1}})"), &[number(rng, depth), number(rng, depth)])
        }
    }
}

const COMPARISONS: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];

fn number(rng: &mut StdRng, depth: u32) -> Pair {
    let inner = |rng: &mut StdRng| number(rng, depth - 1);
    match if depth == 0 { rng.gen_range(0..4) } else { rng.gen_range(0..9) } {
        0 => same(format!("{:?}", f64::from(rng.gen_range(-3..4)))),
        1 => same(of(&["balance_total", "txn_count_30d", "txn_count_90d"], rng)),
        2 => both("years_since({0})", &[date(rng)]),
        3 => both("days_since({0})", &[date(rng)]),
        4 => join("({0} / {1})", "divide({0}, {1})", &[inner(rng), inner(rng)]),
        5 => join("({0} % {1})", "remainder({0}, {1})", &[inner(rng), inner(rng)]),
        6 => both(&format!("{}({{0}}, {{1}})", of(&["min", "max"], rng)), &[inner(rng), inner(rng)]),
        7 => both("({0} ? abs({1}) : -({2}))", &[flag(rng, 0), inner(rng), inner(rng)]),
        _ => both(&format!("({{0}} {} {{1}})", of(&["+", "-", "*"], rng)), &[inner(rng), inner(rng)]),
    }
}

fn text(rng: &mut StdRng) -> Pair {
    match rng.gen_range(0..5) {
        0 => same("customer_type"),
        1 => same("region.lowerAscii()"),
        2 => same("region.upperAscii()"),
        3 => same("(has_card ? region : customer_type)"),
        _ => same("region"),
    }
}

fn date(rng: &mut StdRng) -> Pair {
    match rng.gen_range(0..5) {
        0 | 1 => same("birth_day"),
        2 => same("(has_loan ? birth_day : last_event_day)"),
        _ => same("last_event_day"),
    }
}
