"""Frames and arrays as files, and back.

The trainer reads and writes files; a frame travels as Arrow's IPC format (Feather), an array as
``.npy``. What a frame looked like, down to its dtypes, is kept as a :class:`Template`.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import importlib.util
import io
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("pandas", "polars", "arrow", "numpy")
#: Added to the name of a file of data: the file of its form.
FORM = ".form.json"


def module(name: str) -> Any:
    """The module ``name``, or an error that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise ImportError(
            f"{package} is not installed\nhint: pip install {package}"
        ) from error


def kind_of(data: object) -> str | None:
    """Which of `KINDS` an object is of; None for a path and for anything else."""
    root = type(data).__module__.split(".")[0]
    name = type(data).__name__
    if isinstance(data, np.ndarray):
        return "numpy"
    if root == "pandas" and name == "DataFrame":
        return "pandas"
    if root == "polars" and name in ("DataFrame", "LazyFrame"):
        return "polars"
    if hasattr(data, "__arrow_c_stream__"):
        return "arrow"
    return None


@dataclass(frozen=True)
class Template:
    """The form of the data that a generator was trained on."""

    kind: str
    """One of `KINDS`."""
    schema: bytes = b""
    """Of a frame: an Arrow file of no rows, with the columns' names and types."""
    dtype: str = ""
    """Of an array: its dtype."""
    shape: tuple[int, ...] = ()
    """Of an array: the shape of one record."""

    def to_json(self) -> str:
        return json.dumps(
            {
                "kind": self.kind,
                "schema": base64.b64encode(self.schema).decode(),
                "dtype": self.dtype,
                "shape": self.shape,
            }
        )

    @staticmethod
    def of_json(text: str) -> Template:
        found = json.loads(text)
        return Template(
            kind=found["kind"],
            schema=base64.b64decode(found["schema"]),
            dtype=found["dtype"],
            shape=tuple(found["shape"]),
        )


def write(data: Any, stem: Path) -> tuple[Path, Template]:
    """Writes a frame or an array beside `stem`; its path and form.

    The name ends in a digest of the content, so that other data never take the place of those that an
    earlier run was trained on.
    """
    kind = kind_of(data)
    if kind is None:
        raise ValueError(
            f"found data of type {type(data).__name__}, expected a path, a frame of pandas, "
            "polars or Arrow, or a NumPy array\n"
            "hint: numpy.asarray(data), or pandas.DataFrame(data)"
        )
    stem.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".gans-", dir=stem.parent) as folder:
        part = Path(folder) / "data"
        template = _write(data, kind, part)
        with open(part, "rb") as file:
            digest = hashlib.sha256(file.read())
        extension = ".npy" if kind == "numpy" else ".feather"
        path = stem.with_name(f"{stem.name}-{digest.hexdigest()[:12]}{extension}")
        os.replace(part, path)
        part.write_text(template.to_json())
        os.replace(part, str(path) + FORM)
    return path, template


def _write(data: Any, kind: str, path: Path) -> Template:
    empty = io.BytesIO()
    if kind == "numpy":
        array = np.ascontiguousarray(data)
        with open(path, "wb") as file:
            np.save(file, array, allow_pickle=False)
        return Template("numpy", dtype=array.dtype.str, shape=array.shape[1:])
    if kind == "polars":
        frame = data.lazy().collect()
        frame.clear().write_ipc(empty)
        frame.write_ipc(path)
        return Template("polars", schema=empty.getvalue())
    table = _table(data, kind).unify_dictionaries()
    ipc = module("pyarrow.ipc")
    with open(path, "wb") as file, ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    with ipc.new_file(empty, table.schema) as out:
        # No rows, but the levels of columns of categories.
        for batch in table.to_batches()[:1]:
            out.write_batch(batch.slice(0, 0))
    return Template(kind, schema=empty.getvalue())


