"""Jobs done by several threads or processes, for what fills the cache."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int, in_processes: bool = True
) -> Iterator[Result]:
    """What `work` returns for each job, in the order in which they are done.

    Args:
        work: for processes, a function of a module: they are started anew, since this one may hold threads and locks.
        workers: how many at once; one works in this very process.
        in_processes: processes, each with OpenCV on one thread; else threads.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(work, jobs)
        return
    pool: Executor = (
        ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) if in_processes else ThreadPoolExecutor(workers)
    )
    try:
        for done in as_completed([pool.submit(work, job) for job in jobs]):
            yield done.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)
