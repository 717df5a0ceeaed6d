"""`vidra retention`: what of the subscriptions' downloads goes, and why."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

from vidra.cli import failures
from vidra.cli.columns import columns, output_width
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation

if TYPE_CHECKING:
    from vidra.media.lists.retention import RemovalPlan

app = typer.Typer(
    name="retention", help="See which downloads retention lets go, and let them go.", no_args_is_help=True
)

Names = Annotated[
    list[str] | None,
    typer.Option("--subscription", "-s", metavar="NAME", help="Only what this one names; may be repeated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]


@app.command("plan")
def plan(
    ctx: typer.Context,
    *,
    subscription: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="Show what stays, too, and why.")] = False,
    as_json: Json = False,
) -> None:
    """Show what `apply` would remove, and why. Changes nothing."""
    from vidra.engine.subscriptions import retention  # noqa: PLC0415 - `vidra --help` must stay fast

    found = retention.plan(Invocation.of(ctx).settings(), names=subscription or None)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=2, ensure_ascii=False))
        return
    _show(found, everything=everything)
    typer.echo(f"{len(found.removals)} of {len(found.rulings)} items would go, {found.freed} bytes")
    _doubt(found.doubts.values())


@app.command("apply")
def apply(
    ctx: typer.Context,
    *,
    subscription: Names = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Even if (nearly) everything of a subscription goes.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove what retention lets go, for good; it is remembered and not downloaded again.

    Exit codes: 0 done, 1 some files could not be removed, or (nearly) everything would go without --yes.
    """
    from vidra.engine.subscriptions import retention  # noqa: PLC0415 - as above

    done = retention.apply(Invocation.of(ctx).settings(), names=subscription or None, yes=yes)
    if as_json:
        typer.echo(json.dumps(done.to_json(), indent=2, ensure_ascii=False))
    else:
        for removal in done.removals:
            typer.echo(f"removed {removal.key}: {removal.title or ''} ({removal.reason})")
        typer.echo(f"removed {len(done.removals)} items")
    _doubt((done.refused or {}).values())
    for problem in done.problems:
        failures.say(problem)
    raise typer.Exit(ExitCode.FAILED if done.refused or done.problems else ExitCode.OK)


def _doubt(doubts: Collection[str]) -> None:
    for doubt in doubts:
        failures.say(f"{doubt} If so: `vidra retention apply --yes`")


def _show(found: RemovalPlan, *, everything: bool) -> None:
    shown = found.rulings if everything else found.removals
    rows = [(one.item.path, one.fate.value, ", ".join(one.item.lists), one.reason) for one in shown]
    if rows:
        typer.echo("\n".join(columns(("FILE", "FATE", "LISTS", "WHY"), rows, width=output_width())))
