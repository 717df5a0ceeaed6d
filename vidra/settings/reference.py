"""Writes the reference of all keys, `docs/configuration.md`, from the models."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

from pydantic import BaseModel

from vidra.settings.keys import Key, by_path, documented_keys, model_at
from vidra.settings.model import Settings
from vidra.settings.samples import default_yaml, yaml_example
from vidra.settings.secrets import Secrets, secret_variables

_HEAD = """\
# Configuration

<!-- Written by `python -m vidra.settings.reference`; a test fails when it is stale. -->

Vidra reads one YAML file: the one `--config` names, else the one `VIDRA_CONFIG` names, else `./vidra.yaml`,
`./config/vidra.yaml`, or `vidra.yaml` in your configuration folder (`~/.config/vidra` on Linux). Without a
file the defaults apply. `vidra config init` writes a commented one with every key.

* **Who wins:** command line, then environment, then the file, then the default. Mappings are merged key by
  key, lists are replaced.
* **Environment:** `VIDRA_<SECTION>__<KEY>`, two underscores between the parts. Lists are JSON or separated by
  commas, mappings are JSON. Blank variables count as unset. Of several names of a key the first one wins.
* **Paths:** `~` is your home; relative paths start at the file's folder, or at the working directory for the
  environment and the command line.
* **Nothing after a key** counts as unset. Other files are never included.
* **Mistakes** are refused, all at once, with file, line, key and what would be accepted:
  `vidra config validate`.
* **Where does a value come from?** `vidra config show` says so. Secrets are never shown.
"""


def configuration_reference() -> str:
    """Return the text of `docs/configuration.md`."""
    return "\n".join([_HEAD, *_sections(), *_secrets()])


def _sections() -> Iterator[str]:
    for name in Settings.model_fields:
        model = model_at((name,)) or model_at((name, "example"))
        if model is None:
            continue
        yield f"## `{name}`\n\n{_prose(model)}\n\n```yaml\n{yaml_example(model)}```\n"
        yield "| Key | Takes | Default | Variables | Meaning |\n|---|---|---|---|---|"
        yield "\n".join(_rows(name)) + "\n"


def _rows(name: str) -> Iterator[str]:
    for key in documented_keys(name):
        names = key.variables if key.path in by_path() else ()
        variables = " ".join(f"`{variable}`" for variable in names)
        cells = [f"`{key.dotted}`", key.accepts, _default(key), variables, key.description]
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _default(key: Key) -> str:
    if key.field.is_required():
        return "required"
    if key.default_text:
        return key.default_text
    text = default_yaml(key)
    return f"`{text}`" if text and text != '""' else "empty"


def _secrets() -> Iterator[str]:
    yield "## Secrets\n"
    yield (
        "Secrets are read from the environment only, or from the file that `<VARIABLE>_FILE` names;\n"
        "they are masked wherever Vidra writes.\n"
    )
    yield "| Variables | Meaning |\n|---|---|"
    for name, variables in secret_variables().items():
        names = " ".join(f"`{variable}`" for variable in variables)
        yield f"| {names} | {Secrets.model_fields[name].description} |"
    yield ""


def _prose(model: type[BaseModel]) -> str:
    """Return the docstring without its sample."""
    text = inspect.cleandoc(model.__doc__ or "")
    before, _, rest = text.partition("```yaml\n")
    return (before.strip() + "\n\n" + rest.partition("```")[2].strip()).strip()


if __name__ == "__main__":
    sys.stdout.write(configuration_reference())
