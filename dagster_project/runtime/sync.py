"""Exchange of finished parts between a study's own lake and the lake that machines share.

Parts are copied under their fingerprint and never changed (``ingestion.store``). A study without a
shared lake exchanges nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dagster_project.steps.plan import Part, State, unfinished
from ingestion.lake import part_path, read_provenance
from ingestion.store import Store, part_name

__all__ = ["LakeSync"]

LOG = logging.getLogger("factroots")
T = TypeVar("T")
_TRANSFERS = 16
"""Parts that are copied at once: most of the time is spent waiting for the store."""


@dataclass(frozen=True)
class LakeSync:
    """A study's own lake and the shared one. Every method raises StoreError if that fails."""

    lake: Path
    """The study's own lake."""
    store: Store | None
    """The lake that machines share; None without one."""

    def fetch_models(self) -> None:
        """Copies the table ``models`` from the shared lake, if this lake has none.

        It holds the commits at which any machine first resolved the study's hub models.
        """
        path = part_path(self.lake, "models", {})
        if self.store is not None and read_provenance(path) is None:
            self.store.fetch_newest(self.lake, path)

    def fetch_missing(self, parts: Iterable[Part]) -> None:
        """Copies the parts that this lake lacks, where the shared lake has them."""
        if self.store is not None:
            self._fetch(part for part in parts if part.state(self.lake) is not State.DONE)

    def unfinished(self, parts: Iterable[Part]) -> list[Part]:
        """Selects the parts to compute: intact neither in this lake nor in the shared one."""
        lacking = unfinished(parts, self.lake)
        fetched = self._fetch(lacking) if lacking else set()
        return [part for part in lacking if part.label not in fetched]

    def exchange(self, parts: Sequence[Part]) -> list[Part]:
        """As ``unfinished``; also uploads the parts that the shared lake lacks."""
        lacking = unfinished(parts, self.lake)
        if self.store is None:
            return lacking
        shared = self.store.names()
        fetched = self._fetch([part for part in lacking if self._name(part) in shared])
        if fetched:
            LOG.info("%s: %d finished parts fetched", self.store.address, len(fetched))
        intact = {part.label for part in parts} - {part.label for part in lacking}
        self._upload_new([part for part in parts if part.label in intact], shared)
        return [part for part in lacking if part.label not in fetched]

    def share(self, parts: Iterable[Part]) -> None:
        """Uploads the finished parts that the shared lake lacks, as after a lost connection."""
        if self.store is not None:
            done = (part for part in parts if part.state(self.lake) is State.DONE)
            self._upload_new(done, self.store.names())

    def upload(self, part: Part) -> None:
        """Copies a finished part to the shared lake, if there is one."""
        if self.store is not None:
            self.store.upload(self.lake, part.path(self.lake), part.fingerprint)

    def _upload_new(self, parts: Iterable[Part], shared: Container[str]) -> None:
        assert self.store is not None, "the callers return without one"
        new = [part for part in parts if self._name(part) not in shared]
        _in_parallel(self.upload, new)
        if new:
            LOG.info("%s: %d finished parts copied there", self.store.address, len(new))

    def _fetch(self, parts: Iterable[Part]) -> set[str]:
        """Labels of the parts that the shared lake had."""
        store, lake = self.store, self.lake
        if store is None:
            return set()
        wanted = list(parts)
        found = _in_parallel(
            lambda part: store.fetch(lake, part.path(lake), part.fingerprint), wanted
        )
        return {part.label for part, is_there in zip(wanted, found, strict=True) if is_there}

    def _name(self, part: Part) -> str:
        """The part's name in the shared lake."""
        return part_name(self.lake, part.path(self.lake), part.fingerprint)


def _in_parallel(action: Callable[[Part], T], parts: Sequence[Part]) -> list[T]:
    """Results in the order of the parts; raises what the first failure raised."""
    if len(parts) < 2:
        return [action(part) for part in parts]
    with ThreadPoolExecutor(_TRANSFERS) as pool:
        return list(pool.map(action, parts))