def _table(data: Any, kind: str) -> Any:
    arrow = module("pyarrow")
    if kind == "arrow":
        return arrow.table(data)
    # An index that somebody has named is a column of theirs.
    is_named = any(name is not None for name in data.index.names)
    frame = data.reset_index() if is_named else data
    return arrow.Table.from_pandas(frame, preserve_index=False)


def read(path: Path, template: Template) -> Any:
    """The rows of a file of samples, in the form of `template`."""
    if template.kind == "numpy":
        if path.suffix == ".npy":
            return _like_array(np.load(path), template)
        return _arrow(path).to_pandas().to_numpy()
    if template.kind == "polars":
        return _like_polars(path, template)
    table = _like_arrow(_arrow(path), template)
    return table.to_pandas() if template.kind == "pandas" else table


def _arrow(path: Path) -> Any:
    with module("pyarrow").OSFile(str(path), "rb") as file:
        return module("pyarrow.ipc").open_file(file).read_all()


def _like_array(array: np.ndarray[Any, Any], template: Template) -> np.ndarray[Any, Any]:
    width = int(np.prod(template.shape, dtype=np.int64))
    if template.shape and width == array.shape[1]:
        array = array.reshape(len(array), *template.shape)
    elif not template.shape and template.dtype and array.shape[1] == 1:
        array = array[:, 0]
    if not template.dtype:
        return array
    dtype = np.dtype(template.dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        array = np.clip(np.rint(array), limits.min, limits.max)
    return array.astype(dtype)


def _like_polars(path: Path, template: Template) -> Any:
    polars = module("polars")
    frame = polars.read_ipc(io.BytesIO(path.read_bytes()))
    if not template.schema:
        return frame
    schema = polars.read_ipc(io.BytesIO(template.schema)).schema
    casts = [
        polars.col(name).cast(dtype, strict=False)
        for name, dtype in schema.items()
        if name in frame.columns and frame.schema[name] != dtype
    ]
    return frame.with_columns(casts)


def _like_arrow(table: Any, template: Template) -> Any:
    if not template.schema:
        return table
    form = module("pyarrow.ipc").open_file(io.BytesIO(template.schema)).read_all()
    names = [name for name in form.column_names if name in table.column_names]
    columns = [_cast(table.column(name), form.column(name)) for name in names]
    fields = [
        form.schema.field(name).with_type(column.type)
        for name, column in zip(names, columns, strict=True)
    ]
    arrow = module("pyarrow")
    return arrow.table(columns, schema=arrow.schema(fields, form.schema.metadata))


def _cast(column: Any, form: Any) -> Any:
    """A column in the type of another, or as it is where that cannot hold it."""
    arrow, compute = module("pyarrow"), module("pyarrow.compute")
    to = form.type
    if column.type == to:
        return column
    try:
        if not arrow.types.is_dictionary(to):
            return column.cast(to, safe=False)
        levels = form.combine_chunks().dictionary
        places = compute.index_in(column.cast(levels.type), value_set=levels).cast(to.index_type)
        return arrow.DictionaryArray.from_arrays(
            places.combine_chunks(), levels, ordered=to.ordered
        )
    except (arrow.ArrowInvalid, arrow.ArrowNotImplementedError):
        return column


def default_kind() -> str:
    """The kind of frame for samples of a table that was a file."""
    has = {name: importlib.util.find_spec(name) is not None for name in ("pandas", "polars", "pyarrow")}
    if has["pandas"] and has["pyarrow"]:
        return "pandas"
    if has["polars"]:
        return "polars"
    if has["pyarrow"]:
        return "arrow"
    raise ImportError(
        "found neither polars nor pyarrow, one of which reads a table\nhint: pip install polars"
    )


def form_beside(source: str) -> Template | None:
    """The form that :func:`write` has left beside a file of data, if it has."""
    form = Path(source + FORM)
    return Template.of_json(form.read_text()) if form.exists() else None
