"""Every error Vidra raises on purpose, in one tree, so that callers can tell meanings apart by class.

VidraError                        exit code 1 unless said otherwise
├── ConfigError                   the owner's YAML or environment is wrong (exit code 2)
├── UsageError                    a command or request makes no sense as given (exit code 2)
│   ├── OptionRefused             a download option outside the allow-list, or with a wrong value
│   ├── UrlRefused                an address we will not fetch
│   └── PathRefused               an output path that would leave its root
├── RemoteError                   at a remote edge there are three meanings, and only the first is retried:
│   ├── TryLater                  passing trouble: 5xx, a broken connection
│   │   ├── SlowDown              the site says we ask too much: 429, a page for robots
│   │   └── SitePaused            it said so often: it is left alone until a moment
│   ├── Refused                   credentials or configuration are wrong
│   │   ├── AuthRequired          the credentials are missing, wrong or expired: sign in again
│   │   └── WrongServer           another server answers there, or its certificate is not sound
│   └── Missing                   what was asked for is not there
├── MediaError                    a download that no retry will cure
│   ├── ExtractorBroken           yt-dlp's extractor crashed: its code is wrong, not the item
│   ├── LeftOut                   the rules refuse the item, now that its page is known
│   ├── VerificationFailed        what arrived is not what was announced
│   ├── PostprocessingFailed      ffmpeg or a yt-dlp post-processor gave up
│   └── DiskFull                  not enough room, now or according to the expected size
├── StateError                    the state files
│   ├── StateDamaged              damage that a torn tail does not explain; the file is kept aside
│   ├── StateTooNew               written by a newer Vidra
│   ├── StateWriteFailed          the disk refused; memory and file keep the old state
│   └── StateBusy                 another process holds the lock for too long
├── CredentialError               a secret is known to exist, or should be kept, but cannot be
│   ├── KeyringUnavailable        no usable keyring, a locked one, or one that does not answer
│   └── VaultDamaged              the encrypted file does not open; it was left alone
├── JobNotFound
├── SourceNotFound                no media server or folder source of this id
├── ItemNotFound                  nothing in the libraries fits what was asked for
├── JobConflict                   the job's status does not allow the command
├── EngineError                   the Prefect side: server, worker, deployments
│   ├── EngineUnreachable
│   └── EngineStartFailed
├── SupervisorError               a supervised back end, or our own single instance
│   ├── BackendNotFound           no back end of this name is declared
│   ├── BackendNotStarted         it cannot be started: the reason, the evidence and what can be done
│   │   ├── ExecutableMissing
│   │   └── NoFreePort
│   └── AlreadyRunning            another instance holds the lock
└── Cancelled                     a person or the engine asked the work to stop (exit code 130)

Constructors take the facts as attributes and build the sentence. Messages never hold secrets:
whoever raises with foreign text passes it through `vidra.redaction` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


class VidraError(Exception):
    """Root of all errors Vidra raises on purpose; its text is fit for a person to read."""

    exit_code: ClassVar[int] = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Cross to another process as it is: its class, its text and its facts."""
        return _remade, (type(self), self.args), vars(self)


def _remade(kind: type[VidraError], args: tuple[Any, ...]) -> VidraError:
    return kind.__new__(kind, *args)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigProblem:
    """One wrong key or value in the owner's configuration, and where it stands."""

    source: str
    """File path, environment variable name or command-line option the value came from."""
    line: int | None
    """1-based line in that file; None where there are no lines."""
    key_path: str
    """Dotted path, for example `downloads.concurrency`."""
    value: object
    """What was found; the caller has masked it if it is secret."""
    expected: str
    """What would be accepted, as a clause."""
    suggestion: str | None = None
    """The known key or value that was probably meant."""

    def __str__(self) -> str:
        """Return `file:line: key: expected …, got …; did you mean …?`."""
        where = self.source if self.line is None else f"{self.source}:{self.line}"
        hint = f"; did you mean `{self.suggestion}`?" if self.suggestion else ""
        return f"{where}: {self.key_path}: {self.expected}, got {self.value!r}{hint}"


