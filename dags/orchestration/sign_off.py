"""The task that waits for a person's signature. Not a DAG."""

from __future__ import annotations

import logging
import time
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Param

from etl.errors import Transient
from orchestration.outcomes import TerminalFailure, run_stage

RELEASE = "etl.release_stages"
# The answer must reach the ledger: asking again after a failed try would lose it. 5 minutes in all.
WAITS_SECONDS = (5, 15, 40, 60, 180)

# What the form asks beside the answer (``params`` of the task).
FORM = {
    "comment": Param(
        "",
        type=["null", "string"],
        maxLength=2000,
        title="Ý kiến",
        description="Ý kiến kèm theo; khi từ chối, ghi rõ nội dung cần sửa.",
    )
}

log = logging.getLogger(__name__)


class SignOff(ApprovalOperator):
    """Ask a person to approve a built release; who, the answer and the comment go into the ledger.

    ``built`` is what ``build_release`` returned. Nobody is asked where the release needs no sign-off, or where it
    has been decided already (``bochiso release approve``). A refusal skips what follows: ``release`` asks the
    ledger, and nothing but the ledger. The subject holds the release's id, by which ``etl/airflow_sign_off.py``
    finds the request.
    """

    template_fields = ("built",)

    def __init__(self, *, built: Any, **kwargs: Any) -> None:
        # Subject and body are set when the task runs: no template engine ever reads them.
        super().__init__(subject="", body="", **kwargs)
        self.built = built

    def execute(self, context: Any) -> Any:
        """Ask, unless there is nothing to ask."""
        release_id = self.built["release_id"]
        if not self.built["needs_sign_off"]:
            log.info("%s needs no sign-off", release_id)
            return None
        status = run_stage("release_status", release_id, module=RELEASE)
        if status != "draft":
            log.info("%s has been decided already: %s", release_id, status)
            return None
        subject = str(self.built["subject"])
        self.subject = subject if release_id in subject else f"{subject} [{release_id}]"
        self.body = self.built["body"]
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Record the answer. Where the ledger has been told otherwise in the meantime, it changes nothing."""
        answer = HITLOperator.execute_complete(self, context, event)
        approved = answer["chosen_options"] == [self.APPROVE]
        self.hitl_summary_extra["approved"] = approved
        user = answer["responded_by_user"] or {}
        who = str(user.get("name") or user.get("id") or "")
        comment = str((answer["params_input"] or {}).get("comment") or "").strip() or None
        for wait_seconds in (*WAITS_SECONDS, None):
            try:
                return run_stage("decide", self.built["release_id"], approved, who, comment, module=RELEASE)
            except TerminalFailure as error:
                # Somebody has decided otherwise in the meantime, or there is a newer draft: the ledger's word stands.
                log.warning("the answer changes nothing: %s", error)
                return None
            except Transient as error:
                if wait_seconds is None:
                    raise
                log.warning("the ledger is told again in %d s: %s", wait_seconds, error)
                time.sleep(wait_seconds)
        return None
