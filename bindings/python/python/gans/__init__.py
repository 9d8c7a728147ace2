"""Trains generative adversarial nets on tables, vectors and small images, and samples them.

>>> import gans
>>> run = gans.train(frame, seed=1)
>>> rows = run.sample(1000, where={"education": "Doctorate"})
>>> run.save("people.safetensors")

Everything is reproducible: the same data, settings and seed give the same samples, on any number of
threads, and the same as the program ``gan-cli`` gives.
"""

from __future__ import annotations

import datetime
import json
import logging
import numbers
import operator
import os
import shutil
import sys
import tempfile
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from . import _frames, _gans, _words
from ._frames import Template
from ._gans import __version__, presets

__all__ = ["GAN", "Run", "TrainingWarning", "load", "presets", "resume", "train", "__version__"]

_log = logging.getLogger("gans")

Callback = Callable[[dict[str, Any]], object]
"""Called with each event of a training: a dictionary with its name as ``event``, such as
``metrics``. The training is saved and ends if it returns ``False``."""

Where = Mapping[str, Any] | Iterable[str]
"""Conditions on columns: a dictionary from a column to its value, ``{"sex": "male"}``, or to one or
more pairs of an operator and a value, ``{"age": (">", 60)}``; or texts, ``["age>60"]``."""


class TrainingWarning(UserWarning):
    """Something is wrong with the data or the game, and training goes on."""


