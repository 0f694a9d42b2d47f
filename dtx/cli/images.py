"""`dtx images`: images for machines that reach package mirrors but no image registry."""

from typing import Annotated

import typer

from dtx.cli.invocation import invocation_of
from dtx.core.exit_codes import ExitCode

app = typer.Typer(
    help="Build and list the images of the docker runtime.",
    rich_markup_mode=None,
)


@app.command("build")
def build(
    context: typer.Context,
    force: Annotated[
        bool, typer.Option("--force", help="Build all anew, on today's packages.")
    ] = False,
) -> ExitCode:
    """Build images for PostgreSQL and Toxiproxy from Debian packages and the Go toolchain."""
    from dtx.targets.docker.recipes import build_images  # noqa: PLC0415 (heavy)

    output = invocation_of(context).output
    with output.waiting("looking what is to be built") as say:
        images = build_images(say, force=force)
    for image in images:
        output.result.print(f"{image.name} {image.short_id}")
    return ExitCode.HOLDS


@app.command("list")
def list_images(
    context: typer.Context,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")
    ] = False,
) -> ExitCode:
    """List the images that dtx would use, and whether they are here."""
    from dtx.report.tables import listing  # noqa: PLC0415 (rich)
    from dtx.targets.docker import engine as docker_engine  # noqa: PLC0415 (heavy)
    from dtx.targets.docker import images as docker_images  # noqa: PLC0415 (heavy)

    output = invocation_of(context).output
    states = docker_images.list_images(docker_engine.connect())
    if json:
        output.document(
            {
                "images": [
                    {
                        "product": state.product,
                        "name": state.name,
                        "origin": state.origin.value,
                        "size_bytes": state.size_bytes,
                    }
                    for state in states
                ]
            }
        )
        return ExitCode.HOLDS
    rows = [
        [s.product, s.name, s.origin.value, f"{s.size_bytes / 1e6:.0f} MB" if s.is_present else ""]
        for s in states
    ]
    output.result.print(listing(["for", "image", "", "size"], rows))
    return ExitCode.HOLDS
