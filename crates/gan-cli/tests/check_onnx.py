"""Holds a graph of ONNX to what the program itself computes.

    python check_onnx.py GRAPH CASE

CASE is JSON: the `inputs` of the graph, row by row, and what its `outputs` must be, in their order:
numbers, null for NaN, or texts. A number may be off by a millionth of its column's range, or by its
`tolerance`, and a `share` of the cells of each column must be right, if it says so.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime

path, case = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
onnx.checker.check_model(onnx.load(path), full_check=True)
session = onnxruntime.InferenceSession(path)
inputs = {name: np.array(rows, np.float32) for name, rows in case["inputs"].items()}
assert {it.name for it in session.get_inputs()} == set(inputs), session.get_inputs()
outputs = session.get_outputs()
assert [it.name for it in outputs] == [name for name, _ in case["outputs"]], outputs

# Any number of rows will do.
for rows in (len(next(iter(inputs.values()))), 1):
    found = session.run(None, {name: values[:rows] for name, values in inputs.items()})
    for values, info, (name, expected) in zip(found, outputs, case["outputs"]):
        assert len(values) == rows, (name, values.shape)
        if info.type == "tensor(string)":
            are_right = np.array(values) == np.array(expected[:rows], object)
        else:
            expected = np.array(expected, float)
            allowed = case.get("tolerance", 1e-6) * max(np.nanmax(expected) - np.nanmin(expected), 1.0)
            values, expected = values.reshape(rows, -1), expected[:rows].reshape(rows, -1)
            are_blank = np.isnan(values) & np.isnan(expected)
            are_right = (np.abs(values - expected) <= allowed) | are_blank
        # One row tells nothing of a share.
        share = case.get("share", 1.0) if rows > 1 or "share" not in case else 0.0
        assert are_right.mean() >= share, (name, are_right.mean(), values, expected)
