"""The files of a local model: which of them readers may open.

What belongs here: keeping readers of other libraries, which take a folder, to the folder of a
restricted study, and names of files that stand in a model's own files. What does not: what the
files contain (``models_gpu.loading.weight_files``, ``models_gpu.loading.tokenizers``).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.restricted import RestrictedError, folder_files, plain_name_problem
from models_gpu.errors import ModelError

if TYPE_CHECKING:
    from models_gpu.loading.spec import ModelSpec

__all__ = ["check_folder", "check_names", "check_tokenizer_names", "kept_inside"]

_ADAPTER = "adapter_config.json"


def check_folder(spec: ModelSpec, folder: Path) -> list[tuple[str, int, int, int, int]]:
    """Check that every file of a restricted study's model lies inside the study's folder.

    Returns:
        Path, device, inode, size and time of each file; empty if the study is not restricted.

    Raises:
        ModelError: a file leads out, or an adapter names another model, also if the study is not
            restricted: where peft is installed, that model's weights would be loaded.
    """
    if (folder / _ADAPTER).exists():
        raise ModelError(
            f"{_ADAPTER} names another model, whose weights would be loaded in place of these: "
            "merge the adapter into its model (merge_and_unload), and save that one"
        )
    if spec.within is None:
        return []
    try:
        files = folder_files(folder, spec.within)
        stats = [(str(path), path.stat()) for path in files]
    except (OSError, RestrictedError) as error:
        raise ModelError(str(error)) from error
    return [(path, s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns) for path, s in stats]


@contextlib.contextmanager
def kept_inside(spec: ModelSpec, folder: Path) -> Iterator[None]:
    """Hold a model's folder to what was checked while another library opens its files.

    Raises:
        ModelError: as ``check_folder``, or a file was exchanged meanwhile.
    """
    before = check_folder(spec, folder)
    yield
    if check_folder(spec, folder) != before:
        raise ModelError("its files were changed while they were read, so nothing is used of them")


def check_names(file: str, names: Iterable[object]) -> None:
    """Check that names inside a model's file mean files next to it.

    Raises:
        ModelError: one leads to another folder, or is an address.
    """
    for name in names:
        if (why := plain_name_problem(name)) is not None:
            raise ModelError(f"{file}: {why}; all files of a model lie next to each other")


def check_tokenizer_names(folder: Path) -> None:
    """Check the names of further tokenizer files in tokenizer_config.json.

    Raises:
        ModelError: as ``check_names``.
    """
    path = folder / "tokenizer_config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # A missing file is none of this; a broken one is reported by the reader.
        return
    names = settings.get("fast_tokenizer_files", ()) if isinstance(settings, dict) else ()
    check_names(path.name, names if isinstance(names, list) else ())
