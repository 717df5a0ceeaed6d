"""Sessions that trust the same authorities read them once."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from tests.media.studio import options
from vidra.media.addresses import NetworkPolicy
from vidra.media.guarded_http import shared_tls_context
from vidra.media.session import MediaSession


def _context(tmp_path: Path, **values: Any) -> ssl.SSLContext:
    """Return what a session's secure connections begin with."""
    with MediaSession(options=options(**values), network=NetworkPolicy(), library=tmp_path) as session:
        handlers = session._ydl._request_director.handlers.values()
        (found,) = [one for one in handlers if one.RH_NAME == "guarded-http"]
        context: ssl.SSLContext = found._make_sslcontext()
        return context


def test_two_sessions_share_what_they_trust(tmp_path: Path) -> None:
    """The authorities are read once a process, and certificates and host names are checked."""
    first, second = _context(tmp_path), _context(tmp_path)

    assert first is second is shared_tls_context(verify=True, legacy=False, certifi=True)
    assert (first.verify_mode, first.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert first.cert_store_stats()["x509_ca"] > 10


def test_a_session_that_checks_nothing_shares_nothing_with_one_that_does(tmp_path: Path) -> None:
    """Who turns the check off turns it off for himself."""
    unchecked = _context(tmp_path, no_check_certificates=True)

    assert unchecked.verify_mode == ssl.CERT_NONE
    assert _context(tmp_path).verify_mode == ssl.CERT_REQUIRED
