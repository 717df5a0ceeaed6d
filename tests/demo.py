"""`make demo`: the main job on real input, with no internet: a real site, a real flow, real files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.text import Text
from rich.tree import Tree

from tests.site.media import media_folder
from tests.site.server import MediaSite, serve

FOLDER = Path(".demo")
CONFIG = """\
# Written by `make demo`; the media site's address is the only private one that downloads may reach.
storage:
  data_dir: {folder}/data
  cache_dir: {folder}/cache
downloads:
  library: {folder}/library
network:
  allowed_addresses: ["127.0.0.1:{port}"]
"""


def main() -> int:
    """Download a small channel from the built-in site; return the exit code of the first step that fails."""
    console = Console()
    console.rule("1. A media site of our own, on loopback")
    with serve(media_folder()) as site:
        config = _write_config(site)
        console.print(f"{site.url('/feed.rss')} is a channel with four clips")
        console.rule("2. vidra flow run download-job")
        code = _vidra(config, "flow", "run", "download-job", site.url("/feed.rss"))
        if code:
            return code
        console.rule("3. What is there now")
        console.print(_tree(FOLDER / "library"))
        return _show_job(console, config)


def _write_config(site: MediaSite) -> Path:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    config = FOLDER / "vidra.yaml"
    port = site.base.rpartition(":")[2]
    config.write_text(CONFIG.format(folder=FOLDER.resolve(), port=port), encoding="utf-8")
    return config


def _vidra(config: Path, *arguments: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "vidra.cli", "--config", str(config), *arguments], check=False
    ).returncode


def _show_job(console: Console, config: Path) -> int:
    console.rule("4. The job, as Vidra remembers it")
    listed = subprocess.run(
        [sys.executable, "-m", "vidra.cli", "--config", str(config), "job", "ls", "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    job = json.loads(listed.stdout)[0]
    return _vidra(config, "job", "show", str(job["job_id"]))


def _tree(folder: Path) -> Tree:
    tree = Tree(str(folder))
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            tree.add(Text(f"{path.relative_to(folder)}  ({decimal(path.stat().st_size)})"))
    return tree


if __name__ == "__main__":
    raise SystemExit(main())
