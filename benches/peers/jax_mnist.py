"""The MNIST game in JAX: one jitted scan over iterations with donated state.

    scan      random numbers, minibatches, schedules and updates inside
"""

import functools
import os
import time

from peer import KEEP, M, PIECES, PIXELS, LATENT, UNITS, Skip, Start, serve

# XLA's pool has a thread for each processor that this process may use; with one, none is needed.
if len(os.sched_getaffinity(0)) == 1:
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp

PRECISIONS = {"f32": "highest", "tf32": "tensorfloat32", "bf16": "bfloat16"}


@jax.custom_vjp
def generate(theta, z):
    """G(z) for D's minibatch and the fresh one, of which only the second is differentiated."""
    return _generate(theta, z)[-1]


def _generate(theta, z):
    (w1, b1), (w2, b2), (w3, b3) = theta
    h1 = jax.nn.relu(z @ w1 + b1)
    h2 = jax.nn.relu(h1 @ w2 + b2)
    return h1, h2, jax.nn.sigmoid(h2 @ w3 + b3)


def _forward(theta, z):
    h1, h2, y = _generate(theta, z)
    return y, (theta, z[M:], h1[M:], h2[M:], y[M:])


def _backward(kept, dy):
    ((_, _), (w2, _), (w3, _)), z, h1, h2, y = kept
    dz3 = dy[M:] * y * (1 - y)
    dz2 = (dz3 @ w3.T) * (h2 > 0)
    dz1 = (dz2 @ w2.T) * (h1 > 0)
    pairs = ((z, dz1), (h1, dz2), (h2, dz3))
    return [(x.T @ dz, dz.sum(0)) for x, dz in pairs], jnp.zeros((2 * M, z.shape[1]))


generate.defvjp(_forward, _backward)


def drop(x, keep, kept):
    return jnp.where(kept, x / keep, 0.0)


def maxout(z):
    return functools.reduce(jnp.maximum, jnp.split(z, PIECES, axis=1))


def logits(theta, x, kept):
    (w1, b1), (w2, b2), (w3, b3) = theta
    h = maxout(drop(x, KEEP[0], kept[0]) @ w1 + b1)
    h = maxout(drop(h, KEEP[1], kept[1]) @ w2 + b2)
    return (drop(h, KEEP[2], kept[2]) @ w3 + b3)[:, 0]


def momentum(theta, velocity, gradient, eta, mu):
    velocity = jax.tree.map(lambda v, g: mu * v - eta * g, velocity, gradient)
    return jax.tree.map(jnp.add, theta, velocity), velocity


def draw(key, records):
    """Latents, rows of a minibatch, and what dropout keeps in D's own pass and in G's."""
    kz, kx, *keys = jax.random.split(key, 5)
    z = jax.random.uniform(kz, (2 * M, LATENT), minval=-(3**0.5), maxval=3**0.5)
    rows = jax.random.randint(kx, (M,), 0, records)
    masks = [
        jax.random.bits(key, (3 * M, cols)) < jnp.uint32(keep * 2**32)
        for key, cols, keep in zip(keys, (PIXELS, UNITS, UNITS), KEEP)
    ]
    return z, rows, [m[: 2 * M] for m in masks], [m[2 * M :] for m in masks]


def iterate(data, state, given):
    (d, vd, g, vg), step = state
    z, rows, own, other = given
    eta = jnp.maximum(0.1 * jnp.exp(-3.999992000021333e-06 * step), 1e-6)
    mu = 0.5 + 0.2 * jnp.minimum(step * M // len(data) / 249, 1.0)
    x = data[rows].astype(jnp.float32) / 255
    samples, pullback = jax.vjp(lambda g: generate(g, z), g)

    def discriminator(d):
        l = logits(d, jnp.concatenate([x, samples[:M]]), own)
        return jax.nn.softplus(-l[:M]).mean() + jax.nn.softplus(l[M:]).mean()

    loss_d, gradient = jax.value_and_grad(discriminator)(d)
    d, vd = momentum(d, vd, gradient, eta, mu)

    def generator(fresh):
        return jax.nn.softplus(-logits(d, fresh, other)).mean()

    loss_g, dy = jax.value_and_grad(generator)(samples[M:])
    (gradient,) = pullback(jnp.concatenate([jnp.zeros_like(dy), dy]))
    g, vg = momentum(g, vg, gradient, eta, mu)
    return ((d, vd, g, vg), step + 1), jnp.stack([loss_d, loss_g])


@functools.partial(jax.jit, donate_argnums=1)
def play(data, state, given):
    """The iterations whose random numbers are given."""
    return jax.lax.scan(functools.partial(iterate, data), state, given)


@functools.partial(jax.jit, donate_argnums=1, static_argnums=3)
def run_many(data, state, key, count):
    def one(state, key):
        return iterate(data, state, draw(key, len(data)))

    key, own = jax.random.split(key)
    state, losses = jax.lax.scan(one, state, jax.random.split(own, count))
    return state, key, losses


def state_of(start):
    (d, vd), (g, vg) = (start.player(name) for name in ("discriminator", "generator"))
    return jax.tree.map(jnp.array, (d, vd, g, vg)), jnp.int32(start.step)


def prepare(args):
    cuda = args.device.startswith("cuda")
    if args.variant != "scan":
        raise Skip(f"no variant {args.variant}: there is scan")
    if not cuda and args.precision != "f32":
        raise Skip("on a processor the game is played in f32")
    jax.config.update("jax_platforms", "cuda" if cuda else "cpu")
    jax.config.update("jax_default_matmul_precision", PRECISIONS[args.precision])
    try:
        jax.devices()
    except RuntimeError as error:
        raise Skip(f"JAX finds no {args.device}: {error}") from error
    start = Start(args.start)
    data = jnp.array(start.data)
    game = {"state": state_of(start), "key": jax.random.key(1, impl="rbg")}
    compiled = set()

    def check():
        masks = [[jnp.array(kept) > 0 for kept in own] for own in start.kept.values()]
        given = (jnp.array(start.latents), jnp.array(start.rows), *masks)
        return play(data, state_of(start), given)[1].tolist()

    def run(count):
        def once():
            game["state"], game["key"], losses = run_many(data, game["state"], game["key"], count)
            losses.block_until_ready()

        if count not in compiled:
            once()
            compiled.add(count)
        begin = time.perf_counter()
        once()
        return [(time.perf_counter() - begin) / count * 1e3]

    import jaxlib

    return "JAX", {"jax": jax.__version__, "jaxlib": jaxlib.__version__}, check, run


if __name__ == "__main__":
    serve(prepare)
