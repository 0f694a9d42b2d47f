"""Which images are taken, and the initialised image that is made once."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dtx.core.errors import ProvisionError
from dtx.targets.docker import images as docker_images
from dtx.targets.docker.engine import Engine, connect, engine_answers
from dtx.targets.docker.images import (
    MARIADB,
    POSTGRES,
    PRODUCTS,
    TOXIPROXY,
    Image,
    Origin,
    find_image,
    images_to_pull,
    list_images,
    resolve_image,
)
from dtx.targets.docker.initialised import initialised_image, remove_cached_images
from dtx.targets.docker.postgres_image import RECIPE
from dtx.targets.docker.recipes import build_images
from dtx.targets.docker.sweep import runs_left
from dtx.targets.runtime import RUN_LABEL

from .docker_here import require_docker

pytestmark = pytest.mark.docker


@pytest.fixture
def engine() -> Engine:
    require_docker()
    return connect()


@pytest.fixture
def no_pull(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every image that was pulled; none arrives."""
    pulled: list[str] = []

    def pull(engine: Engine, name: str) -> str:
        pulled.append(name)
        return "no registry in this test"

    monkeypatch.setattr(docker_images, "_pull", pull)
    return pulled


@pytest.fixture
def base(engine: Engine) -> Iterator[Image]:
    """The PostgreSQL image under an id of its own, so that nothing is cached for it."""
    container = engine.api.create_container(resolve_image(engine, POSTGRES).id, command=["true"])[
        "Id"
    ]
    tag = uuid.uuid4().hex[:8]
    engine.api.commit(container, repository="dtx-test-base", tag=tag)
    engine.api.remove_container(container)
    image = find_image(engine, f"dtx-test-base:{tag}")
    assert image is not None
    yield image
    for found in engine.api.images():
        if any(
            name.startswith("dtx-init-") and image.short_id in name
            for name in found["RepoTags"] or []
        ):
            engine.api.remove_image(found["Id"], force=True)
    engine.api.remove_image(image.name)


def test_engine_tells_its_version(engine: Engine) -> None:
    assert engine_answers() == engine.version


def test_local_image_is_taken_without_a_pull(engine: Engine, no_pull: list[str]) -> None:
    assert resolve_image(engine, POSTGRES).id
    assert resolve_image(engine, TOXIPROXY).id
    assert no_pull == []
    assert images_to_pull(PRODUCTS) == ()


def test_chosen_image_counts_alone_even_if_others_are_here(
    engine: Engine, no_pull: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES.variable, "nowhere/postgres:1")
    assert images_to_pull(PRODUCTS) == ("nowhere/postgres:1",)
    with pytest.raises(ProvisionError, match="no registry in this test") as raised:
        resolve_image(engine, POSTGRES)
    assert no_pull == ["nowhere/postgres:1"]
    assert POSTGRES.variable in raised.value.hint


def test_pull_from_a_registry_that_refuses_ends_with_its_reason(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES.variable, "localhost:1/postgres:17")
    with pytest.raises(ProvisionError, match="connection refused"):
        resolve_image(engine, POSTGRES)


def test_list_names_every_image_and_where_it_came_from(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOXIPROXY.variable, "nowhere/toxiproxy:1")
    states = {state.name: state for state in list_images(engine)}
    databases = {name for p in (POSTGRES, MARIADB) for name in (p.official, p.built)}
    assert set(states) == {*databases, "nowhere/toxiproxy:1"}
    assert states["nowhere/toxiproxy:1"].origin is Origin.ABSENT
    assert not states["nowhere/toxiproxy:1"].is_present
    present = [s for s in states.values() if s.product == "postgres" and s.is_present]
    assert all(state.size_bytes > 10_000_000 for state in present)
    assert present


def test_build_of_what_is_present_builds_nothing(engine: Engine) -> None:
    before = {p.name: find_image(engine, p.built) for p in PRODUCTS}
    if None in before.values():
        pytest.skip("the built images are not here: `dtx images build`")
    reported: list[str] = []
    after = build_images(reported.append)
    assert [image.id for image in after] == [image.id for image in before.values() if image]
    assert reported == [f"{p.built}: present" for p in PRODUCTS]


def test_cluster_is_initialised_once_however_many_ask(
    engine: Engine, base: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DTX_CACHE_DIR", str(tmp_path))
    made = counted(engine.api.commit)
    monkeypatch.setattr(engine.api, "commit", made)
    with ThreadPoolExecutor(3) as pool:
        images = list(
            pool.map(lambda _: initialised_image(engine, RECIPE, base, "test-init"), range(3))
        )
    assert len({image.id for image in images}) == 1
    assert made.calls == 1
    assert initialised_image(engine, RECIPE, base, "test-init") == images[0]
    assert made.calls == 1
    assert "test-init" not in runs_left(engine.socket)


def test_initialised_image_does_not_mark_its_containers_as_of_a_run(
    engine: Engine, base: Image
) -> None:
    image = initialised_image(engine, RECIPE, base, "test-init")
    found = find_image(engine, image.id)
    assert found is not None
    assert found.labels[RUN_LABEL] == ""


def test_remove_cached_images_removes_those_not_in_use(
    engine: Engine, base: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A label of its own: those of a run on this machine stay.
    monkeypatch.setattr("dtx.targets.docker.initialised.CACHE_LABEL", "dtx.cache-of-test")
    image = initialised_image(engine, RECIPE, base, "test-init")
    holder = engine.api.create_container(image.id, command=["true"])["Id"]
    assert remove_cached_images(engine) == 0
    engine.api.remove_container(holder)
    assert remove_cached_images(engine) == 1
    assert find_image(engine, image.id) is None


class counted:  # noqa: N801 (wraps a function)
    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *args: object, **kwargs: object) -> object:
        self.calls += 1
        return self.function(*args, **kwargs)
