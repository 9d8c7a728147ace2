"""The MNIST game in PyTorch, in the ways that its users make it fast.

    eager          autograd and the fused optimiser, as users write it
    onednn         the same on oneDNN's linear layers, which `F.linear` reaches only for some shapes
    manual         backward pass by hand: no graph, no gradient of what nobody moves, one forward
                   pass of G for both players
    compile        that step through torch.compile
    graph          that step as one CUDA graph, random numbers and schedules inside
    compile-graph  the compiled step as one CUDA graph
"""

import time

from peer import KEEP, M, PIECES, PIXELS, LATENT, UNITS, Skip, Start, rates, serve

import torch
import torch.nn.functional as F

aten = torch.ops.aten
CUDA_ONLY = ("graph", "compile-graph")
VARIANTS = ("eager", "onednn", "manual", "compile", *CUDA_ONLY)


class OneDnnLinear(torch.autograd.Function):
    """x·Wᵀ + b and its gradients, each one primitive of oneDNN on the arrays as they lie."""

    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return product(x, w, b)

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        dx = product(dy, w.t()) if ctx.needs_input_grad[0] else None
        dw = product(dy.t(), x.t()) if ctx.needs_input_grad[1] else None
        db = dy.sum(0) if ctx.needs_input_grad[2] else None
        return dx, dw, db


def product(a, b, bias=None, act="none"):
    """φ(A·Bᵀ + bias) by oneDNN."""
    return torch.ops.mkldnn._linear_pointwise(a, b, bias, act, [], "")


class Game:
    """Both players, the data, and what an iteration needs."""

    def __init__(self, args):
        self.args, self.start = args, Start(args.start)
        self.device = torch.device(args.device)
        # Weights with a row per output, as nn.Linear has them.
        tensor = lambda array: torch.from_numpy(array).to(self.device)
        layers = lambda own: [t for w, b in own for t in (tensor(w.T.copy()), tensor(b))]
        (d, vd), (g, vg) = (self.start.player(name) for name in ("discriminator", "generator"))
        self.d, self.vd, self.g, self.vg = (layers(own) for own in (d, vd, g, vg))
        self.data = tensor(self.start.data)
        self.step = self.start.step
        self.given = 0

    def draw(self):
        """Latents, data rows as floats, and D's dropout masks, as 0 and 1 / keep.

        The masks of D's own pass come first, those of G's pass through D after them.
        """
        z = torch.empty(2 * M, LATENT, device=self.device).uniform_(-(3**0.5), 3**0.5)
        rows = torch.randint(0, len(self.data), (M,), device=self.device)
        masks = [
            torch.empty(3 * M, cols, device=self.device).bernoulli_(keep).mul_(1 / keep)
            for cols, keep in zip((PIXELS, UNITS, UNITS), KEEP)
        ]
        return z, self.gather(rows), [mask.split((2 * M, M)) for mask in masks]

    def gather(self, rows):
        return self.data.index_select(0, rows).float().mul_(1 / 255)

    def take(self):
        """The same as the start gives them for iteration `given`."""
        i, start = self.given, self.start
        self.given += 1
        tensor = lambda array: torch.from_numpy(array[i]).to(self.device)
        own, other = start.kept["discriminator"], start.kept["generator"]
        masks = [
            tuple(tensor(kept).float() / keep for kept in (a, b))
            for a, b, keep in zip(own, other, KEEP)
        ]
        return tensor(start.latents), self.gather(tensor(start.rows)), masks

    def rates(self):
        eta, mu = rates(self.step)
        self.step += 1
        return eta, mu

    # PyTorch's momentum buffer is the authors' velocity over −η, so its momentum is μ times the
    # ratio of two learning rates.

    def buffers(self, velocities):
        eta, _ = rates(self.step - 1)
        return [v / -eta for v in velocities]

    def fused_rates(self):
        before, _ = rates(self.step - 1)
        eta, mu = self.rates()
        return eta, mu * before / eta


