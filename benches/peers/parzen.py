"""The Parzen estimate in NumPy, PyTorch and JAX: mean of log p(x) over points x, p a mixture of
Gaussians on samples.

As a good user writes it: a product for a block of points, distances from it in place, and log-sum-exp
for each σ from the same distances.

    numpy-1, numpy-10, pytorch-1, pytorch-10, jax-1, jax-10      with one σ, with ten
"""

import os
import time
from pathlib import Path

import numpy as np

from peer import Skip, serve

# Points at a time: distances of a block to all samples stay within a few MB.
BLOCK = 250


def constants(sigmas, samples, values):
    """What log-mean-exp and the Gaussians' height add for each σ."""
    return -np.log(samples) - values * np.log(sigmas * np.sqrt(2 * np.pi))


class NumPy:
    def __init__(self, threads):
        self.versions = {"numpy": np.__version__}

    def array(self, values):
        return values

    def means(self, points, samples, sigmas):
        centre = samples.mean(0)
        points, samples = points - centre, samples - centre
        squares = np.einsum("ij,ij->i", samples, samples)
        factors = -0.5 / sigmas**2
        sums = np.zeros(len(sigmas))
        for first in range(0, len(points), BLOCK):
            x = points[first : first + BLOCK]
            distances = x @ samples.T
            distances *= -2
            distances += squares
            distances += np.einsum("ij,ij->i", x, x)[:, None]
            np.maximum(distances, 0, out=distances)
            nearest = distances.min(1, keepdims=True)
            distances -= nearest
            for i, factor in enumerate(factors.astype(np.float32)):
                logs = np.log(np.exp(distances * factor).sum(1)) + nearest[:, 0] * factor
                sums[i] += logs.sum(dtype=np.float64)
        return sums / len(points) + constants(sigmas, len(samples), points.shape[1])


class Torch:
    def __init__(self, threads):
        import torch

        self.torch = torch
        torch.set_num_threads(threads)
        self.versions = {"torch": torch.__version__}

    def array(self, values):
        return self.torch.from_numpy(values)

    def means(self, points, samples, sigmas):
        torch = self.torch
        with torch.inference_mode():
            centre = samples.mean(0)
            points, samples = points - centre, samples - centre
            squares = samples.square().sum(1)
            sums = np.zeros(len(sigmas))
            for x in points.split(BLOCK):
                # oneDNN's product, with the squares of the samples as its bias.
                distances = torch.ops.mkldnn._linear_pointwise(
                    x * -2, samples, squares, "none", [], ""
                )
                distances.add_(x.square().sum(1, keepdim=True)).clamp_min_(0)
                for i, sigma in enumerate(sigmas):
                    logs = torch.logsumexp(distances * float(-0.5 / sigma**2), 1)
                    sums[i] += float(logs.double().sum())
        return sums / len(points) + constants(sigmas, len(samples), points.shape[1])


class Jax:
    def __init__(self, threads):
        if threads == 1:
            os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        import jax

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_default_matmul_precision", "highest")
        self.jax = jax
        self.versions = {"jax": jax.__version__}
        self.blocks = jax.jit(self.blocks)

    def array(self, values):
        return self.jax.numpy.array(values)

    def blocks(self, points, samples, factors):
        jnp = self.jax.numpy
        centre = samples.mean(0)
        points, samples = points - centre, samples - centre
        squares = jnp.square(samples).sum(1)

        def block(x):
            distances = jnp.square(x).sum(1, keepdims=True) + squares - 2 * (x @ samples.T)
            distances = jnp.maximum(distances, 0)
            nearest = distances.min(1, keepdims=True)
            one = lambda f: jnp.log(jnp.exp((distances - nearest) * f).sum(1)) + nearest[:, 0] * f
            return jnp.stack([one(f) for f in factors])

        return self.jax.lax.map(block, points.reshape(-1, BLOCK, points.shape[1]))

    def means(self, points, samples, sigmas):
        factors = (-0.5 / sigmas**2).astype(np.float32)
        logs = np.asarray(self.blocks(points, samples, list(factors)), dtype=np.float64)
        return logs.mean((0, 2)) + constants(sigmas, len(samples), points.shape[1])


def prepare(args):
    library, _, count = args.variant.partition("-")
    libraries = {"numpy": NumPy, "pytorch": Torch, "jax": Jax}
    if library not in libraries or count not in ("1", "10"):
        raise Skip(f"no variant {args.variant}")
    own = libraries[library](args.threads)
    array = lambda name: np.load(Path(args.start) / f"{name}.npy")
    points, samples = (own.array(array(name)) for name in ("points", "samples"))
    sigmas, checked = array("sigmas"), int(array("checked")[0])
    sigmas = sigmas[2:3] if count == "1" else sigmas

    def check():
        return [own.means(points[:checked], samples[:checked], sigmas).tolist()]

    def run(count):
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            own.means(points, samples, sigmas)
            times.append((time.perf_counter() - begin) * 1e3)
        return times

    return library, own.versions, check, run


if __name__ == "__main__":
    serve(prepare)
