"""Chooses the workers: this process, or those of a Ray cluster."""

from __future__ import annotations

from dagster_project.runtime.workers import ThisProcess, Workers, WorkersError

__all__ = ["workers_at"]


def workers_at(address: str | None) -> Workers:
    """The workers of the Ray cluster at an address; this process if there is no address.

    Args:
        address: ``local`` or ``local:N`` starts a cluster of N workers on this machine for as long
            as it is needed; ``auto``, ``host:port`` and ``ray://host:port`` use a running one.

    Raises:
        WorkersError: the extra is not installed, or the address is malformed.
    """
    if address is None:
        return ThisProcess()
    try:
        from dagster_project.runtime.ray_cluster import RayCluster
    except ImportError as error:
        raise WorkersError(
            f"--ray {address} needs Ray: pip install 'factroots[ray]' ({error})"
        ) from error
    return RayCluster.at(address)
