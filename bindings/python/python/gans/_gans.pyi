"""The native part: runs and models by path."""

import os
from collections.abc import Callable
from typing import final

__all__ = ["Model", "presets", "resume", "train", "__version__"]

__version__: str

_Path = str | os.PathLike[str]
_Tell = Callable[[str], bool | None]

def train(
    preset: _Path | None,
    source: _Path | None,
    settings: list[str],
    out: _Path,
    overwrite: bool,
    device: str,
    threads: int | None,
    tell: _Tell,
) -> bool: ...
def resume(
    run: _Path,
    settings: list[str],
    device: str,
    threads: int | None,
    tell: _Tell,
) -> bool: ...
def presets() -> list[str]: ...

@final
class Model:
    def __new__(cls, path: _Path) -> Model: ...
    @property
    def path(self) -> os.PathLike[str]: ...
    @property
    def step(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def preset(self) -> str: ...
    @property
    def config(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def warnings(self) -> list[str]: ...
    @property
    def is_table(self) -> bool: ...
    @property
    def is_mixed(self) -> bool: ...
    @property
    def image(self) -> list[int] | None: ...
    def note(self, name: str) -> str | None: ...
    def save(self, path: _Path, name: str, note: str | None) -> None: ...
    def sample(
        self,
        out: _Path,
        number: int,
        seed: int | None,
        conditions: list[str],
        calibrated: bool,
        device: str,
        threads: int | None,
        tell: _Tell,
    ) -> None: ...
    def evaluate(
        self,
        data: _Path | None,
        samples: int | None,
        metrics: list[str],
        target: str | None,
        seed: int | None,
        quick_controls: bool,
        out: _Path | None,
        device: str,
        threads: int | None,
        tell: _Tell,
    ) -> str: ...
