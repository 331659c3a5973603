"""Makes model_metrics.toml: metrics of models as scikit-learn, scipy and scikit-uplift reckon them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scipy scikit-learn pandas scikit-uplift
    /tmp/venv/bin/python services/segment/tests/data/model_metrics.py > services/segment/tests/data/model_metrics.toml
"""

import numpy as np
from scipy.special import rel_entr
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklift.metrics import qini_auc_score, uplift_auc_score

rng = np.random.default_rng(20261128)


def row(name, values):
    print(f"{name} = [{', '.join(repr(v.item()) if hasattr(v, 'item') else repr(v) for v in values)}]")


def number(name, value):
    print(f"{name} = {float(value)!r}")


def flags(name, values):
    print(f"{name} = [{', '.join('true' if v else 'false' for v in values)}]")


print("# Made by model_metrics.py; see there for the command.")
for size, digits in [(200, 2), (57, 15), (1000, 3)]:
    scores = np.round(rng.beta(1.3, 4.0, size), digits)
    labels = rng.random(size) < np.clip(scores * 1.2, 0, 1)
    weights = np.round(rng.uniform(0.2, 3.0, size), 3)
    print("\n[[scores]]")
    row("scores", scores)
    flags("labels", labels)
    row("weights", weights)
    number("auc", roc_auc_score(labels, scores))
    number("weighted_auc", roc_auc_score(labels, scores, sample_weight=weights))
    number("log_loss", log_loss(labels, scores))
    number("weighted_log_loss", log_loss(labels, scores, sample_weight=weights))
    number("brier", brier_score_loss(labels, scores))
    number("weighted_brier", brier_score_loss(labels, scores, sample_weight=weights))
    shares, means = calibration_curve(labels, scores, n_bins=10, strategy="quantile")
    bounds = np.percentile(scores, np.linspace(0, 100, 11))
    counts = np.bincount(np.searchsorted(bounds[1:-1], scores), minlength=10)
    counts = counts[counts > 0]
    row("bin_rows", counts)
    row("bin_means", means)
    row("bin_shares", shares)
    number("expected_calibration_error", np.sum(counts * np.abs(means - shares)) / size)
    order = np.argsort(-scores, kind="stable")
    cut = [order[size * k // 10 : size * (k + 1) // 10] for k in range(10)]
    row("lift", [labels[part].mean() / labels.mean() for part in cut])
    row("gain", np.cumsum([labels[part].sum() for part in cut]) / labels.sum())

for size, digits in [(300, 2), (500, 15)]:
    scores = np.round(rng.normal(0.05, 0.1, size), digits)
    treated = rng.random(size) < 0.5
    labels = rng.random(size) < np.clip(0.3 + scores * treated, 0, 1)
    print("\n[[uplift]]")
    row("scores", scores)
    flags("labels", labels)
    flags("treated", treated)
    number("qini", qini_auc_score(labels.astype(int), scores, treated.astype(int)))
    number("auuc", uplift_auc_score(labels.astype(int), scores, treated.astype(int)))

for expected, actual in [([0.1] * 10, rng.dirichlet(np.ones(10))), ([0.5, 0.3, 0.2, 0.0], np.array([0.2, 0.3, 0.4, 0.1]))]:
    print("\n[[psi]]")
    row("expected", expected)
    row("actual", actual)
    floor = lambda shares: np.maximum(np.array(shares), 1e-4)
    number("psi", np.sum(rel_entr(floor(actual), floor(expected)) + rel_entr(floor(expected), floor(actual))))

for penalty in [1.0, 0.05]:
    columns = np.round(rng.normal(size=(150, 4)), 4)
    columns[:, 3] = (columns[:, 3] > 0.8).astype(float)
    labels = rng.random(150) < 1 / (1 + np.exp(-(-1.5 + columns @ np.array([1.0, -0.5, 0.2, 1.5]))))
    weights = np.round(rng.uniform(0.2, 3.0, 150), 3)
    model = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-13, max_iter=200)
    model.fit(columns, labels, sample_weight=weights)
    print("\n[[logistic]]")
    number("penalty", penalty)
    row("columns", columns.ravel())
    flags("labels", labels)
    row("weights", weights)
    number("intercept", model.intercept_[0])
    row("coefficients", model.coef_[0])
