"""Answering Airflow's sign-off form from outside, so that a decision taken at a terminal lets the waiting run go on.

Only the Airflow of this home folder is asked, on 127.0.0.1, with the password that was made for it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx

from etl.airflow_environment import ADMIN_USER, password_file
from etl.airflow_launch import at_work
from etl.airflow_processes import unwell_parts
from etl.errors import Transient
from etl.settings import Settings

APPROVE, REJECT = "Approve", "Reject"  # the two options of Airflow's ApprovalOperator
_TIMEOUT_SECONDS = 15.0


def answer_in_airflow(settings: Settings, release_id: str, approved: bool, comment: str | None) -> bool:
    """Answer the open sign-off request whose subject names a release. Returns whether there was one.

    False where Airflow is not running in this home folder, or nobody waits there for this release. The ledger must
    have the decision already: the task that goes on tells it the same again. Raises Transient where Airflow runs
    but does not take the answer.
    """
    address = f"http://127.0.0.1:{settings.airflow_port}"
    # A run without pages (`bochiso run`) is at work too: whoever else has the port is not told the password.
    if not at_work(settings) or not password_file(settings).is_file() or unwell_parts(address) is not None:
        return False
    try:
        with httpx.Client(base_url=address, timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            client.headers["Authorization"] = f"Bearer {_token(settings, client)}"
            waiting = _waiting(client, release_id)
            for task in waiting:
                _answer(client, task, approved, comment)
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise Transient(
            f"Airflow at {address} did not take the answer about {release_id}: {type(error).__name__}: {error}",
            "the decision itself is in the ledger; answer the request on Airflow's page, or decide again later",
        ) from error
    return bool(waiting)


def _token(settings: Settings, client: httpx.Client) -> str:
    password = json.loads(password_file(settings).read_text(encoding="utf-8"))[ADMIN_USER]
    answer = client.post("/auth/token", json={"username": ADMIN_USER, "password": password})
    return str(answer.raise_for_status().json()["access_token"])


def _waiting(client: httpx.Client, release_id: str) -> list[dict[str, Any]]:
    """The tasks that wait for an answer about a release."""
    answer = client.get(
        "/api/v2/dags/~/dagRuns/~/hitlDetails",
        params={"subject_search": release_id, "response_received": "false", "limit": 100},
    )
    details = answer.raise_for_status().json()["hitl_details"]
    return [detail["task_instance"] for detail in details if release_id in detail["subject"]]


def _answer(client: httpx.Client, task: dict[str, Any], approved: bool, comment: str | None) -> None:
    run, number = quote(task["dag_run_id"], safe=""), task["map_index"]
    answer = client.patch(
        f"/api/v2/dags/{task['dag_id']}/dagRuns/{run}/taskInstances/{task['task_id']}/{number}/hitlDetails",
        json={
            "chosen_options": [APPROVE if approved else REJECT],
            "params_input": {"comment": comment or ""},
        },
    )
    if answer.status_code != httpx.codes.CONFLICT:  # somebody has answered in the meantime
        answer.raise_for_status()