class ConfigError(VidraError):
    """The configuration is wrong; `problems` lists every finding, not just the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(VidraError):
    """A command or request that makes no sense as given."""

    exit_code = 2


class OptionRefused(UsageError):
    """A download option that is not allowed or has a wrong value."""

    def __init__(self, key: str, reason: str, *, value: object = None, remedy: str | None = None) -> None:
        self.key, self.reason, self.value, self.remedy = key, reason, value, remedy
        super().__init__(f"option `{key}` refused: {reason}" + (f" ({remedy})" if remedy else ""))


class UrlRefused(UsageError):
    """An address that Vidra will not fetch; `url` has its credentials masked."""

    def __init__(self, url: str, reason: str, *, remedy: str | None = None) -> None:
        self.url, self.reason, self.remedy = url, reason, remedy
        super().__init__(f"URL refused: {reason}: {url}" + (f" ({remedy})" if remedy else ""))


class PathRefused(UsageError):
    """An output path that would leave the folder it has to stay in."""

    def __init__(self, path: Path | str, root: Path | None, reason: str) -> None:
        self.path, self.root, self.reason = path, root, reason
        super().__init__(f"path refused: {reason}: {path}" + (f" (root {root})" if root else ""))


class RemoteError(VidraError):
    """Something went wrong at a remote edge; raise one of the three meanings instead."""

    def __init__(self, message: str, *, url: str | None = None, status: int | None = None) -> None:
        self.url, self.status = url, status
        super().__init__(message)


class TryLater(RemoteError):
    """Passing trouble. The only error that Prefect retries."""

    def __init__(
        self,
        message: str,
        *,
        url: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.retry_after = retry_after
        """Seconds the other side asked us to wait, if it did."""
        super().__init__(message, url=url, status=status)


class SlowDown(TryLater):
    """The site says that we ask too much: 429, or a page that wants to see a human."""


class SitePaused(TryLater):
    """The site refused so often that nothing is asked of it until `until`; no request was sent."""

    def __init__(self, site: str, *, until: str, seconds: float, reason: str) -> None:
        self.site, self.until, self.reason = site, until, reason
        super().__init__(
            f"{site} is left alone until {until}: {reason} (`vidra site resume {site}` ends that)",
            retry_after=seconds,
        )


class Refused(RemoteError):
    """The other side wants other credentials or another configuration; trying again is useless."""


class AuthRequired(Refused):
    """The credentials are missing, wrong or expired; only signing in again helps."""


class WrongServer(Refused):
    """Somebody else answers at that address, or the certificate is not sound; no secret was sent there."""


class Missing(RemoteError):
    """What was asked for does not exist there."""


class MediaError(VidraError):
    """A download failed in a way that no retry will cure."""


class ExtractorBroken(MediaError):
    """yt-dlp's extractor crashed; an upgrade of yt-dlp may help, another try will not."""

    def __init__(self, extractor: str, cause: str, *, version: str, age_days: int | None) -> None:
        self.extractor, self.cause, self.version, self.age_days = extractor, cause, version, age_days
        age = "" if age_days is None else f", {age_days} days old"
        super().__init__(
            f"extractor `{extractor}` is broken in yt-dlp {version}{age}: {cause}; upgrade yt-dlp"
        )


class LeftOut(MediaError):
    """The rules of its subscription refuse the item, as its page tells more than the list did."""


class VerificationFailed(MediaError):
    """What arrived is not what was announced; nothing of it is left in the library."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path.name} failed verification: {reason}")


class PostprocessingFailed(MediaError):
    """ffmpeg or another post-processor gave up on a file that arrived whole."""


class DiskFull(MediaError):
    """Not enough room at `path`; sizes are bytes, `needed` includes the configured floor if known."""

    def __init__(self, path: Path, *, needed: int | None, free: int | None) -> None:
        self.path, self.needed, self.free = path, needed, free
        sizes = "" if needed is None or free is None else f": {needed} bytes needed, {free} free"
        super().__init__(
            f"no room left on the file system of {path}{sizes}; make some there, then `vidra job retry`"
        )


class StateError(VidraError):
    """Something is wrong with a state file at `path`."""

    def __init__(self, path: Path, message: str) -> None:
        self.path = path
        super().__init__(f"{path}: {message}")


class StateDamaged(StateError):
    """A state file is damaged; it was kept aside at `quarantine` before anything was changed."""

    def __init__(self, path: Path, message: str, *, quarantine: Path | None) -> None:
        self.quarantine = quarantine
        super().__init__(path, message + (f"; kept aside as {quarantine}" if quarantine else ""))


class StateTooNew(StateError):
    """A document was written by a newer Vidra; nothing was changed."""

    def __init__(self, path: Path, *, found: int, known: int) -> None:
        self.found, self.known = found, known
        super().__init__(
            path, f"written by a newer Vidra (schema {found}, this one knows {known}); upgrade Vidra"
        )


class StateWriteFailed(StateError):
    """The disk refused a write; memory and file keep the last acknowledged state."""


class StateBusy(StateError):
    """Another process held the lock for longer than we wait."""


class CredentialError(VidraError):
    """A secret cannot be read or kept, which is not the same as there being none."""


class KeyringUnavailable(CredentialError):
    """The system keyring is missing, locked, or does not answer in time."""


class VaultDamaged(CredentialError):
    """The encrypted credential file at `path`, or its key, is not as we left it; nothing was changed."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"{path}: {reason}")


