"""One iteration of the authors' MNIST game in JAX: a jitted scan with donated state.

The same products as `train_step/mnist`: G's samples for both players, D on data and samples stacked,
then G through D. Prints milliseconds per iteration, median of the scans.

usage: taskset -c 0 python jax_mnist.py        (one thread; without taskset all processors)
needs: pip install jax
"""

import os
import statistics
import time

if len(os.sched_getaffinity(0)) == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp

M, STEPS, SCANS = 100, 20, 9
PIECES = 5
ETA, MU = 0.1, 0.5


def uniform(key, shape, bound):
    return jax.random.uniform(key, shape, minval=-bound, maxval=bound)


def layers(key, sizes, bound):
    keys = jax.random.split(key, len(sizes))
    return [(uniform(k, s, bound), jnp.zeros(s[1])) for k, s in zip(keys, sizes)]


def generate(theta, z):
    (w1, b1), (w2, b2), (w3, b3) = theta
    h = jax.nn.relu(z @ w1 + b1)
    h = jax.nn.relu(h @ w2 + b2)
    return jax.nn.sigmoid(h @ w3 + b3)


def drop(key, x, keep):
    return jnp.where(jax.random.bernoulli(key, keep, x.shape), x / keep, 0.0)


def logits(theta, x, key):
    (w1, b1), (w2, b2), (w3, b3) = theta
    k0, k1, k2 = jax.random.split(key, 3)
    x = drop(k0, x, 0.8)
    h = (x @ w1 + b1).reshape(len(x), -1, PIECES).max(-1)
    h = drop(k1, h, 0.5)
    h = (h @ w2 + b2).reshape(len(x), -1, PIECES).max(-1)
    h = drop(k2, h, 0.5)
    return (h @ w3 + b3)[:, 0]


def momentum(theta, velocity, gradient):
    velocity = jax.tree.map(lambda v, g: MU * v - ETA * g, velocity, gradient)
    return jax.tree.map(jnp.add, theta, velocity), velocity


def iteration(state, key):
    g, d, vg, vd, data = state
    kz, kx, kd, kg = jax.random.split(key, 4)
    z = uniform(kz, (2 * M, 100), 3**0.5)
    rows = jax.random.randint(kx, (M,), 0, len(data))
    x = data[rows].astype(jnp.float32) / 255.0
    # D's samples need no way back; the fresh ones, which G learns from, do.
    samples = generate(g, z[:M])
    fresh, pullback = jax.vjp(lambda g: generate(g, z[M:]), g)

    def discriminator(d):
        l = logits(d, jnp.concatenate([x, samples]), kd)
        return jax.nn.softplus(-l[:M]).mean() + jax.nn.softplus(l[M:]).mean()

    loss, grad = jax.value_and_grad(discriminator)(d)
    d, vd = momentum(d, vd, grad)

    def generator(fresh):
        return jax.nn.softplus(-logits(d, fresh, kg)).mean()

    (grad,) = pullback(jax.grad(generator)(fresh))
    g, vg = momentum(g, vg, grad)
    return (g, d, vg, vd, data), loss


def main():
    key = jax.random.key(1, impl="rbg")
    kg, kd, kx, key = jax.random.split(key, 4)
    g = layers(kg, [(100, 1200), (1200, 1200), (1200, 784)], 0.05)
    d = layers(kd, [(784, 240 * PIECES), (240, 240 * PIECES), (240, 1)], 0.005)
    zeros = lambda theta: jax.tree.map(jnp.zeros_like, theta)
    data = jax.random.randint(kx, (50_000, 784), 0, 256).astype(jnp.uint8)
    state = (g, d, zeros(g), zeros(d), data)
    scan = jax.jit(lambda s, k: jax.lax.scan(iteration, s, jax.random.split(k, STEPS)), donate_argnums=0)
    times = []
    for i in range(SCANS + 2):
        start = time.perf_counter()
        state, losses = scan(state, jax.random.fold_in(key, i))
        losses.block_until_ready()
        times.append((time.perf_counter() - start) / STEPS * 1e3)
    times = sorted(times[2:])
    print(
        f"jax {jax.__version__}: median {statistics.median(times):.2f} ms, "
        f"best {times[0]:.2f} ms, loss {losses[-1]:.4f}"
    )


if __name__ == "__main__":
    main()
