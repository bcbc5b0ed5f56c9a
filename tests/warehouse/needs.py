"""What tests on Spark need, and what becomes of them where it is not there."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest


def lacking_for_spark() -> str | None:
    """Why there can be no Spark here; None if there can."""
    # The driver is that of the server which tests of tests/contract have.
    if any(importlib.util.find_spec(name) is None for name in ("pyspark", "pyhive")):
        return "there is no Spark: `make test EXTRAS=spark` installs it"
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{home}/bin" if home else None) is None:
        return "there is no Java, which Spark runs on"
    return None


def require_spark() -> None:
    """Skips the test where there can be no Spark; in CI, where all are to run, fails it."""
    why = lacking_for_spark()
    if why is None:
        return
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{why}; with CI={os.environ['CI']} this is not skipped")
    pytest.skip(why)