def train(
    data: Any = None,
    *,
    preset: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    steps: int | None = None,
    epochs: float | None = None,
    condition: Iterable[str] = (),
    settings: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    device: str = "auto",
    threads: int | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> Run:
    """Trains a generator, and returns it with its run.

    Args:
        data: A frame of pandas, polars or Arrow; a NumPy array with a record in each row; the path
            of a file or folder; or, with a preset that names its data, nothing.
        preset: A preset (`gans.presets()`) or the path of a configuration; by default the one for
            mixed tables or for arrays of numbers, as the data are.
        seed: Seed of everything random.
        steps: Iterations; by default the configuration's, which may end earlier by itself.
        epochs: The same as passes over the training records.
        condition: Columns that the generator is given, so that sampling where they have some value
            throws nothing away.
        settings: Keys of the configuration, such as ``{"optimizer.learning_rate": 1e-4}``.
        out: Directory of the run, which is kept; without it the run is deleted with the object.
        overwrite: Replace a run that is there already.
        device: ``"auto"``, ``"cpu"``, or a GPU as ``"cuda:0"`` or ``"wgpu"`` in builds that have it.
        threads: Threads of the CPU; the numbers do not depend on it.
        callback: See `Callback`.
        progress: Show how far it is on standard error; by default where that is a terminal.

    Raises:
        ValueError: A setting or the data is not as it should be.
        OSError: A file cannot be read or written.
        RuntimeError: The game has diverged, or the device failed.
        KeyboardInterrupt: Ctrl-C; what was done is saved, and goes on with `resume`.
    """
    keys = dict(settings or {})
    for key, value in (("seed", seed), ("run.steps", steps), ("run.epochs", epochs)):
        if value is not None:
            keys[key] = value
    if names := _names("condition", condition):
        keys["game.condition"] = names
    if data is None and preset is None:
        raise ValueError(
            "found neither data nor a preset, expected one of them\n"
            'hint: gans.train(frame), or gans.train(preset="digits") for data that are built in'
        )
    kept = None if out is None else Path(out)
    if kept is not None and not kept.name:
        raise ValueError(
            f"out={str(out)!r}: expected the path of a directory of its own\n"
            'hint: for example out="runs/people"'
        )
    temporary = Path(tempfile.mkdtemp(prefix="gans-")) if kept is None else None
    folder = kept or Path(str(temporary), "run")
    template = None
    try:
        if data is None or isinstance(data, (str, os.PathLike)):
            source = data
        else:
            folder.parent.mkdir(parents=True, exist_ok=True)
            source, template = _frames.write(data, folder)
        with _Events(callback, progress) as events:
            done = _gans.train(
                preset, source, _texts(keys), folder, overwrite, device, _threads(threads), events
            )
        return Run(_gans.Model(folder), template, folder, temporary, done)
    except BaseException:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
        raise


def resume(
    run: str | os.PathLike[str],
    *,
    steps: int | None = None,
    epochs: float | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    threads: int | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
) -> Run:
    """Continues the run in a directory, from its last checkpoint, as if it had never been stopped.

    Arguments and errors are those of `train`.
    """
    keys = dict(settings or {})
    for key, value in (("run.steps", steps), ("run.epochs", epochs)):
        if value is not None:
            keys[key] = value
    folder = Path(run)
    with _Events(callback, progress) as events:
        done = _gans.resume(folder, _texts(keys), device, _threads(threads), events)
    model = _gans.Model(folder)
    return Run(model, _frames.form_beside(model.source), folder, None, done)


def load(path: str | os.PathLike[str]) -> Run:
    """A run by its directory, or a model by its file, of this package or of ``gan-cli``.

    Raises:
        ValueError: It is damaged, or no model.
        OSError: It cannot be read.
    """
    model = _gans.Model(path)
    for text in model.warnings:
        warnings.warn(text, TrainingWarning, stacklevel=2)
    note = model.note(_NOTE)
    template = Template.of_json(note) if note else _frames.form_beside(model.source)
    folder = Path(path) if os.path.isdir(path) else None
    return Run(model, template, folder, None, True)


#: The name in a checkpoint of the form of the data that it was trained on.
_NOTE = "python"


class Run:
    """A trained generator, and the run that it comes from."""

    def __init__(
        self,
        model: _gans.Model,
        template: Template | None,
        folder: Path | None,
        temporary: Path | None,
        done: bool,
    ) -> None:
        self._model = model
        self._template = template
        if temporary:
            weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)
        self.folder = folder
        """Directory of the run, if there is one."""
        self.done = done
        """False if the callback has ended the training before its time."""

    @property
    def step(self) -> int:
        """Iterations that the generator was trained for: the best step, where one is known."""
        return self._model.step

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return self._model.seed

    @property
    def preset(self) -> str:
        """Name of the preset, or of the configuration."""
        return self._model.preset

    @property
    def config(self) -> str:
        """The whole configuration, in TOML."""
        return self._model.config

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The readings of the run, such as ``step``, ``value`` (V(D, G) in nats) and ``seconds``."""
        path = self.folder and self.folder / "metrics.jsonl"
        if not path or not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def __repr__(self) -> str:
        return f"<gans.Run of {self.preset}, step {self.step}, seed {self.seed}>"

    def sample(
        self,
        n: int = 100,
        *,
        seed: int | None = None,
        where: Where = (),
        calibrated: bool = True,
        form: str | None = None,
        device: str = "cpu",
        threads: int | None = None,
    ) -> Any:
        """Draws samples, in the form of the data that the generator was trained on.

        Args:
            n: Number of samples.
            seed: Seed of the latents; the run's without it. Sample number i of a seed is always
                the same.
            where: See `Where`; all of them must hold.
            calibrated: Give each level of a table its share of the training rows.
            form: ``"pandas"``, ``"polars"``, ``"arrow"`` or ``"numpy"``, if it is to be another.
            device: As for `train`.
            threads: Likewise.

        Returns:
            A frame with the same columns and dtypes, or an array of n records.

        Raises:
            ValueError: A condition cannot be met.
            RuntimeError: What meets the conditions is too rare.
        """
        template = self._form(form)
        is_array = template.kind == "numpy" and not self._model.is_mixed
        with tempfile.TemporaryDirectory(prefix="gans-") as folder, _Events(None, None) as events:
            path = Path(folder) / ("samples.npy" if is_array else "samples.feather")
            self._model.sample(
                path,
                _whole("n", n, 1, 2**63 - 1),
                _seed(seed),
                _conditions(where),
                calibrated,
                device,
                _threads(threads),
                events,
            )
            return _frames.read(path, template)

    def evaluate(
        self,
        data: Any = None,
        *,
        samples: int | None = None,
        metrics: Iterable[str] = (),
        target: str | None = None,
        seed: int | None = None,
        quick_controls: bool = False,
        out: str | os.PathLike[str] | None = None,
        device: str = "auto",
        threads: int | None = None,
        progress: bool | None = None,
    ) -> dict[str, Any]:
        """Measures how good samples are, beside records that the generator has not seen.

        Args:
            data: The data, if they are no longer where they were in training.
            samples: Number of samples.
            metrics: Names of metrics; all that apply without it.
            target: Column of a table that models learn from the others; the last without it.
            seed: Seed of the latents; the run's without it.
            quick_controls: Leave out controls that take minutes.
            out: Folder for ``evaluation.json`` and pictures.
            device: As for `train`.
            threads: Likewise.
            progress: Likewise.

        Returns:
            The document that ``gan-cli evaluate --json`` prints: ``verdict``, ``sections`` and more.
        """
        with tempfile.TemporaryDirectory(prefix="gans-") as folder, _Events(None, progress) as events:
            if data is not None and not isinstance(data, (str, os.PathLike)):
                data, _ = _frames.write(data, Path(folder) / "data")
            text = self._model.evaluate(
                data,
                None if samples is None else _whole("samples", samples, 1, 2**63 - 1),
                _names("metrics", metrics),
                target,
                _seed(seed),
                quick_controls,
                out,
                device,
                _threads(threads),
                events,
            )
        document: dict[str, Any] = json.loads(text)
        return document

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the generator to one file, from which `load` and ``gan-cli`` draw the same samples."""
        file = Path(path)
        if file.is_dir():
            raise IsADirectoryError(
                f"{file}: found a directory, expected the path of a file\n"
                f"hint: for example {str(file / 'model.safetensors')!r}"
            )
        if not file.parent.is_dir():
            raise FileNotFoundError(
                f"{file}: found no folder {file.parent}\nhint: os.makedirs({str(file.parent)!r}) makes it"
            )
        form = self._template.to_json() if self._template else None
        self._model.save(path, _NOTE, form)

    def __getstate__(self) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="gans-") as folder:
            path = Path(folder) / "model.safetensors"
            self.save(path)
            return {"model": path.read_bytes(), "done": self.done}

    def __setstate__(self, state: dict[str, Any]) -> None:
        with tempfile.TemporaryDirectory(prefix="gans-") as folder:
            path = Path(folder) / "model.safetensors"
            path.write_bytes(state["model"])
            loaded = load(path)
        self.__dict__.update(loaded.__dict__, done=state["done"])

    def _form(self, form: str | None) -> Template:
        if form is not None and form not in _frames.KINDS:
            raise ValueError(
                f"form {form!r}: expected one of {', '.join(_frames.KINDS)}\n"
                'hint: for example form="pandas"'
            )
        if self._template and form in (None, self._template.kind):
            return self._template
        if form is None and not self._model.is_table:
            form = "numpy"
        if form == "numpy" and (image := self._model.image):
            height, width, channels = image
            shape = (height, width) if channels == 1 else (height, width, channels)
            return Template("numpy", shape=shape)
        return Template(form or _frames.default_kind())


