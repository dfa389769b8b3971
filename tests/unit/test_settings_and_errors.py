"""Settings: the only reader of the environment. Errors: what happened and what to do."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from etl import errors
from etl.errors import BochisoError, Terminal, Transient
from etl.settings import PROJECT_ROOT, Settings, get_settings


def test_without_variables_everything_lies_under_var(clean_environment: pytest.MonkeyPatch) -> None:
    settings = Settings()
    assert settings.home == PROJECT_ROOT / "var"
    assert settings.archive_dir == PROJECT_ROOT / "var" / "archive"
    assert settings.warehouse_url is None
    assert settings.portal_base == "https://dichvucong.gov.vn/api/v1/reporting"
    # the manners the portal is promised
    assert settings.portal_pause_seconds >= 2
    assert settings.portal_attempts <= 4


def test_folders_follow_the_home_unless_named(clean_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert settings.archive_dir == tmp_path / "archive"
    assert settings.work_dir == tmp_path / "work"
    assert settings.data_docs_dir == tmp_path / "data_docs"
    assert settings.deliverables_dir == tmp_path / "deliverables"
    assert Settings(home=tmp_path, deliverables=tmp_path / "x").deliverables_dir == tmp_path / "x"


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("BOCHISO_PORTAL_URL", "http://127.0.0.1:8766/api/v1/reporting/", "portal_base", "http://127.0.0.1:8766/api/v1/reporting"),
        ("BOCHISO_PORTAL_URL", "http://127.0.0.1:8766", "portal_base", "http://127.0.0.1:8766/api/v1/reporting"),
        ("BOCHISO_PORTAL_URL", "http://127.0.0.1:8766/", "portal_base", "http://127.0.0.1:8766/api/v1/reporting"),
        ("BOCHISO_PORTAL_URL", "http://127.0.0.1:8766/other", "portal_base", "http://127.0.0.1:8766/other"),
        ("BOCHISO_WAREHOUSE_URL", "postgresql://x/y", "warehouse_url", "postgresql://x/y"),
        ("BOCHISO_PROVINCE", "gia_lai", "province", "gia_lai"),
        ("BOCHISO_MAX_MISSING_UNIT_SHARE", "0.2", "max_missing_unit_share", 0.2),
        ("bochiso_portal_attempts", "5", "portal_attempts", 5),
        ("BOCHISO_DELIVERABLES", "/srv/out", "deliverables_dir", Path("/srv/out")),
        ("BOCHISO_PORTAL_CONTACT", "Văn phòng UBND", "portal_contact", "Văn phòng UBND"),
    ],
)  # fmt: skip
def test_a_variable_sets_its_field(
    clean_environment: pytest.MonkeyPatch, variable: str, text: str, field: str, value: object
) -> None:
    assert getattr(Settings(), field) != value
    clean_environment.setenv(variable, text)
    assert getattr(Settings(), field) == value


def test_other_variables_mean_nothing(clean_environment: pytest.MonkeyPatch) -> None:
    plain = Settings()
    clean_environment.setenv("PROVINCE", "gia_lai")
    clean_environment.setenv("BOCHISO_PLANET", "mars")
    assert Settings() == plain


def test_a_home_is_made_absolute(clean_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean_environment.chdir(tmp_path)
    clean_environment.setenv("HOME", str(tmp_path / "me"))
    assert Settings(home=Path("here")).home == tmp_path / "here"
    assert Settings(home=Path("~/there")).home == tmp_path / "me" / "there"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BOCHISO_PORTAL_URL", "dichvucong.gov.vn"),
        ("BOCHISO_PORTAL_URL", "ftp://dichvucong.gov.vn"),
        ("BOCHISO_PORTAL_URL", ""),
        ("BOCHISO_PORTAL_ATTEMPTS", "0"),
        ("BOCHISO_PORTAL_ATTEMPTS", "6"),
        ("BOCHISO_PORTAL_PAUSE_SECONDS", "-1"),
        ("BOCHISO_PORTAL_PAUSE_SECONDS", "nan"),
        ("BOCHISO_PORTAL_READ_TIMEOUT_SECONDS", "0"),
        ("BOCHISO_MAX_MISSING_UNIT_SHARE", "1"),
        ("BOCHISO_MAX_MISSING_UNIT_SHARE", "5%"),
        ("BOCHISO_MAX_QUARANTINED_SHARE", "-0.1"),
        ("BOCHISO_AIRFLOW_PORT", "0"),
        ("BOCHISO_AIRFLOW_PORT", "65536"),
    ],
)
def test_a_bad_value_is_refused_by_name(
    clean_environment: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    clean_environment.setenv(variable, text)
    with pytest.raises(ValidationError, match=variable.removeprefix("BOCHISO_").lower()):
        Settings()


def test_settings_do_not_change_once_made(clean_environment: pytest.MonkeyPatch) -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.province = "gia_lai"  # type: ignore[misc]


def test_the_settings_of_a_process_are_read_once(clean_environment: pytest.MonkeyPatch) -> None:
    get_settings.cache_clear()
    try:
        first = get_settings()
        clean_environment.setenv("BOCHISO_PROVINCE", "gia_lai")
        assert get_settings() is first
    finally:
        get_settings.cache_clear()


# --- errors -----------------------------------------------------------------------------------------

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BochisoError)]


def made(kind: type[BochisoError]) -> BochisoError:
    words: dict[str, str] = {}
    if kind is errors.FileRefused:
        words = {"rule": "guard.empty", "message_vi": "Tệp trống.", "remedy_vi": "Gửi lại.", "locator": "A1"}
    return kind("six groups are missing", "fetch again", **words)


def test_every_kind_of_error_is_seen() -> None:
    assert len(KINDS) >= 13


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_an_exit_code_and_says_what_to_do(kind: type[BochisoError]) -> None:
    error = made(kind)
    assert error.exit_code in {2, 3, 4, 5, 6}
    assert "six groups are missing" in str(error)
    assert "fetch again" in str(error)
    assert (error.message, error.remedy) == ("six groups are missing", "fetch again")
    if kind is not BochisoError:
        assert issubclass(kind, Terminal) != issubclass(kind, Transient)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_survives_the_way_to_another_process(kind: type[BochisoError]) -> None:
    error = made(kind)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (kind, str(error), vars(error))


def test_what_may_be_retried_is_told_from_what_may_not() -> None:
    assert issubclass(errors.PortalUnreachable, Transient)
    assert issubclass(errors.WarehouseUnavailable, Transient)
    assert not issubclass(errors.PortalRefused, Transient)
    assert {errors.Transient.exit_code, errors.PortalUnreachable.exit_code} == {4}
    assert errors.UnknownName.exit_code == 2
    assert errors.CaptureIncomplete.exit_code == errors.ReportNotReady.exit_code == 5
    assert errors.ValidationFailed.exit_code == 6


# --- weight -----------------------------------------------------------------------------------------


def test_fetching_and_reading_load_neither_airflow_nor_great_expectations() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests'); import conftest, etl.validate.suites, etl.validate.frames;"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'airflow', 'great_expectations'}),"
        " 'etl.sources.national_portal.read' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_ROOT,
        env=os.environ | {"PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["[]", "True"]
