"""ytdl-sub as a peer: configured to do what we do, its throttle off, in a process of its own.

It pins its own yt-dlp, so it belongs into an environment of its own; BENCH_YTDL_SUB says where its command
is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from vidra.media.ffmpeg import find_ffmpeg

COMMAND: Final = os.environ.get("BENCH_YTDL_SUB")
NAME: Final = "ytdl-sub"
_PLACE: Final = (
    "Season {upload_year}/{subscription_name} S{upload_year}E{upload_month_padded}{upload_day_padded}"
    "{playlist_index_padded} - {title_sanitized}"
)
PUBLISHED: Final[Mapping[str, Any]] = {
    "nfo_tags": {
        "nfo_name": f"{_PLACE}.nfo",
        "nfo_root": "episodedetails",
        "tags": {
            "title": "{title}", "showtitle": "{subscription_name}", "season": "{upload_year}",
            "episode": "{upload_month}{upload_day_padded}{playlist_index_padded}", "plot": "{description}",
            "aired": "{upload_date_standardized}",
        },
    },
    "output_directory_nfo_tags": {
        "nfo_name": "tvshow.nfo", "nfo_root": "tvshow", "tags": {"title": "{subscription_name}"},
    },
    "video_tags": {
        "title": "{title}", "show": "{subscription_name}", "date": "{upload_date_standardized}",
        "comment": "{webpage_url}",
    },
}  # fmt: skip
"""What a media server is given: episode and show notes, and tags in the file; thumbnails besides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class YtdlSub:
    """One folder with a configuration and subscriptions."""

    folder: Path

    @classmethod
    def configured(
        cls, folder: Path, urls: Mapping[str, str], *, published: bool = False, stops_early: bool = False
    ) -> YtdlSub:
        """Write the configuration of these subscriptions into the folder, emptied before.

        With `stops_early` it looks no further than the first item it has, as its presets for shows do.
        """
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        preset = {
            "download": "{url}",
            "throttle_protection": {"enable": False},
            "output_options": {
                "output_directory": str(folder / "out" / "{subscription_name}"),
                "file_name": f"{_PLACE}.{{ext}}",
                "maintain_download_archive": True,
                **({"thumbnail_name": f"{_PLACE}-thumb.jpg"} if published else {}),
            },
            "overrides": {"url": "{subscription_value}"},
            **({"ytdl_options": {"break_on_existing": True}} if stops_early else {}),
            **(PUBLISHED if published else {}),
        }
        # It wants both programs to be there; the second is never asked for anything here.
        ffmpeg = str(find_ffmpeg())
        general = {"working_directory": str(folder / "work"), "ffmpeg_path": ffmpeg, "ffprobe_path": ffmpeg}
        config = {"configuration": general, "presets": {"bench": preset}}
        (folder / "config.yaml").write_bytes(orjson.dumps(config))
        (folder / "subscriptions.yaml").write_bytes(orjson.dumps({"bench": dict(urls)}))
        return cls(folder=folder)

    def archive(self, name: str, ids: Iterable[str]) -> None:
        """Have it know these items of a subscription, as if it had downloaded them: that takes minutes."""
        library = self.folder / "out" / name
        library.mkdir(parents=True, exist_ok=True)
        known = {}
        for number, item in enumerate(ids, start=1):
            (library / f"{item}.mp4").write_bytes(b"there")
            known[item] = {
                "extractor": "generic", "file_names": [f"{item}.mp4"], "playlist_index": number,
                "upload_date": "2024-01-10",
            }  # fmt: skip
        (library / f".ytdl-sub-{name}-download-archive.json").write_bytes(orjson.dumps(known))

    def run(self) -> None:
        """Run it once, as its user does."""
        command = [str(COMMAND), "--config", "config.yaml", "sub", "subscriptions.yaml"]
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL)
