"""Texts of the program in the words of Python: its flags are arguments here."""

from __future__ import annotations

import json
import re
import shlex

#: A text in quotes of a shell.
_QUOTED = r"""'(?:[^']|'\\'')*'"""
_SET = rf"""--set (?:{_QUOTED}|[\w.-]+=(?:"[^"]*"|[^\s,:;'"]+))"""
_SETS = re.compile(rf"{_SET}(?: {_SET})*")
_RESUME = re.compile(rf"(?:gan-cli train )?--resume ({_QUOTED}|[^\s,;]+)(?: --steps (\d+))?")
#: Where `gans.train` has put a frame or an array that no run keeps.
_DATA = re.compile(r"\S*gans-\w+/(?:run|data)-[0-9a-f]{12}\.(?:feather|npy)")
_TRAIN = re.compile(rf"gan-cli train ([\w-]+) --data ({_QUOTED}|[^\s,;]+)")
_TRAIN_DATA = re.compile(r"gan-cli train data\b")
_WHERE = re.compile(r'--where "([^"]*)"')
_VALUE = re.compile(r"--(data|device|out|samples|seed|steps|target) (`?)([A-Z]+\b|\d+|cpu)")
#: Not of a command of another program, such as ``cargo build --features cuda``.
_BARE = re.compile(
    r"--(calibrated|condition|data|device|epochs|metrics|out|quick-controls|samples|seed|set|sigma"
    r"|steps|target|threads|where)\b"
)


def in_python(text: str) -> str:
    """`text` with arguments of Python in the place of flags."""
    text = _DATA.sub("data", text)
    text = _TRAIN.sub(_train, text)
    text = _TRAIN_DATA.sub("gans.train(data)", text)
    text = text.replace("gan-cli presets", "gans.presets()") if text.endswith("gan-cli presets") else text
    text = _SETS.sub(_settings, text)
    text = _RESUME.sub(_resume, text)
    text = _WHERE.sub(lambda found: f"where=[{json.dumps(found[1], ensure_ascii=False)}]", text)
    text = text.replace("--overwrite", "overwrite=True")
    text = _VALUE.sub(
        lambda found: found[2] + found[1] + "=" + found[3].replace("cpu", '"cpu"'), text
    )
    text = re.sub(r"(?<!\S)-n (\d+)", r"n=\1", text)
    return _BARE.sub(lambda found: found[1].replace("-", "_").replace("set", "settings"), text)


def _settings(found: re.Match[str]) -> str:
    pairs = (word.partition("=") for word in shlex.split(found[0]) if word != "--set")
    return "settings={" + ", ".join(f'"{key}": {_literal(value)}' for key, _, value in pairs) + "}"


def _literal(toml: str) -> str:
    """A value of TOML as Python has it; anything that is none is a text, as it is for the program."""
    if toml.startswith("{"):
        toml = re.sub(r"([\w.-]+) = ", r'"\1": ', toml)
    try:
        return repr(json.loads(toml))
    except ValueError:
        return json.dumps(toml, ensure_ascii=False)


def _train(found: re.Match[str]) -> str:
    path = shlex.split(found[2])[0]
    data = path if path in ("data", "PATH") else json.dumps(path, ensure_ascii=False)
    return f'gans.train({data}, preset="{found[1]}")'


def _resume(found: re.Match[str]) -> str:
    path, steps = shlex.split(found[1])[0], found[2]
    more = f", steps={steps}" if steps else ""
    return f"gans.resume({json.dumps(path, ensure_ascii=False)}{more})"
