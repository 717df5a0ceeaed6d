"""Clears away what a job leaves behind besides its record: partial files and secrets, nothing else."""

from __future__ import annotations

import logging
import shutil

from vidra.engine.jobs.resolution import PARTIAL_FOLDER, resolve, subscription_of, target_root
from vidra.engine.jobs.secrets import scope_of
from vidra.engine.secret_store import configured_credentials
from vidra.errors import VidraError
from vidra.redaction import MASK
from vidra.settings import Settings
from vidra.state import State
from vidra.state.interface import Job

log = logging.getLogger(__name__)


def discard_partials(job: Job, *, settings: Settings, state: State) -> None:
    """Remove the job's folder of unfinished files; finished files lie elsewhere and are never touched."""
    stored = state.options.load(job.job_id)[1]
    options = {key: value for key, value in stored.items() if value != MASK}
    try:
        own = subscription_of(job.subscription, settings)
        root = target_root(resolve(options, preset=job.preset, settings=settings, own=own), settings)
    except VidraError as error:  # the owner has changed what is allowed since; the default place is left
        log.info("job %s: looking for partial files in the library: %s", job.job_id, error)
        root = settings.downloads.library
    folder = (settings.downloads.temp_dir or root / PARTIAL_FOLDER) / job.job_id
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            log.warning("job %s: not all partial files could be removed: %s", job.job_id, folder)


def forget_secrets(job_id: str, *, settings: Settings, state: State) -> None:
    """Delete the secrets among the job's options, if it had any."""
    if MASK in state.options.load(job_id)[1].values():
        configured_credentials(settings).delete_scope(scope_of(job_id))
