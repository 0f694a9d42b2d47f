"""Which images the docker runtime uses: the official ones, those that the user names, or those built here."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from docker.errors import ImageNotFound

from dtx.config.model import DatabaseKind
from dtx.core.deadline import Deadline
from dtx.core.errors import ProvisionError
from dtx.targets.docker.engine import ENGINE_ERRORS, Engine, connect, engine_errors_as, explain
from dtx.targets.proxies.toxiproxy_binary import VERSION

PULL_TIMEOUT_S = 300.0
"""For a whole pull; a registry that sends nothing for `OPERATION_TIMEOUT_S` fails sooner."""

RECIPE_LABEL = "dtx.recipe"
"""On images that `dtx images build` made: a digest of how."""


class Origin(StrEnum):
    """Where an image came from."""

    PULLED = "pulled"
    BUILT = "built"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A server and the images that can carry it; `variable` replaces `official` by the user's choice."""

    name: str
    variable: str
    official: str
    built: str


POSTGRES = Product(
    name="postgres",
    variable="DTX_IMAGE_POSTGRES",
    official="postgres:17",
    built="dtx-postgres:latest",
)
MARIADB = Product(
    name="mariadb",
    variable="DTX_IMAGE_MARIADB",
    official="mariadb:11",
    built="dtx-mariadb:latest",
)
TOXIPROXY = Product(
    name="toxiproxy",
    variable="DTX_IMAGE_TOXIPROXY",
    official=f"ghcr.io/shopify/toxiproxy:{VERSION}",
    built="dtx-toxiproxy:latest",
)
PRODUCTS = (POSTGRES, MARIADB, TOXIPROXY)


def needed_products(kinds: Iterable[DatabaseKind]) -> tuple[Product, ...]:
    """Return the products whose images an environment with such databases needs."""
    names = {kind.value for kind in kinds} | {TOXIPROXY.name}
    return tuple(product for product in PRODUCTS if product.name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that the engine has.

    Attributes:
        name: as the user or dtx calls it.
        id: its digest, `sha256:...`.
        labels: name -> value.
        entrypoint: what the image would start.
        size_bytes: with all its layers.
    """

    name: str
    id: str
    labels: dict[str, str]
    entrypoint: tuple[str, ...]
    size_bytes: int

    @property
    def short_id(self) -> str:
        """The first 12 digits of the digest."""
        return self.id.removeprefix("sha256:")[:12]

    @property
    def origin(self) -> Origin:
        """Built by `dtx images build`, or pulled (or made by the user, which dtx can't tell apart)."""
        return Origin.BUILT if RECIPE_LABEL in self.labels else Origin.PULLED


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageState:
    """A line of `dtx images list`: an image that dtx would use for a product, and whether it is here."""

    product: str
    name: str
    origin: Origin
    size_bytes: int

    @property
    def is_present(self) -> bool:
        """Whether the engine has it."""
        return self.origin is not Origin.ABSENT


def find_image(engine: Engine, name: str) -> Image | None:
    """Return the engine's own image of that name, None if it has none; never pulls.

    Raises:
        ProvisionError: the engine failed.
    """
    with engine_errors_as(f"can't look for the image {name}"):
        try:
            found: dict[str, Any] = engine.api.inspect_image(name)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return None
    config = found.get("Config") or {}
    return Image(
        name=name,
        id=found["Id"],
        labels=dict(config.get("Labels") or {}),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        size_bytes=int(found.get("Size") or 0),
    )


def resolve_image(engine: Engine, product: Product) -> Image:
    """Return the image to use for a product, pulled only if no usable one is here.

    The user's choice counts alone; else the official image if it is here, else the one built here, else
    the official one from its registry.

    Raises:
        ProvisionError: none is here and none could be pulled.
    """
    candidates = _candidates(product)
    for name in candidates:
        found = _found(engine, product, name)
        if found is not None:
            return found
    reason = _pull(engine, candidates[0])
    pulled = find_image(engine, candidates[0])
    if pulled is not None:
        return pulled
    hint = (
        _chosen_hint(product)
        if len(candidates) == 1
        else "`dtx images build` makes one without a registry"
    )
    raise ProvisionError(
        f"no image for {product.name}: {candidates[0]} is not here and can't be pulled: {reason}",
        hint=hint,
    )


def require_images(products: Iterable[Product]) -> None:
    """Return if a usable engine answers and every image is there, pulled now if it has to be.

    Raises:
        ProvisionError: why the docker runtime can't be used here.
    """
    engine = connect()
    for product in products:
        resolve_image(engine, product)


def images_to_pull(products: Iterable[Product]) -> tuple[str, ...]:
    """Return the images that `require_images` would have to pull.

    Raises:
        ProvisionError: no usable engine answers.
    """
    engine = connect()
    missing = []
    for product in products:
        candidates = _candidates(product)
        if not any(_found(engine, product, name) for name in candidates):
            missing.append(candidates[0])
    return tuple(missing)


def _candidates(product: Product) -> tuple[str, ...]:
    chosen = os.environ.get(product.variable)
    return (chosen,) if chosen else (product.official, product.built)


def _found(engine: Engine, product: Product, name: str) -> Image | None:
    """`find_image` of a candidate; a name that the engine does not take as one is the user's."""
    try:
        return find_image(engine, name)
    except ProvisionError as error:
        if name != os.environ.get(product.variable):
            raise
        raise ProvisionError(error.message, hint=_chosen_hint(product)) from error


def _chosen_hint(product: Product) -> str:
    return f"check {product.variable}; unset, dtx takes {product.official}, or what `dtx images build` made"


def list_images(engine: Engine) -> tuple[ImageState, ...]:
    """Return, for each product, the user's or the official image and the built one.

    Raises:
        ProvisionError: the engine failed.
    """
    states = []
    for product in PRODUCTS:
        for name in _candidates(product):
            found = _found(engine, product, name)
            states.append(
                ImageState(
                    product=product.name,
                    name=name,
                    origin=found.origin if found else Origin.ABSENT,
                    size_bytes=found.size_bytes if found else 0,
                )
            )
    return tuple(states)


def _pull(engine: Engine, name: str) -> str:
    """Pull an image; return why it failed, or an empty text."""
    repository, tag = _split(name)
    deadline = Deadline.after(PULL_TIMEOUT_S)
    try:
        for event in engine.api.pull(repository, tag=tag, stream=True, decode=True):
            if "error" in event:
                return str(event["error"])
            if deadline.is_over:
                return f"not done after {PULL_TIMEOUT_S:.0f} s"
    except ENGINE_ERRORS as error:
        return explain(error)
    except json.JSONDecodeError as error:  # the stream of a proxy that broke off
        return f"the answer broke off: {error}"
    return ""


def _split(name: str) -> tuple[str, str | None]:
    """Split `registry:5000/repo:tag` at the tag; a name by digest has none, a bare one means latest."""
    if "@" in name:
        return name, None
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, "latest"
    return repository, tag
