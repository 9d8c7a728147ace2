"""The best rate of a 4096³ product of f32 matrices that a library reaches, as one line of JSON.

usage: python products.py torch|numpy|jax THREADS
"""

import json
import os
import sys
import time

SIDE, RUNS = 4096, 4


def torch(threads):
    import torch

    torch.set_num_threads(threads)
    a, b = (torch.rand(SIDE, SIDE) for _ in range(2))
    products = {
        "PyTorch, MKL": lambda: torch.mm(a, b),
        "PyTorch, oneDNN": lambda: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], ""),
    }
    return torch.__version__, products


def numpy(_):
    import numpy as np

    a, b = (np.random.default_rng(1).random((SIDE, SIDE), dtype=np.float32) for _ in range(2))
    c = np.empty_like(a)
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    name = "OpenBLAS" if "openblas" in blas else blas
    return np.__version__, {f"NumPy, {name}": lambda: np.matmul(a, b, out=c)}


def jax(threads):
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    import jax

    jax.config.update("jax_platforms", "cpu")
    a, b = (jax.random.uniform(key, (SIDE, SIDE)) for key in jax.random.split(jax.random.key(1)))
    product = jax.jit(lambda a, b: a @ b)
    return jax.__version__, {"JAX": lambda: product(a, b).block_until_ready()}


def best(run):
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return 2 * SIDE**3 / min(times)


def main():
    library, threads = sys.argv[1], int(sys.argv[2])
    try:
        version, products = {"torch": torch, "numpy": numpy, "jax": jax}[library](threads)
    except ImportError as error:
        print(json.dumps({"name": library, "version": "", "skip": str(error)}))
        return
    flops, name = max((best(run), name) for name, run in products.items())
    print(json.dumps({"name": name, "version": version, "flops": flops}))


if __name__ == "__main__":
    main()