class JobNotFound(VidraError, LookupError):
    """No job has this id."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(f"no job `{job_id}`; `vidra job ls` lists those there are")


class SourceNotFound(VidraError, LookupError):
    """No source has this id or name."""

    def __init__(self, source_id: str, known: Sequence[str] = ()) -> None:
        self.source_id, self.known = source_id, tuple(known)
        listed = f"there are: {', '.join(known)}" if known else "there are none yet"
        super().__init__(f"no source `{source_id}`; {listed} (`vidra source ls`)")


class ItemNotFound(VidraError, LookupError):
    """Nothing in the libraries fits what was asked for."""

    exit_code = 2

    def __init__(self, item: str) -> None:
        self.item = item
        super().__init__(f"no library item `{item}`; `vidra library search` finds titles")


class JobConflict(VidraError):
    """The job's status does not allow what was asked."""

    def __init__(self, job_id: str, status: str, command: str) -> None:
        self.job_id, self.status, self.command = job_id, status, command
        super().__init__(f"job `{job_id}` is {status}: cannot {command} it")


class EngineError(VidraError):
    """The Prefect side failed: server, worker or deployment."""


class EngineUnreachable(EngineError):
    """No Prefect server answers at the configured address."""


class EngineStartFailed(EngineError):
    """A part of the engine did not come up; `log` is the end of what it printed."""

    def __init__(self, part: str, reason: str, *, log: str = "") -> None:
        self.part, self.reason, self.log = part, reason, log
        super().__init__(f"{part} did not start: {reason}" + (f"\n{log}" if log else ""))


class SupervisorError(VidraError):
    """Something about a supervised back end, or about our own single instance."""


class BackendNotFound(SupervisorError, LookupError):
    """No back end of this name is declared."""

    exit_code = 2

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name, self.known = name, tuple(known)
        super().__init__(f"no back end `{name}`; declared are: {', '.join(known) or 'none'}")


class BackendNotStarted(SupervisorError):
    """A back end cannot be started; `evidence` are lines for a log, not part of the message."""

    def __init__(self, name: str, reason: str, *, evidence: Sequence[str] = ()) -> None:
        self.name, self.reason, self.evidence = name, reason, tuple(evidence)
        super().__init__(f"{name}: {reason}")


class ExecutableMissing(BackendNotStarted):
    """There is no program at `path`; the evidence is the listing of its folder."""

    def __init__(self, name: str, path: Path | str, *, evidence: Sequence[str] = ()) -> None:
        self.path = path
        super().__init__(name, "Backend executable missing. Please reinstall Vidra.", evidence=evidence)


class NoFreePort(BackendNotStarted):
    """Every port from `first` to `last` is taken; the evidence is what each of them answered."""

    def __init__(self, name: str, first: int, last: int, *, evidence: Sequence[str] = ()) -> None:
        self.first, self.last = first, last
        super().__init__(name, "Unable to start backend. No available ports.", evidence=evidence)


class AlreadyRunning(SupervisorError):
    """Another instance holds the lock at `path`; the process facts are for messages only."""

    def __init__(self, path: Path, *, pid: int | None, url: str | None, holder: str) -> None:
        self.path, self.pid, self.url, self.holder = path, pid, url, holder
        where = f" at {url}" if url else ""
        super().__init__(f"Vidra is already running{where} ({holder}); lock: {path}")


class Cancelled(VidraError):
    """Somebody asked the work to stop, and it did; what can be resumed was kept."""

    exit_code = 130

    def __init__(self, reason: str = "cancelled") -> None:
        self.reason = reason
        super().__init__(reason)
