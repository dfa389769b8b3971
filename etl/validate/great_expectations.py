"""The only module that touches Great Expectations (its import takes about 5 s: keep it out of DAG files)."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from etl.errors import Terminal
from etl.validate.suites import Suite

# A table may wait for what the suites before it found: which rows are refused.
Frame = pd.DataFrame | Callable[[Mapping[tuple[str, str], "Outcome"]], pd.DataFrame]


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation. ``positions`` are 0-based rows that broke it."""

    success: bool
    element_count: int
    unexpected_count: int
    positions: tuple[int, ...]
    examples: str


def run_suites(
    suites: tuple[Suite, ...],
    frames: Mapping[str, Frame],
    values: Mapping[str, Any],
    data_docs_dir: Path | None = None,
) -> dict[tuple[str, str], Outcome]:
    """Every expectation's outcome by (suite, rule). Data Docs go to ``data_docs_dir`` where given.

    Suites run in their order; a frame that is a function is made from the outcomes so far.
    Raises Terminal when an expectation raised instead of judging (GX reports that like a
    failure), or when a suite names a table nobody made.
    """
    import great_expectations as gx  # 5 s and 230 MB: only the process that judges pays

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    if data_docs_dir is not None:
        _set_docs_folder(context, data_docs_dir)
    source = context.data_sources.add_pandas("bochiso")
    outcomes: dict[tuple[str, str], Outcome] = {}
    for suite in suites:
        if suite.table not in frames:
            raise Terminal(
                f"suite {suite.name} asks for the table {suite.table}", f"use one of {', '.join(frames)}"
            )
        table = frames[suite.table]
        frame = (table(outcomes) if callable(table) else table).reset_index(drop=True)
        if frame.empty:  # nothing to judge is not a failure; an empty reading was refused long before
            outcomes |= {(suite.name, item.rule): Outcome(True, 0, 0, (), "") for item in suite.expectations}
            continue
        batch = source.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe("whole")
        definition = gx.ValidationDefinition(
            data=batch,
            suite=context.suites.add(gx.ExpectationSuite(**suite.as_gx(values))),
            name=suite.name,
        )
        report = context.validation_definitions.add(definition).run(
            batch_parameters={"dataframe": frame},
            result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
        )
        outcomes |= _outcomes(suite, report, frame)
    if data_docs_dir is not None:
        context.build_data_docs()
    return outcomes


def _outcomes(suite: Suite, report: Any, frame: pd.DataFrame) -> dict[tuple[str, str], Outcome]:
    found: dict[tuple[str, str], Outcome] = {}
    for result in report.results:
        rule = str(result.expectation_config.meta["rule"])
        crash = _crash(result.exception_info)
        if crash:
            raise Terminal(
                f"the check {suite.name}.{rule} could not be computed: {crash}",
                f"mend the expectation in expectations/{suite.name}.yml; a check that crashed has not passed",
            )
        detail = result.result or {}
        positions = tuple(int(index) for index in detail.get("unexpected_index_list") or ())
        found[(suite.name, rule)] = Outcome(
            success=bool(result.success),
            element_count=int(detail.get("element_count", len(frame))),
            unexpected_count=int(detail.get("unexpected_count", 0 if result.success else len(frame))),
            positions=positions,
            examples=_examples(suite, frame, positions, detail.get("partial_unexpected_list") or ()),
        )
    missing = {(suite.name, item.rule) for item in suite.expectations} - found.keys()
    if missing:
        raise Terminal(
            f"no result for the checks {sorted(missing)}",
            "two expectations of a suite may not share a rule name or be identical",
        )
    return found


def _examples(suite: Suite, frame: pd.DataFrame, positions: tuple[int, ...], values: Sequence[Any]) -> str:
    """Three values that broke it, each with its row's label where the suite has one."""
    told = [str(value) for value in values]
    if suite.label is not None and len(positions) >= len(told):
        labels = frame[suite.label].iloc[list(positions[: len(told)])]
        told = [
            f"{label}: {value:.4g}".replace(".", ",") if isinstance(value, float) else f"{label}: {value}"
            for label, value in zip(labels, values, strict=True)
        ]
    return ", ".join(list(dict.fromkeys(told))[:3])


def _crash(info: Any) -> str | None:
    """The message of an exception inside a metric; GX nests them by metric id."""
    if not isinstance(info, dict):
        return None
    if "raised_exception" in info:
        return str(info.get("exception_message")) if info["raised_exception"] else None
    return next((message for nested in info.values() if (message := _crash(nested))), None)


def _set_docs_folder(context: Any, folder: Path) -> None:
    """One site in ``folder``, which is ours alone and made anew."""
    if folder.is_dir():  # the pages of an earlier judgement of the same period
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for site in list(context.get_site_names() or []):  # the one it makes in a temporary folder
        context.delete_data_docs_site(site)
    context.add_data_docs_site(
        site_name="bochiso",
        site_config={
            "class_name": "SiteBuilder",
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(folder),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