class Autograd(Game):
    """`eager` and `onednn`."""

    def __init__(self, args):
        super().__init__(args)
        self.linear = OneDnnLinear.apply if args.variant == "onednn" else F.linear
        self.optimizers = []
        for theta, velocity in ((self.d, self.vd), (self.g, self.vg)):
            for t in theta:
                t.requires_grad_()
            optimizer = torch.optim.SGD(theta, lr=0.1, momentum=0.5, fused=True)
            for t, buffer in zip(theta, self.buffers(velocity)):
                optimizer.state[t]["momentum_buffer"] = buffer
            self.optimizers.append(optimizer)

    def generate(self, z):
        w1, b1, w2, b2, w3, b3 = self.g
        h = F.relu(self.linear(z, w1, b1))
        h = F.relu(self.linear(h, w2, b2))
        return torch.sigmoid(self.linear(h, w3, b3))

    def logits(self, d, x, masks):
        w1, b1, w2, b2, w3, b3 = d
        h = self.linear(drop(x, KEEP[0], masks[0]), w1, b1).view(-1, PIECES, UNITS).amax(1)
        h = self.linear(drop(h, KEEP[1], masks[1]), w2, b2).view(-1, PIECES, UNITS).amax(1)
        return F.linear(drop(h, KEEP[2], masks[2]), w3, b3).float()

    def iterate(self, check=False):
        if check:
            z, x, masks = self.take()
            own, other = zip(*masks)
        else:
            z = torch.empty(2 * M, LATENT, device=self.device).uniform_(-(3**0.5), 3**0.5)
            x = self.gather(torch.randint(0, len(self.data), (M,), device=self.device))
            own = other = (None, None, None)
        eta, mu = self.fused_rates()
        with self.rounded():
            with torch.no_grad():
                samples = self.generate(z[:M])
            logits = self.logits(self.d, torch.cat((x, samples)), own)
        loss_d = F.softplus(-logits[:M]).mean() + F.softplus(logits[M:]).mean()
        self.descend(0, loss_d, eta, mu)
        # D stays, so nobody asks for its gradient.
        d = [t.detach() for t in self.d]
        with self.rounded():
            logits = self.logits(d, self.generate(z[M:]), other)
        loss_g = F.softplus(-logits).mean()
        self.descend(1, loss_g, eta, mu)
        return loss_d.detach(), loss_g.detach()

    def rounded(self):
        half = self.args.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def descend(self, player, loss, eta, mu):
        optimizer = self.optimizers[player]
        group = optimizer.param_groups[0]
        group["lr"], group["momentum"] = eta, mu
        theta = group["params"]
        for t, gradient in zip(theta, torch.autograd.grad(loss, theta)):
            t.grad = gradient
        optimizer.step()


def drop(x, keep, mask):
    """Dropout with a given mask, or with one of PyTorch's."""
    return F.dropout(x, 1 - keep) if mask is None else x * mask


class Manual(Game):
    """`manual`: out of oneDNN's products on the processor, of torch.mm elsewhere."""

    def __init__(self, args):
        super().__init__(args)
        self.fused = args.variant == "manual" and args.device == "cpu"
        if self.fused:
            self.vd, self.vg = self.buffers(self.vd), self.buffers(self.vg)
        self.step_of = Step(self.fused, args.precision)

    def iterate(self, check=False):
        z, x, masks = self.take() if check else self.draw()
        eta, mu = self.fused_rates() if self.fused else self.rates()
        return self.step_of(self.d, self.vd, self.g, self.vg, z, x, masks, eta, mu)


class Step:
    """An iteration by hand, in place; `fused` is by the processor's fused kernels."""

    def __init__(self, fused, precision):
        self.fused, self.half = fused, precision == "bf16"

    def product(self, a, b, bias=None, act="none"):
        """φ(A·Bᵀ + bias)."""
        if self.fused:
            return product(a, b, bias, act)
        if self.half:
            y = torch.mm(a.bfloat16(), b.t().bfloat16(), out_dtype=torch.float32)
            y = y if bias is None else y + bias
        else:
            y = torch.mm(a, b.t()) if bias is None else torch.addmm(bias, a, b.t())
        match act:
            case "relu":
                return torch.relu(y)
            case "sigmoid":
                return torch.sigmoid(y)
        return y

    def judge(self, d, x, masks):
        """Logits of rows that are masked already, and what the way back needs."""
        w1, b1, w2, b2, w3, b3 = d
        z1 = self.product(x, w1, b1).view(-1, PIECES, UNITS)
        y1 = z1.amax(1)
        h1 = y1 * masks[1]
        z2 = self.product(h1, w2, b2).view(-1, PIECES, UNITS)
        y2 = z2.amax(1)
        h2 = y2 * masks[2]
        return torch.addmv(b3, h2, w3[0]), (z1, y1, h1, z2, y2, h2)

    def back(self, d, dl, tape, masks):
        """dZ of D's maxout layers from that of its logits."""
        _, _, w2, _, w3, _ = d
        z1, y1, _, z2, y2, _ = tape
        dz2 = winners((dl[:, None] * w3) * masks[2], z2, y2)
        return winners(self.product(dz2, w2.t()) * masks[1], z1, y1), dz2

    def move(self, theta, velocity, gradients, eta, mu):
        if self.fused:
            numbers = {"lr": eta, "momentum": mu, "dampening": 0.0, "weight_decay": 0.0}
            flags = dict.fromkeys(("nesterov", "maximize", "is_first_step"), False)
            torch._fused_sgd_(theta, gradients, velocity, **numbers, **flags)
            return
        torch._foreach_mul_(velocity, mu)
        torch._foreach_mul_(gradients, eta)
        torch._foreach_sub_(velocity, gradients)
        torch._foreach_add_(theta, velocity)

    def __call__(self, d, vd, g, vg, z, x, masks, eta, mu):
        own, other = zip(*masks)
        w1, b1, w2, b2, w3, b3 = g
        h1 = self.product(z, w1, b1, "relu")
        h2 = self.product(h1, w2, b2, "relu")
        samples = self.product(h2, w3, b3, "sigmoid")

        x = torch.cat((x, samples[:M])) * own[0]
        logits, tape = self.judge(d, x, own)
        loss_d = F.softplus(-logits[:M]).mean() + F.softplus(logits[M:]).mean()
        dl = torch.sigmoid(logits)
        dl = torch.cat((dl[:M] - 1, dl[M:])) / M
        dz1, dz2 = self.back(d, dl, tape, own)
        dw3 = torch.mv(tape[5].t(), dl)[None]
        gradients = [
            self.product(dz1.t(), x.t()), dz1.sum(0),
            self.product(dz2.t(), tape[2].t()), dz2.sum(0),
            dw3, dl.sum()[None],
        ]  # fmt: skip
        self.move(d, vd, gradients, eta, mu)

        fresh, h1, h2 = samples[M:], h1[M:], h2[M:]
        logits, tape = self.judge(d, fresh * other[0], other)
        loss_g = F.softplus(-logits).mean()
        dl = (torch.sigmoid(logits) - 1) / M
        dz1, _ = self.back(d, dl, tape, other)
        dz3 = aten.sigmoid_backward(self.product(dz1, d[0].t()) * other[0], fresh)
        dz2 = aten.threshold_backward(self.product(dz3, w3.t()), h2, 0)
        dz1 = aten.threshold_backward(self.product(dz2, w2.t()), h1, 0)
        gradients = [
            self.product(dz1.t(), z[M:].t()), dz1.sum(0),
            self.product(dz2.t(), h1.t()), dz2.sum(0),
            self.product(dz3.t(), h2.t()), dz3.sum(0),
        ]  # fmt: skip
        self.move(g, vg, gradients, eta, mu)
        return loss_d, loss_g


