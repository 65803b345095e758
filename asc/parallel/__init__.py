"""Tasks in parallel: threads or processes of this machine by joblib, or a cluster."""

from asc.parallel.cluster import on_cluster
from asc.parallel.local import InWork, WorkerKilled, in_processes, in_threads

#: What runs tasks. ``local`` is threads or processes of this machine, whichever
#: suits the work.
BACKENDS = ("local", "threading", "loky", "dask", "ray")
#: Those of `BACKENDS` that are a cluster.
CLUSTERS = ("dask", "ray")

__all__ = [
    "BACKENDS",
    "CLUSTERS",
    "InWork",
    "WorkerKilled",
    "in_processes",
    "in_threads",
    "on_cluster",
]
