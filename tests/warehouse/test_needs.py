"""Where there is no Spark its tests are skipped, and say why; in CI they fail."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from .needs import lacking_for_spark, require_spark


@pytest.fixture(autouse=True)
def complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Both parts are there, as far as is looked at; the folder in which Java is."""
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(mode=0o755)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setenv("PATH", str(java.parent))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.delenv("CI", raising=False)
    return java.parent


def test_nothing_lacks(monkeypatch: pytest.MonkeyPatch, complete: Path) -> None:
    assert lacking_for_spark() is None
    require_spark()
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("JAVA_HOME", str(complete.parent))
    assert lacking_for_spark() is None


@pytest.mark.parametrize("part", ["pyspark", "pyhive", "java", "java of JAVA_HOME"])
def test_what_lacks_is_told(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    if part in ("pyspark", "pyhive"):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == part else name
        )
    elif part == "java":
        monkeypatch.setenv("PATH", "")
    else:
        monkeypatch.setenv("JAVA_HOME", "/nowhere")
    said = "no Java" if "java" in part else "no Spark"

    with pytest.raises(pytest.skip.Exception, match=said):
        require_spark()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=said):
        require_spark()
