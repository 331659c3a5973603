"""Makes the ONNX files of the tests, and prints the scores that they give: a forest by scikit-learn, a graph of plain
operators as neural networks are exported, and one whose input is not of floats.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy scikit-learn onnx skl2onnx onnxruntime
    cd services/segment/tests/data && /tmp/venv/bin/python model_onnx.py
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestClassifier

rng = np.random.default_rng(7)
columns = np.column_stack([rng.uniform(0, 100_000, 400), rng.integers(0, 12, 400), rng.random(400) < 0.5]).astype(np.float32)
labels = (columns[:, 0] > 40_000) ^ (rng.random(400) < 0.1)
forest = RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0).fit(columns, labels)
model = convert_sklearn(
    forest, initial_types=[("row", FloatTensorType([None, 3]))], options={id(forest): {"zipmap": False}}, target_opset=15
)
onnx.save(model, "forest.onnx")
rows = np.array([[100, 5, 1], [5_000, 0, 1], [70_000, 9, 0]], dtype=np.float32)
print("forest", [repr(float(p)) for p in forest.predict_proba(rows)[:, 1]])


def graph(name, element, weights, bias):
    row = helper.make_tensor_value_info("row", element, [1, len(weights)])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, [1, 1])
    nodes = [
        helper.make_node("MatMul", ["row", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["score"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(weights, dtype=np.float32).reshape(-1, 1), "weights"),
        numpy_helper.from_array(np.array([[bias]], dtype=np.float32), "bias"),
    ]
    made = helper.make_model(
        helper.make_graph(nodes, name, [row], [score], constants), opset_imports=[helper.make_opsetid("", 13)], ir_version=8
    )
    onnx.save(made, f"{name}.onnx")


graph("plain", TensorProto.FLOAT, [0.00002, -0.1, 0.7], -0.5)
logits = rows @ np.array([0.00002, -0.1, 0.7], dtype=np.float32) - 0.5
print("plain", [repr(float(1 / (1 + np.exp(-logit)))) for logit in logits])
graph("texts", TensorProto.STRING, [1.0, 1.0, 1.0], 0.0)
