"""What of a channel's address is masked in every text of the process, and what is not."""

from __future__ import annotations

import pytest

from vidra.engine.notices.secret_parts import secret_parts


def masked(text: str, address: str) -> str:
    """Return the text as a log would have it that only knows this secret."""
    for part in sorted(secret_parts(address), key=len, reverse=True):
        text = text.replace(part, "***")
    return text


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8123/tok3n-nobody-may-see",
        "https://hooks.example.org/services/T0123/B0456/Xy7AbCdEfGhI",
        "json://127.0.0.1:8080/Xy7AbCdEfGhI?format=text",
        "ntfys://tk_Xy7AbCdEf@ntfy.example.org/vidra",
        "mailtos://joe:hunter2secret@mail.example.org",
        "http://homeassistant:8123/api/webhook/Xy7AbCdEfGhI",
        "https://[::1]:8443/hook?key=Xy7AbCdEfGhI",
    ],
)
def test_hosts_and_words_stay_readable(address: str) -> None:
    """A webhook on this machine must not make every loopback address unreadable."""
    plain = (
        "GET http://127.0.0.1:4200/api, https://hooks.example.org, ntfy.example.org, mail.example.org, "
        "homeassistant, ::1, services, webhook, vidra"
    )
    assert masked(plain, address) == plain


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("http://127.0.0.1:8123/tok3n-nobody-may-see", "tok3n-nobody-may-see"),
        ("https://hooks.example.org/services/T0123/B0456/Xy7AbCdEfGhI", "Xy7AbCdEfGhI"),
        ("https://example.org/x?key=Xy7AbCdEfGhI", "Xy7AbCdEfGhI"),
        ("ntfys://tk_Xy7AbCdEf@ntfy.example.org/vidra", "tk_Xy7AbCdEf"),
        ("mailtos://joe:hunter2secret@mail.example.org", "hunter2secret"),
        ("tgram://123456789:AbCdEf_GhIjKl/987654321/", "AbCdEf_GhIjKl"),
        ("tgram://123456789:AbCdEf_GhIjKl/987654321/", "987654321"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "JHMHI8qBe7bk2ZwO5U711o3dV_js"),
        ("sendgrid://SG.AbCdEfGh.IjKlMnOp:joe@example.org", "SG.AbCdEfGh.IjKlMnOp"),
        ("https://example.org/p%61ssword-in-the-path", "password-in-the-path"),
        ("a signing/key=with:signs", "a signing/key=with:signs"),
    ],
)
def test_credentials_are_masked_wherever_they_stand(address: str, secret: str) -> None:
    """User names and passwords, paths, queries, tokens in a host's place, and keys that are no address."""
    assert secret not in masked(f"one {secret} and {address}", address)
