"""Holds the module that a document prints to what the program itself computes.

    python check_torch.py DOCUMENT TENSORS CASE

DOCUMENT has a block of Python with a class Player, TENSORS is what it loads, and CASE is JSON: the
`inputs` of one player, row by row, and its only output, of a discriminator.
"""

import json
import re
import sys

import numpy as np

document, tensors, case = sys.argv[1:]
try:
    import torch
except ImportError:
    sys.exit(print("skipped: no PyTorch") or 0)
blocks = re.findall(r"```python\n(.*?)```", open(document, encoding="utf-8").read(), re.DOTALL)
exec(next(block for block in blocks if "class Player" in block))
case = json.load(open(case, encoding="utf-8"))
(rows,) = case["inputs"].values()
((_, expected),) = case["outputs"]
found = Player(tensors)(torch.tensor(rows)).detach().numpy()
assert np.abs(found - np.array(expected)).max() < 1e-6, (found, expected)
