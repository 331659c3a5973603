//! Student's t distribution, to twelve digits or better for one degree of freedom and up: the chance of a value as far
//! from zero, down to the smallest doubles, and the value of a given chance. It knows nothing of arms and effects.

use std::f64::consts::{FRAC_PI_2, PI};

use crate::normal;

/// From here the continued fraction is slow, and the series about the normal distribution is exact to a double.
const NEARLY_NORMAL: f64 = 1e5;
/// From here the two are the same to a double.
const NORMAL: f64 = 1e20;

/// Γ(a + ½)/(Γ(a)√a) in powers of 1/a, up to the seventh (Tricomi and Erdélyi 1951).
const GAMMA_RATIO: [f64; 8] = [
    1.0,
    -1.0 / 8.0,
    1.0 / 128.0,
    5.0 / 1024.0,
    -21.0 / 32768.0,
    -399.0 / 262144.0,
    869.0 / 4194304.0,
    39325.0 / 33554432.0,
];

/// d(w √((eʸ − 1)/y))/dw with y proportional to w², in powers of y.
const STRETCH: [f64; 7] =
    [1.0, 3.0 / 4.0, 25.0 / 96.0, 7.0 / 128.0, 79.0 / 10240.0, 33.0 / 40960.0, 923.0 / 12386304.0];

/// The chance that |T| exceeds |t|, for `df` ≥ 1 degrees of freedom; infinite `df` is the normal distribution.
pub fn two_sided(t: f64, df: f64) -> f64 {
    let (t, df) = (t.abs(), df.min(NORMAL));
    if t.is_infinite() {
        0.0
    } else if df >= NEARLY_NORMAL {
        near_normal(t, df)
    } else {
        by_beta(t, df)
    }
}

/// The t ≥ 0 whose [`two_sided`] chance is `alpha`, 0 < `alpha` < 1: Newton's method on the logarithms of both, kept
/// within the bracket that it has found so far.
pub fn two_sided_quantile(alpha: f64, df: f64) -> f64 {
    let df = df.min(NORMAL);
    let target = alpha.ln();
    let (mut low, mut high) = (-750.0_f64, 750.0_f64);
    let mut u = 0.0_f64;
    for _ in 0..200 {
        let t = u.exp();
        let chance = two_sided(t, df);
        let miss = chance.ln() - target;
        if miss > 0.0 {
            low = u
        } else {
            high = u
        }
        let step = miss * chance / (2.0 * t * density(t, df));
        let newton = u + step;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - u).abs() < 1e-15 || (high - low).abs() < 1e-15 {
            return next.exp();
        }
        u = next;
    }
    u.exp()
}

fn density(t: f64, df: f64) -> f64 {
    peak(df) * (-0.5 * (df + 1.0) * ln_1p_square(t / df.sqrt())).exp()
}

/// The density at zero.
fn peak(df: f64) -> f64 {
    gamma_ratio(0.5 * df) / (PI * df).sqrt()
}

/// Γ(a + ½)/Γ(a): the series at twenty and above, where it is exact to a double, and from there by recurrence.
fn gamma_ratio(a: f64) -> f64 {
    let (mut a, mut scale) = (a, 1.0);
    while a < 20.0 {
        scale *= a / (a + 0.5);
        a += 1.0;
    }
    scale * a.sqrt() * GAMMA_RATIO.iter().rev().fold(0.0, |sum, c| sum / a + c)
}

/// ln(1 + q²), without overflow.
fn ln_1p_square(q: f64) -> f64 {
    if q > 1e9 { 2.0 * q.ln() } else { (q * q).ln_1p() }
}

/// By the regularised incomplete beta function, I(df/(df + t²); df/2, ½) (Abramowitz and Stegun 26.5.27).
fn by_beta(t: f64, df: f64) -> f64 {
    let q = t / df.sqrt();
    let (a, b) = (0.5 * df, 0.5);
    let far = 1.0 / (1.0 + q * q);
    let near = if q > 1e9 { 1.0 } else { q * q * far };
    let lead = gamma_ratio(a) / PI.sqrt() * (-a * ln_1p_square(q)).exp() * near.sqrt();
    if far < (a + 1.0) / (a + b + 2.0) {
        lead * beta_fraction(a, b, far) / a
    } else {
        1.0 - lead * beta_fraction(b, a, near) / b
    }
}

/// The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut whole = d;
    for m in 1..20_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away(1.0 + term * d);
            c = away(1.0 + term / c);
            change *= d * c;
        }
        whole *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    whole
}

/// For many degrees of freedom: with w² = (df + 1) ln(1 + t²/df) the density is the normal one in w, times dt/dw, whose
/// powers of w² integrate by parts from the normal tail. All terms are positive: no digits cancel.
fn near_normal(t: f64, df: f64) -> f64 {
    let n = df + 1.0;
    let square = n * ln_1p_square(t / df.sqrt());
    let bell = (-0.5 * square).exp();
    let w = square.sqrt();
    let mut tail = FRAC_PI_2.sqrt() * normal::two_sided(w);
    let (mut sum, mut power, mut scale) = (tail, w, 1.0);
    for (k, c) in STRETCH.iter().enumerate().skip(1) {
        tail = power * bell + (2.0 * k as f64 - 1.0) * tail;
        power *= square;
        scale /= n;
        sum += c * scale * tail;
    }
    2.0 * peak(df) * (df / n).sqrt() * sum
}
