from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def _modules_after(code: str, cwd: Path) -> set[str]:
    program = f"{code}\nimport sys; sys.stdout.write(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=cwd
    )
    return set(done.stdout.split())


def test_the_models_come_without_yaml_sources_and_event_loop(tmp_path: Path) -> None:
    """`import vidra.settings` costs pydantic and little else; files and layers are read later."""
    modules = _modules_after("import vidra.settings", cwd=tmp_path)
    assert "pydantic" in modules
    assert not modules & {"ruamel.yaml", "pydantic_settings", "asyncio", "prefect", "yt_dlp", "ssl"}
