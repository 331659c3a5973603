"""Makes drift.toml: population stability indices by numpy and scipy.

    python3 -m venv /tmp/v && /tmp/v/bin/pip install numpy scipy && /tmp/v/bin/python drift.py > drift.toml
"""

import numpy as np
from scipy.special import rel_entr

LEAST = 1e-4


def index(before, after):
    p = np.maximum(np.asarray(before) / np.sum(before), LEAST)
    q = np.maximum(np.asarray(after) / np.sum(after), LEAST)
    # The sum of both relative entropies, KL(q|p) + KL(p|q), which is the same as sum (q - p) ln(q / p).
    return float(np.sum(rel_entr(q, p) + rel_entr(p, q)))


def line(values):
    return "[" + ", ".join(repr(float(v)) if isinstance(v, float) else str(int(v)) for v in values) + "]"


def counts(edges, values):
    known = values[~np.isnan(values)]
    bins = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)
    return list(bins) + [len(values) - len(known)]


rng = np.random.default_rng(20261128)
print("# Made by drift.py.")
for before, after in [
    ([10, 20, 30, 40], [40, 30, 20, 10]),
    ([100, 200, 300], [101, 199, 300]),
    ([5, 0, 95], [0, 10, 90]),
    (list(rng.integers(1, 1000, 12)), list(rng.integers(1, 1000, 12))),
    ([1, 999_999], [999_999, 1]),
]:
    print(f"\n[[shares]]\nbefore = {line(before)}\nafter = {line(after)}\nindex = {index(before, after)!r}")
for before, after in [
    (rng.normal(0, 1, 200), rng.normal(0.3, 1.2, 150)),
    (rng.lognormal(8, 2, 300), rng.lognormal(8, 2, 300)),
    (rng.integers(0, 4, 120).astype(float), rng.integers(1, 6, 90).astype(float)),
    (np.where(rng.random(100) < 0.2, np.nan, rng.exponential(5, 100)),
     np.where(rng.random(100) < 0.5, np.nan, rng.exponential(9, 100))),
]:
    edges = np.unique(np.quantile(before[~np.isnan(before)], np.arange(1, 10) / 10))
    b, a = counts(edges, before), counts(edges, after)
    print(f"\n[[numbers]]\nbefore = {line(list(map(float, before)))}\nafter = {line(list(map(float, after)))}")
    print(f"edges = {line(list(map(float, edges)))}\nbefore_counts = {line(b)}\nafter_counts = {line(a)}")
    print(f"index = {index(b, a)!r}")
