#!/usr/bin/env python3
"""Checks the models of the bank marketing bench against scikit-learn on the same design matrix.

    python -m venv venv && venv/bin/pip install numpy pandas scikit-learn zstandard
    venv/bin/python docs/check_model.py DIR/bank_marketing
    huan bench model --bank-marketing DIR/bank_marketing

It builds the design matrix as docs/models.md says that training does (medians, indicators of missing values, standardised
numbers, a column a category, rare categories in one), cuts off the same rows (the last fifth; a fifth of either class,
drawn by SplitMix64), fits scikit-learn's logistic regression with C = 1, and prints the figures that the bench prints, too:
AUC, logarithmic loss, Brier score, and the population stability index of scores and inputs between the two parts.
"""

import argparse
import pathlib

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

RARE = 10
MASK = (1 << 64) - 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="where bank-additional-full.csv is, plain or .zst")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    plain = args.folder / "bank-additional-full.csv"
    table = pd.read_csv(plain if plain.exists() else plain.with_suffix(".csv.zst"), sep=";", keep_default_na=False)
    labels = (table.pop("y") == "yes").to_numpy()
    # Known only after the call.
    del table["duration"]
    table["pdays"] = table["pdays"].where(table["pdays"] != 999).astype(float)
    for name, kept in [("stratified", stratified(labels, args.seed)), ("time-ordered", last_fifth(labels))]:
        report(name, table, labels, kept)


def report(name, table, labels, kept):
    matrix, known = design(table, ~kept)
    unscored, kept, learned = (kept & ~known).sum(), kept & known, ~kept
    model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10, max_iter=200).fit(matrix[learned], labels[learned])
    scores = model.predict_proba(matrix)[:, 1]
    theirs, truth = scores[kept], labels[kept]
    print(f"{name}: {learned.sum()} rows learned from in {matrix.shape[1]} columns, {kept.sum()} kept back and scored, of them")
    print(f"  {truth.sum()} true; {unscored} without a score, for a category that the rows learned from lack")
    print(f"  auc {roc_auc_score(truth, theirs):.6f}  log loss {log_loss(truth, theirs):.6f}  brier {brier_score_loss(truth, theirs):.6f}")
    print(f"  psi of the scores {numbers_psi(scores[learned], theirs):.4f}")
    drift = {column: psi_of(table[column], learned) for column in table.columns}
    for column, psi in sorted(drift.items(), key=lambda pair: -pair[1])[:6]:
        print(f"  psi of {column} {psi:.4f}")


def design(table, learned):
    """The design matrix of all rows, as learned from some, and which rows it can tell."""
    columns, known = [], np.ones(len(table), dtype=bool)
    for name in table.columns:
        series = table[name]
        if series.dtype == object or pd.api.types.is_string_dtype(series):
            counts = series[learned].value_counts()
            frequent = sorted(counts[counts >= RARE].index, key=lambda text: text.encode())
            columns += [(series == category).astype(float) for category in frequent]
            if len(frequent) < len(counts):
                columns.append((~series.isin(frequent)).astype(float))
            else:
                known &= series.isin(frequent).to_numpy()
        else:
            filled = series.fillna(series[learned].median())
            mean, deviation = filled[learned].mean(), filled[learned].std(ddof=0)
            columns.append((filled - mean) / deviation if deviation > 0 else filled * 0.0)
            if series[learned].isna().any():
                columns.append(series.isna().astype(float))
    return np.column_stack(columns), known


def last_fifth(labels):
    kept = np.zeros(len(labels), dtype=bool)
    kept[len(labels) - len(labels) // 5 :] = True
    return kept


def stratified(labels, seed):
    """A fifth of either class: those rows whose draws are the least."""
    kept = np.zeros(len(labels), dtype=bool)
    for label in (False, True):
        rows = sorted(np.flatnonzero(labels == label), key=lambda row: (draw(seed, int(row)), row))
        kept[rows[: len(rows) // 5]] = True
    return kept


def draw(seed, at):
    z = (seed + 0x9E3779B97F4A7C15 * (at + 1)) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def psi_of(series, learned):
    if series.dtype == object or pd.api.types.is_string_dtype(series):
        shares = [series[part].value_counts(normalize=True) for part in (learned, ~learned)]
        names = sorted(set(shares[0].index) | set(shares[1].index))
        return psi(*(np.array([share.get(name, 0.0) for name in names]) for share in shares))
    return numbers_psi(series[learned].to_numpy(float), series[~learned].to_numpy(float))


def numbers_psi(expected, actual):
    """By tenths of those expected, with a bin of its own for missing values."""
    bounds = np.unique(np.percentile(expected[~np.isnan(expected)], np.arange(10, 100, 10)))

    def shares(values):
        bins = np.where(np.isnan(values), len(bounds) + 1, np.searchsorted(bounds, values))
        return np.bincount(bins, minlength=len(bounds) + 2) / len(values)

    return psi(shares(expected), shares(actual))


def psi(expected, actual):
    expected, actual = np.maximum(expected, 1e-4), np.maximum(actual, 1e-4)
    return float(np.sum((actual - expected) * np.log(actual / expected)))


main()
