"""Makes the numbers that effect.rs and ratio.rs are held to.

    python3 -m venv venv && venv/bin/pip install scipy==1.17.1 statsmodels==0.15.0 mpmath==1.4.1
    venv/bin/python make_effect.py

writes welch.json, student.json, quantile.json and ratio.json beside itself. Effects are those of scipy.stats.ttest_ind_from_stats and
statsmodels' CompareMeans; tails and quantiles beyond what doubles give there are by mpmath at 40 digits; sample ratios
are those of scipy.stats.chisquare.
"""

import json
import pathlib

import mpmath as mp
import numpy as np
from scipy import stats
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

HERE = pathlib.Path(__file__).parent
mp.mp.dps = 40


def two_sided(t, df):
    t, df = mp.mpf(t), mp.mpf(df)
    return mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + t * t), regularized=True)


def two_sided_direct(t, df):
    """By integration, where mpmath's hypergeometric series is slow (many degrees of freedom)."""
    t, df = mp.mpf(t), mp.mpf(df)
    lead = mp.exp(mp.loggamma((df + 1) / 2) - mp.loggamma(df / 2)) / mp.sqrt(mp.pi * df)
    density = lambda s: mp.exp(-(df + 1) / 2 * mp.log1p(s * s / df))
    if t < 1:
        return 1 - 2 * lead * mp.quad(density, [0, t], method="gauss-legendre")
    width = 1 / (t + 1)
    return 2 * lead * mp.quad(density, [t + k * width for k in range(120)], method="gauss-legendre")


def tail(t, df):
    return two_sided(t, df) if df <= 2000 else two_sided_direct(t, df)


def quantile(alpha, df):
    guess = mp.log(mp.mpf(float(stats.t.isf(alpha / 2, df))))
    miss = lambda u: mp.log(tail(mp.exp(u), df)) - mp.log(mp.mpf(alpha))
    return mp.exp(mp.findroot(miss, (guess, guess + mp.mpf("1e-6")), solver="secant", tol=1e-36))


def write(name, rows):
    text = ",\n".join("  " + json.dumps(row) for row in rows)
    (HERE / name).write_text(f"[\n{text}\n]\n")


def students():
    rows = []
    for df in [1, 1.5, 2, 3.7, 10, 29.5, 100, 1234.5, 60000, 99999, 100001, 1e6, 3.3e7, 1e12]:
        for t in [1e-9, 0.01, 0.5, 1, 1.96, 3, 6, 12, 25, 36.5]:
            p = tail(t, df)
            if p > mp.mpf("1e-300"):
                rows.append({"df": df, "t": t, "p": float(p)})
    for df, t in [(1, 1e12), (1, 1e200), (2, 1e8), (5, 1e40), (50, 1e6)]:
        rows.append({"df": df, "t": t, "p": float(tail(t, df))})
    write("student.json", rows)
    rows = []
    for df in [1, 1.5, 3.7, 29.5, 1234.5, 60000, 1e6, 1e12]:
        for alpha in [0.9999, 0.5, 0.1, 0.05, 0.001, 1e-9, 1e-15, 1e-100]:
            rows.append({"df": df, "alpha": alpha, "t": float(quantile(alpha, df))})
    write("quantile.json", rows)


def effect(n1, m1, v1, n2, m2, v2, confidence):
    test = stats.ttest_ind_from_stats(m1, v1**0.5, n1, m2, v2**0.5, n2, equal_var=False)
    a, b = mp.mpf(v1) / n1, mp.mpf(v2) / n2
    df = float((a + b) ** 2 / (a * a / (n1 - 1) + b * b / (n2 - 1)))
    interval = df, m1 - m2, (v1 / n1 + v2 / n2) ** 0.5
    reach = float(quantile(1 - confidence, interval[0])) * interval[2]
    scipy_reach = stats.t.isf((1 - confidence) / 2, interval[0]) * interval[2]
    assert abs(reach / scipy_reach - 1) < 1e-8, (reach, scipy_reach)
    p = float(tail(abs(interval[1] / interval[2]), interval[0]))
    assert p < 1e-290 or abs(p / test.pvalue - 1) < 1e-8, (p, test.pvalue)
    return {
        "treatment": [n1, m1, v1],
        "control": [n2, m2, v2],
        "confidence": confidence,
        "difference": interval[1],
        "standard_error": interval[2],
        "degrees_of_freedom": interval[0],
        "lower": interval[1] - reach,
        "upper": interval[1] + reach,
        "p_value": p,
    }


def effects():
    cases = [
        (21307, 0.182756840474961, 0.14936378, 21306, 0.106167276823430, 0.09490033, 0.95),
        (21307, 1.4226165114750, 314.0, 21306, 0.6527894395945, 135.6, 0.95),
        (2, 1.0, 0.5, 2, 0.25, 0.125, 0.95),
        (2, 1.0, 0.5, 3, 1.0, 4.0, 0.5),
        (5, 10.0, 4.0, 900000, 9.0, 1e-6, 0.99),
        (1000000, 0.5, 0.25, 1000000, 0.49, 0.2499, 0.95),
        (3000000000, 12.5, 900.0, 3000000000, 12.499, 901.0, 0.999),
        (40, -3.5e9, 1.7e19, 55, 2.5e9, 3.1e18, 0.8),
        (30, 37.0, 30.0, 30, 0.0, 30.0, 0.999999999),
        (500000, 0.2, 0.16, 500000, 0.18, 0.1476, 0.95),
    ]
    rows = [effect(*case) for case in cases]
    rng = np.random.default_rng(7)
    for confidence, n1, n2 in [(0.95, 12, 31), (0.9, 400, 77)]:
        first, second = rng.lognormal(1, 1, n1), rng.lognormal(0.8, 1.3, n2)
        one, two = DescrStatsW(first), DescrStatsW(second)
        row = effect(n1, first.mean(), first.var(ddof=1), n2, second.mean(), second.var(ddof=1), confidence)
        low, high = CompareMeans(one, two).tconfint_diff(alpha=1 - confidence, usevar="unequal")
        assert abs(one.get_compare(two).dof_satt() / row["degrees_of_freedom"] - 1) < 1e-12
        assert abs(low - row["lower"]) < 1e-9 * abs(low) and abs(high - row["upper"]) < 1e-9 * abs(high)
        rows.append(row)
    write("welch.json", rows)


def ratios():
    rows = []
    for treatment, control, share in [
        (21307, 21306, 0.5), (50000, 48000, 0.5), (9000, 1020, 0.9), (951, 49, 0.95), (1, 0, 0.5),
        (949000, 50600, 0.95), (100000, 90000, 0.5), (333333, 666667, 1 / 3),
    ]:
        n = treatment + control
        test = stats.chisquare([treatment, control], [n * share, n * (1 - share)])
        rows.append({
            "treatment": treatment, "control": control, "expected_share": share, "observed_share": treatment / n,
            "chi_squared": test.statistic,
            "p_value": float(mp.erfc(mp.sqrt(mp.mpf(float(test.statistic)) / 2))),
        })
    write("ratio.json", rows)


students()
effects()
ratios()
