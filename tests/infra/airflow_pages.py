"""Airflow's pages as tests use them: who is running, who waits, and the answers of a person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from support.airflow import call


@dataclass
class Pages:
    """Airflow's API, as its pages use it."""

    url: str
    token: str

    @classmethod
    def open(cls, said: str) -> Pages:
        _, url, user, passwords = said.split(maxsplit=3)
        password = json.loads(Path(passwords.strip()).read_text())[user]
        body = {"username": user, "password": password}
        return cls(url, call(f"{url}/auth/token", method="POST", body=body)["access_token"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        page = call(f"{self.url}/api/v2/dags/{dag_id}/dagRuns?order_by=id&limit=50", self.token)
        return page["dag_runs"]  # type: ignore[no-any-return]

    def tasks(self, dag_id: str, run_id: str = "~") -> list[dict[str, Any]]:
        address = f"{self.url}/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100"
        return call(address, self.token)["task_instances"]  # type: ignore[no-any-return]

    def knows(self, dag_id: str) -> bool:
        """Whether the DAG processor has read that DAG."""
        return call(f"{self.url}/api/v2/dags?dag_id_pattern={dag_id}", self.token)["total_entries"] > 0

    def trigger(self, dag_id: str, partition_key: str) -> str:
        """Start a run of a partition key by hand. Returns its id."""
        body = {"logical_date": None, "partition_key": partition_key}
        run = call(f"{self.url}/api/v2/dags/{dag_id}/dagRuns", self.token, "POST", body)
        return str(run["dag_run_id"])

    def states(self, dag_id: str, run_id: str) -> dict[tuple[str, int], str | None]:
        """State of every task of a run, by task id and map index."""
        tasks = self.tasks(dag_id, quote(run_id, safe=""))
        return {(task["task_id"], task["map_index"]): task["state"] for task in tasks}

    def forms(self) -> list[dict[str, Any]]:
        """The questions to people that nobody has answered."""
        address = f"{self.url}/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false"
        return call(address, self.token)["hitl_details"]  # type: ignore[no-any-return]

    def answer(self, form: dict[str, Any], option: str, comment: str) -> None:
        """Answer a question as the person who is logged in."""
        task = form["task_instance"]
        run = quote(task["dag_run_id"], safe="")
        call(
            f"{self.url}/api/v2/dags/{task['dag_id']}/dagRuns/{run}/taskInstances/{task['task_id']}/"
            f"{task['map_index']}/hitlDetails",
            self.token,
            "PATCH",
            {"chosen_options": [option], "params_input": {"comment": comment}},
        )