class GAN:
    """A generator in the manner of scikit-learn: settings first, then `fit` and `sample`.

    >>> rows = gans.GAN(seed=1).fit(frame).sample(1000)

    The settings are those of `train`.
    """

    _names = ("preset", "seed", "steps", "epochs", "condition", "settings", "device", "threads")

    def __init__(
        self,
        *,
        preset: str | os.PathLike[str] | None = None,
        seed: int | None = None,
        steps: int | None = None,
        epochs: float | None = None,
        condition: Iterable[str] = (),
        settings: Mapping[str, Any] | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.preset = preset
        self.seed = seed
        self.steps = steps
        self.epochs = epochs
        self.condition = condition
        self.settings = settings
        self.device = device
        self.threads = threads

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings by name."""
        return {name: getattr(self, name) for name in self._names}

    def set_params(self, **params: Any) -> GAN:
        """Changes settings."""
        for name, value in params.items():
            if name not in self._names:
                raise ValueError(
                    f"found the setting {name!r}, expected one of {', '.join(self._names)}"
                )
            setattr(self, name, value)
        return self

    def fit(self, X: Any, y: None = None, *, callback: Callback | None = None) -> GAN:
        """Trains on `X`, as `train` does; the run is in the attribute ``run_``."""
        self.run_ = train(X, callback=callback, **self.get_params())
        return self

    def sample(self, n: int = 100, **options: Any) -> Any:
        """Draws samples: see `Run.sample`."""
        if not hasattr(self, "run_"):
            raise ValueError("found a GAN that is not trained yet\nhint: call fit first")
        return self.run_.sample(n, **options)

    def __repr__(self) -> str:
        given = [f"{name}={value!r}" for name, value in self.get_params().items() if value not in (None, ())]
        return f"GAN({', '.join(given)})"


def _texts(keys: Mapping[str, Any]) -> list[str]:
    """Settings as ``--set`` takes them."""
    return [f"{key}={_toml(key, value)}" for key, value in keys.items()]


def _json(value: Any) -> str:
    # JSON's escapes beyond 16 bits are none of TOML's.
    return json.dumps(value, ensure_ascii=False)


def _toml(key: str, value: Any) -> str:
    """A value in TOML, which writes booleans and texts as JSON does."""
    if isinstance(value, (bool, str)):
        return _json(value)
    if isinstance(value, os.PathLike):
        return _json(os.fspath(value))
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        return repr(float(value))
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(key, item) for item in value) + "]"
    if isinstance(value, Mapping):
        pairs = (f"{_json(name)} = {_toml(key, item)}" for name, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    raise ValueError(
        f"settings: {key}: found a value of type {type(value).__name__}, expected a boolean, a number, "
        "a text, a list or a dictionary\nhint: a key that is left out has its default"
    )


def _whole(name: str, value: Any, least: int, most: int) -> int:
    """An integer within its range, of whatever type of integer."""
    try:
        whole = operator.index(value)
    except TypeError:
        whole = None
    if whole is None or not least <= whole <= most:
        raise ValueError(f"{name}={value!r}: expected a whole number from {least:,} to {most:,}")
    return whole


def _seed(seed: int | None) -> int | None:
    return None if seed is None else _whole("seed", seed, 0, 2**64 - 1)


def _threads(threads: int | None) -> int | None:
    return None if threads is None else _whole("threads", threads, 1, 4096)


def _names(argument: str, names: Iterable[str]) -> list[str]:
    """Names in a list; one by itself is a list of one."""
    found = [names] if isinstance(names, str) else list(names)
    if wrong := [name for name in found if not isinstance(name, str)]:
        raise ValueError(f"{argument}: found {wrong[0]!r}, expected texts\nhint: {argument}=[{str(wrong[0])!r}]")
    return found


_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")


def _conditions(where: Where) -> list[str]:
    if isinstance(where, str):
        return [where]
    if isinstance(where, Mapping):
        return [text for column, wanted in where.items() for text in _on_column(column, wanted)]
    texts = list(where) if isinstance(where, Iterable) else [where]
    if wrong := [text for text in texts if not isinstance(text, str)]:
        raise ValueError(
            f"where: found {wrong[0]!r}, expected a dictionary or texts\n"
            'hint: for example where={"age": (">", 60)}, or where=["age>60"]'
        )
    return texts


def _on_column(column: Any, wanted: Any) -> list[str]:
    """The conditions on one column."""
    example = f'hint: for example where={{{column!r}: (">", 60)}}'
    pairs = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(wanted, list) and not all(isinstance(pair, tuple) for pair in wanted):
        raise ValueError(
            f"where: {column}: found the list {wanted!r}, expected pairs of an operator and a value, "
            f"all of which must hold\n{example}; samples of several values are drawn one by one"
        )
    texts = []
    for pair in pairs:
        if isinstance(pair, tuple) and len(pair) != 2:
            raise ValueError(
                f"where: {column}: found {pair!r}, expected a pair of an operator and a value\n{example}"
            )
        compares, value = pair if isinstance(pair, tuple) else ("=", pair)
        if compares not in _OPERATORS:
            raise ValueError(
                f"where: {column}: found the operator {compares!r}, expected one of "
                f"{' '.join(_OPERATORS)}\n{example}"
            )
        texts.append(f"{column}{compares}{_value(value)}")
    return texts


def _value(value: Any) -> str:
    """A value as a file has it; a blank is nothing."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, numbers.Real) and value != value:
        return ""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    text = str(value)
    return text.lower() if text in ("True", "False") and not isinstance(value, str) else text


class _Events:
    """Takes the events of a run: shows, warns, and calls back."""

    #: Seconds between two lines of progress.
    PACE = 0.5

    def __init__(self, callback: Callback | None, progress: bool | None) -> None:
        self.callback = callback
        self.progress = sys.stderr.isatty() if progress is None else progress
        self.begun = self.shown = time.monotonic()
        self.first = self.steps = 0
        self.value = ""
        self.is_line_open = False

    def __enter__(self) -> _Events:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_line_open:
            print(file=sys.stderr)

    def __call__(self, text: str) -> bool:
        event = json.loads(text)
        name = event["event"]
        if name == "start":
            self.first, self.steps = event["step"], event["steps"]
        elif name == "metrics":
            # A game that has diverged has no value.
            value = event["value"]
            self.value = "" if value is None else f"  V {value:.3f}"
        elif name == "data":
            for note in event["notes"]:
                # Without handlers, Python shows warnings alone: such a column is missed in samples.
                level = logging.WARNING if "left out" in note else logging.INFO
                _log.log(level, _words.in_python(note))
        elif name == "diagnosis" and event["passed"] is not None:
            _log.info(_words.in_python(event["text"]))
        elif name in ("warning", "diagnosis"):
            warnings.warn(_words.in_python(event["text"]), TrainingWarning, stacklevel=3)
        elif name == "progress" and self.steps:
            done = (event["step"] - self.first) / max(self.steps - self.first, 1)
            self._show(f"step {event['step']}/{self.steps}{self.value}", done)
        elif name == "stage":
            self._show(event["stage"], event["done"])
        if self.callback and name not in ("progress", "stage"):
            return self.callback(event) is not False
        return True

    def _show(self, text: str, done: float) -> None:
        now = time.monotonic()
        if not self.progress or now - self.shown < self.PACE:
            return
        self.shown = now
        left = f"  {(now - self.begun) * (1 / done - 1):.0f} s left" if done > 0 else ""
        width = shutil.get_terminal_size().columns - 1
        line = f"{text}  {100 * done:.0f} %{left}"[:width]
        print("\r" + line.ljust(width), end="", file=sys.stderr, flush=True)
        self.is_line_open = True
