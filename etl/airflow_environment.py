"""The environment in which Airflow's subprocesses run: theirs alone, under ``<home>/airflow``.

The user's own Airflow settings never reach them, and their metadata live on the embedded
server wherever the warehouse is.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path

from etl.settings import PROJECT_ROOT, Settings
from etl.warehouse.embedded import AIRFLOW_DATABASE, OWNER, EmbeddedServer
from etl.warehouse.postmaster import write_private

ADMIN_USER = "admin"


def airflow_home(settings: Settings) -> Path:
    return settings.home / "airflow"


def password_file(settings: Settings) -> Path:
    """The JSON file that holds the generated password of Airflow's user ``admin``."""
    return airflow_home(settings) / "simple_auth_manager_passwords.json"


def airflow_environment(
    settings: Settings, server: EmbeddedServer, dags_folder: Path | None = None
) -> dict[str, str]:
    """The complete environment of Airflow's subprocesses. ``dags_folder``: default ``dags/``.

    Inherited: everything but Airflow's and Python's own variables. The settings object is
    written out in full, so that a subprocess reads the same settings as its parent.
    """
    home = airflow_home(settings)
    home.mkdir(parents=True, exist_ok=True)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "_AIRFLOW", "PYTHONPATH", "PYTHONHOME"))
    }
    # A proxy of the office must not stand between the parts of one machine.
    direct = ",".join(
        filter(None, ["127.0.0.1,localhost", inherited.get("NO_PROXY", inherited.get("no_proxy"))])
    )
    for name in type(settings).model_fields:
        inherited.pop(f"BOCHISO_{name.upper()}", None)
        if (value := getattr(settings, name)) is not None:
            inherited[f"BOCHISO_{name.upper()}"] = str(value)
    address = f"http://127.0.0.1:{settings.airflow_port}"
    database = server.url(AIRFLOW_DATABASE, OWNER, "postgresql+psycopg")  # one driver for both engines
    options = {
        "API__BASE_URL": address,
        "API__HOST": "127.0.0.1",
        "API__INSTANCE_NAME": "bochiso",
        "API__PORT": str(settings.airflow_port),
        "API__SECRET_KEY": _secret(home / "api_secret_key"),
        "API__WORKERS": "1",
        "API_AUTH__JWT_SECRET": _secret(home / "jwt_secret"),
        "CORE__DAGS_FOLDER": str(dags_folder or PROJECT_ROOT / "dags"),
        "CORE__DEFAULT_TIMEZONE": "Asia/Ho_Chi_Minh",
        "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__FERNET_KEY": _secret(home / "fernet_key"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__PARALLELISM": "4",  # the default forks 32 workers
        "CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_password_file(settings)),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN_USER}:admin",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
        "LOGGING__BASE_LOG_FOLDER": str(settings.home / "logs" / "airflow"),
        "LOGGING__LOGGING_LEVEL": "WARNING",
        "LOGGING__NAMESPACE_LEVELS": "etl=INFO",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        # Tries with waits that double: 60 s. A task may start before the API server does (10 to 20 s).
        "WORKERS__EXECUTION_API_RETRIES": "8",
    }
    return (
        inherited
        | {f"AIRFLOW__{name}": value for name, value in options.items()}
        | {
            "AIRFLOW_HOME": str(home),
            "DO_NOT_TRACK": "1",
            "GX_ANALYTICS_ENABLED": "False",
            "NO_PROXY": direct,
            "PYTHONPATH": str(PROJECT_ROOT),
            "PYTHONUNBUFFERED": "1",
            # Airflow's own deprecation notes are nothing an office can act upon.
            "PYTHONWARNINGS": "ignore",
            "SCARF_ANALYTICS": "false",
            "no_proxy": direct,
        }
    )


def _secret(path: Path) -> str:
    """A key kept in a 0600 file; 32 random bytes in the form a Fernet key needs."""
    if not path.exists():
        write_private(path, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return path.read_text(encoding="utf-8")


def _password_file(settings: Settings) -> Path:
    path = password_file(settings)
    if not path.exists():
        write_private(path, json.dumps({ADMIN_USER: secrets.token_urlsafe(12)}) + "\n")
    return path
