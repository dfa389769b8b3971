"""Run DAGs in this one process, without a scheduler: ``python in_process.py REQUEST RESULT``.

``etl/airflow_launch.py`` starts it. REQUEST is a JSON file (see ``run_dags`` there), RESULT
the file it writes. One start of Airflow (2 s, and 4 s for its task API on the first task)
serves the metadata migration and any number of DAGs. Not a DAG: see ``.airflowignore``.
"""

from __future__ import annotations

import gc

# Airflow's start makes a million long-lived objects: with the default thresholds collecting
# them again and again takes a quarter of the time (9.5 s -> 6.5 s for a run of four tasks).
gc.set_threshold(50_000, 20, 100)

import json  # noqa: E402
import re  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from airflow.listeners import hookimpl  # noqa: E402

interrupted = False


def interrupt(number: int, frame: object) -> None:
    """The running task ends as failed (Airflow catches this too), nothing further starts."""
    global interrupted
    interrupted = True
    raise KeyboardInterrupt


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def prepare(pools: list[dict[str, Any]]) -> None:
    """Bring the metadata database to this Airflow's version and declare the pools."""
    from airflow.models.pool import Pool
    from airflow.utils.db import upgradedb

    upgradedb()
    for pool in pools:
        Pool.create_or_update_pool(pool["name"], pool["slots"], pool["description"], include_deferred=True)


class Watcher:
    """Airflow tells it how each task ended; it keeps the reason and prints a line."""

    def __init__(self) -> None:
        self.errors: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.started = time.monotonic()

    def line(self, ti: Any, state: str) -> None:
        say(f"{ti.dag_id}.{ti.task_id}{f'[{ti.map_index}]' if ti.map_index >= 0 else ''} {state}")

    def end(self, ti: Any, state: str) -> None:
        self.line(ti, f"{state} after {time.monotonic() - self.started:.1f} s")

    @hookimpl
    def on_task_instance_running(self, previous_state: Any, task_instance: Any) -> None:
        self.started = time.monotonic()
        self.line(task_instance, "starts")

    @hookimpl
    def on_task_instance_success(self, previous_state: Any, task_instance: Any) -> None:
        self.end(task_instance, "succeeded")

    @hookimpl
    def on_task_instance_skipped(self, previous_state: Any, task_instance: Any) -> None:
        self.end(task_instance, "skipped")

    @hookimpl
    def on_task_instance_failed(self, previous_state: Any, task_instance: Any, error: Any) -> None:
        kind = type(error) if isinstance(error, BaseException) else None
        self.errors[task_instance.dag_id, task_instance.task_id, task_instance.map_index] = {
            "error_class": f"{kind.__module__}.{kind.__qualname__}" if kind else None,
            "error": str(error or ""),
            "exit_code": getattr(error, "exit_code", None),
        }
        self.end(task_instance, f"failed: {error}")


def run_one(dag: Any, request: dict[str, Any], watcher: Watcher) -> dict[str, Any]:
    """Run one DAG to its end. A run without tasks counts as failed: it has done nothing."""
    if not request["retries"]:
        # A person waits for this run; minutes between tries belong to the scheduler.
        for task in dag.task_dict.values():
            task.retries = 0
    pattern = "|".join(map(re.escape, request["mark_success"])) or None
    begun = time.monotonic()
    run = dag.test(run_conf=request["conf"], mark_success_pattern=pattern)
    order = {task_id: number for number, task_id in enumerate(topological(dag))}
    instances = sorted(run.get_task_instances(), key=lambda ti: (order.get(ti.task_id, 0), ti.map_index))
    none = {"error_class": None, "error": None, "exit_code": None}
    tasks = [
        {"task_id": ti.task_id, "map_index": ti.map_index, "state": ti.state and str(ti.state)}
        | (watcher.errors.get((dag.dag_id, ti.task_id, ti.map_index), none) if ti.state == "failed" else none)
        for ti in instances
    ]
    return {
        "dag_id": dag.dag_id,
        "run_id": run.run_id,
        "state": str(run.state) if tasks else "failed",
        "error": None if tasks else "the run has no tasks (is its date before the DAG's start_date?)",
        "seconds": round(time.monotonic() - begun, 2),
        "tasks": tasks,
    }


def topological(dag: Any) -> list[str]:
    return [task.task_id for task in dag.topological_sort()]


def main(request_file: Path, result_file: Path) -> int:
    request = json.loads(request_file.read_text(encoding="utf-8"))
    result: dict[str, Any] = {"prepared": False, "runs": []}

    def save() -> None:
        fresh = result_file.with_suffix(".new")
        fresh.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
        fresh.replace(result_file)

    signal.signal(signal.SIGINT, interrupt)
    try:
        if request["prepare"]:
            prepare(request["pools"])
            result["prepared"] = True
            save()
        if request["runs"]:
            from airflow.dag_processing.dagbag import DagBag
            from airflow.sdk.listener import get_listener_manager

            watcher = Watcher()
            get_listener_manager().add_listener(watcher)
            for wanted in request["runs"]:
                # Anew each time (0.1 s): Airflow writes a run's configuration into the parameters of the DAG object,
                # and the next run of the same DAG would find it there.
                bag = DagBag(request["dags_folder"])
                dag = bag.dags.get(wanted["dag_id"])
                if dag is None:
                    broken = "; ".join(f"{path}: {text}" for path, text in bag.import_errors.items())
                    reason = f"no DAG {wanted['dag_id']} in {request['dags_folder']}. {broken}".strip()
                    outcome = {"dag_id": wanted["dag_id"], "state": "failed", "error": reason}
                else:
                    outcome = run_one(dag, wanted, watcher)
                result["runs"].append(outcome)
                save()
                if interrupted or (outcome["state"] != "success" and not request["keep_going"]):
                    break
    except KeyboardInterrupt:
        say("interrupted")
    save()
    gc.freeze()  # the interpreter's end would walk all of it once more (2 s)
    return 130 if interrupted else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
