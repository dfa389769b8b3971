"""One typed settings object: the only place that reads the environment.

Every setting is an environment variable ``BOCHISO_<NAME>`` (see ``docs/settings.md``).
Provinces are files in ``etl/reference/provinces``; a new province is a new file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from etl.errors import UnknownName

PROJECT_ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """What differs between an office, a laptop and a test. Units are in the names."""

    model_config = SettingsConfigDict(env_prefix="BOCHISO_", frozen=True, extra="ignore")

    home: Path = Field(PROJECT_ROOT / "var", description="Folder for everything the program writes.")
    warehouse_url: str | None = Field(
        None, description="PostgreSQL URL of the warehouse; absent: an embedded server under the home folder."
    )
    analyst_url: str | None = Field(
        None, description="URL that logs in as bochiso_analyst, for `bochiso sql` on a given server."
    )
    portal_url: HttpUrl = Field(
        HttpUrl("https://dichvucong.gov.vn/api/v1/reporting"),
        description="Base address of the portal's reporting API; a sandbox can stand in.",
    )
    portal_contact: str = Field(
        "the office that runs this installation (set BOCHISO_PORTAL_CONTACT)",
        description="Contact named in the User-Agent, so that the portal's operators can reach a person.",
    )
    portal_pause_seconds: float = Field(2.0, ge=0, le=60, description="Pause between two portal calls.")
    portal_connect_timeout_seconds: float = Field(10.0, gt=0, description="Time to connect.")
    portal_read_timeout_seconds: float = Field(60.0, gt=0, description="Time to wait for an answer.")
    portal_attempts: int = Field(3, ge=1, le=5, description="Tries per call; network and 5xx only.")
    portal_retry_wait_seconds: float = Field(2.0, ge=0, description="First wait before a retry; doubles.")
    max_missing_unit_share: float = Field(
        0.05, ge=0, lt=1, description="A group that lacks more than this share of its units is refused."
    )
    max_quarantined_share: float = Field(
        0.05, ge=0, lt=1, description="A snapshot with more than this share of rows in quarantine is refused."
    )
    inbox: Path | None = Field(None, description="Folder where staff drop files; default: inbox under home.")
    inbox_poll_seconds: float = Field(20.0, gt=0, le=3600, description="Time between two looks at the inbox.")
    inbox_settle_seconds: float = Field(
        10.0, ge=0, le=3600, description="A dropped file is taken once it has not changed for so long."
    )
    digitization_calendar: Literal["administrative", "calendar"] = Field(
        "administrative",
        description="Days of the digitization report: 15th to 14th (Decree 09/2019), or calendar months.",
    )
    file_max_mib: int = Field(4096, gt=0, description="Largest file that is taken from the inbox, MiB.")
    file_memory_mib: int = Field(
        3072, ge=512, description="Memory the process that reads a handed-in file may use, MiB."
    )
    file_seconds: float = Field(900.0, gt=0, description="Time that process may take.")
    retention_days: int = Field(
        180,
        ge=1,
        description="Handed-in files that hold personal data are deleted from archive and inbox after so many days.",
    )
    deliverables: Path | None = Field(
        None, description="Folder for finished documents; default: deliverables under home."
    )
    province: str = Field("phu_tho", description="Province used when none is named.")
    report_provinces: str = Field(
        "",
        description="Provinces whose duties are kept, slugs apart by commas; default: the province.",
    )
    report_poll_seconds: float = Field(
        60.0, gt=0, le=3600, description="Time between two looks for a report's missing inputs."
    )
    airflow_port: int = Field(8080, ge=1, le=65535, description="Port of Airflow's pages on 127.0.0.1.")

    @field_validator("home", "inbox", "deliverables")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path is not None else None

    @property
    def archive_dir(self) -> Path:
        return self.home / "archive"

    @property
    def work_dir(self) -> Path:
        return self.home / "work"

    @property
    def data_docs_dir(self) -> Path:
        return self.home / "data_docs"

    @property
    def inbox_dir(self) -> Path:
        return self.inbox or self.home / "inbox"

    @property
    def provinces_dir(self) -> Path:
        """Where an office adds provinces and lists of units."""
        return self.home / "provinces"

    @property
    def forms_dir(self) -> Path:
        """Where an office adds layouts of its digitization form."""
        return self.home / "forms"

    @property
    def deliverables_dir(self) -> Path:
        return self.deliverables or self.home / "deliverables"

    @property
    def drafts_dir(self) -> Path:
        """Where documents wait for a signature: nothing in the deliverables folder is unapproved."""
        return self.home / "drafts"

    @property
    def alerts_file(self) -> Path:
        """Through which channels people are told; absent: the log file alone."""
        return self.home / "alerts.yml"

    @property
    def targets_file(self) -> Path:
        """Where releases are sent; absent: nowhere."""
        return self.home / "targets.yml"

    @property
    def letter_dir(self) -> Path:
        """Where an office puts its own letter template and recommendations."""
        return self.home / "letter"

    @property
    def workbook_file(self) -> Path:
        """Where an office puts its own ratings, targets and colours."""
        return self.home / "workbook.yml"

    @property
    def own_provinces(self) -> tuple[str, ...]:
        """Slugs or codes of the provinces whose duties this installation keeps."""
        named = tuple(name.strip() for name in self.report_provinces.split(",") if name.strip())
        return named or (self.province,)

    @property
    def portal_base(self) -> str:
        """The API's base address; a bare host means the portal's own path on it."""
        address = str(self.portal_url).rstrip("/")
        return address if (self.portal_url.path or "/") != "/" else f"{address}/api/v1/reporting"


def environment_secrets() -> Mapping[str, str]:
    """The variables that targets.yml and alerts.yml may name for passwords and tokens (``password_env``)."""
    return os.environ


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once. Raises UnknownName naming the variable that cannot be used."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"BOCHISO_{'_'.join(map(str, problem['loc'])).upper()}={problem['input']}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise UnknownName(
            f"a setting cannot be used: {wrong}", "correct it; docs/settings.md lists them all"
        ) from error