def winners(dy, z, y):
    """The gradient of maxout's pieces z from that of its units y."""
    dz = torch.where(z == y[:, None], dy[:, None], 0.0)
    return dz.view(-1, PIECES * UNITS)


class Compiled(Manual):
    """`compile`: the step by hand, its passes fused by torch.compile; rates are tensors, since
    a number that changes would be compiled in."""

    def __init__(self, args):
        super().__init__(args)
        self.step_of = torch.compile(self.step_of.__call__, fullgraph=True, dynamic=False)

    def rates(self):
        return tuple(torch.tensor(rate, device=self.device) for rate in super().rates())


class Graph(Manual):
    """`graph` and `compile-graph`: one replay an iteration, schedules on the device."""

    def __init__(self, args):
        super().__init__(args)
        if args.variant == "compile-graph":
            self.step_of = torch.compile(self.step_of.__call__, fullgraph=True, dynamic=False)
        self.done = torch.tensor(float(self.step), dtype=torch.float64, device=self.device)
        self.graph = None

    def rates(self):
        eta = (0.1 * torch.exp(-self.done * 3.999992000021333e-06)).clamp_min(1e-6)
        epoch = torch.floor(self.done * M / len(self.data))
        mu = 0.5 + 0.2 * (epoch / 249).clamp_max(1.0)
        self.done += 1
        return eta.float(), mu.float()

    def capture(self):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                super().iterate()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            super().iterate()

    def iterate(self, check=False):
        if check:
            return super().iterate(check)
        if self.graph is None:
            self.capture()
        return self.graph.replay()


def game_of(variant):
    return {"eager": Autograd, "onednn": Autograd, "manual": Manual, "compile": Compiled}.get(
        variant, Graph
    )


def prepare(args):
    cuda = args.device.startswith("cuda")
    if args.variant not in VARIANTS:
        raise Skip(f"no variant {args.variant}: there are {', '.join(VARIANTS)}")
    if cuda and not torch.cuda.is_available():
        raise Skip("PyTorch finds no CUDA device")
    if not cuda and args.variant in CUDA_ONLY:
        raise Skip(f"{args.variant} is for CUDA devices")
    if cuda and args.variant == "onednn":
        raise Skip("oneDNN is for processors")
    if not cuda and args.precision != "f32":
        raise Skip("on a processor the game is played in f32")
    torch.set_num_threads(args.threads)
    # As this library does; games that go well for D are full of numbers near 0.
    torch.set_flush_denormal(True)
    torch.backends.cuda.matmul.allow_tf32 = args.precision == "tf32"
    torch.manual_seed(1)
    torch.set_grad_enabled(args.variant in ("eager", "onednn"))
    make = lambda: game_of(args.variant)(args)
    game = make()

    def check():
        checked = make()
        count = len(checked.start.rows)
        losses = [checked.iterate(check=True) for _ in range(count)]
        return [[float(loss) for loss in pair] for pair in losses]

    def run(count):
        settle = torch.cuda.synchronize if cuda else lambda: None
        times = []
        settle()
        if cuda:
            # Launches run ahead of the device, as they do in training.
            begin = time.perf_counter()
            for _ in range(count):
                game.iterate()
            settle()
            return [(time.perf_counter() - begin) / count * 1e3]
        for _ in range(count):
            begin = time.perf_counter()
            game.iterate()
            times.append((time.perf_counter() - begin) * 1e3)
        return times

    versions = {"torch": torch.__version__}
    if cuda:
        versions["cuda"] = torch.version.cuda
    return "PyTorch", versions, check, run


if __name__ == "__main__":
    serve(prepare)
