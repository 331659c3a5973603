"""Writes clusters.toml: what scikit-learn says of small clusterings, for src/cluster/tests.rs.

    python3 -m venv .venv && .venv/bin/pip install scikit-learn==1.9.1
    .venv/bin/python clusters.py > clusters.toml
"""
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import RobustScaler


def line(name, values):
    print(name, "=", "[" + ", ".join(repr(float(value)) for value in np.ravel(values)) + "]")


def labels(name, values):
    print(name, "=", "[" + ", ".join(str(int(value)) for value in values) + "]")


print("# Made by clusters.py beside it: do not edit.")
for seed, rows, width, k in [(1, 60, 2, 3), (2, 90, 4, 5), (3, 200, 7, 4)]:
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 1, (rows, width)) @ rng.normal(0, 1, (width, width)) + 3 * rng.integers(0, 3, (rows, 1))
    start = points[:k]
    means = KMeans(k, init=start, n_init=1, max_iter=7, tol=0).fit(points)
    other = KMeans(k, n_init=1, random_state=seed).fit(points)
    components = PCA().fit(points)
    mixture = GaussianMixture(k, random_state=seed).fit(points)
    scaler = RobustScaler().fit(points)
    print("\n[[case]]")
    print("width =", width)
    print("k =", k)
    line("points", points)
    line("start", start)
    labels("labels", means.labels_)
    labels("other_labels", other.labels_)
    line("centres", means.cluster_centers_)
    print("inertia =", repr(float(means.inertia_)))
    print("silhouette =", repr(float(silhouette_score(points, means.labels_))))
    print("adjusted_rand =", repr(float(adjusted_rand_score(means.labels_, other.labels_))))
    line("variances", components.explained_variance_)
    line("explained", components.explained_variance_ratio_)
    line("axes", components.components_)
    line("weights", mixture.weights_)
    line("means", mixture.means_)
    line("covariances", mixture.covariances_)
    line("posteriors", mixture.predict_proba(points))
    line("medians", scaler.center_)
    line("quartile_ranges", scaler.scale_)
