"""A closed loop: clients that submit the same orders one after the other, over HTTP or in whatever way."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import aiohttp

from dtx.config.model import Reference
from dtx.targets.environment import Environment

CLIENTS = (1, 8, 32)
CUSTOMERS = ("ann", "ben", "cleo", "dan", "eve", "finn", "gus", "hana")
PRODUCTS = ("apple", "bread", "cheese", "dates", "eggs", "figs", "grapes", "honey")

MOST_REFUSED = 0.05
"""Of a round's orders; more, and its rate is none of the system at its work."""

Submit = Callable[[int], Awaitable[bool]]
"""Submits the order of a number; says whether it was done."""


def order(tx: str, number: int) -> dict[str, object]:
    """Return an order; the hot rows are the same for all ways."""
    return {
        "tx": tx,
        "customer": CUSTOMERS[number % len(CUSTOMERS)],
        "sku": PRODUCTS[number % len(PRODUCTS)],
        "quantity": 1,
        "price": 100,
    }


def database_urls(environment: Environment) -> dict[str, str]:
    """Return where the databases are, past the proxies."""
    return {
        name: environment.url(Reference(kind="databases", name=name, field="url"))
        for name in environment.system.databases
    }


async def closed_loop(clients: Sequence[Submit], duration_s: float) -> float:
    """Let each client submit, one after the other, for a while; return how many were done a second."""
    began = time.perf_counter()
    done = refused = 0

    async def go_on(submit: Submit, number: int) -> None:
        nonlocal done, refused
        while time.perf_counter() - began < duration_s:
            if await submit(number):
                done += 1
            else:
                refused += 1
            number += len(clients)

    await asyncio.gather(*(go_on(submit, number) for number, submit in enumerate(clients)))
    took_s = time.perf_counter() - began
    if refused > MOST_REFUSED * (done + refused):
        raise RuntimeError(f"{refused} orders of {done + refused} were not done")
    return done / took_s


async def over_http(url: str, clients: int, duration_s: float, name: str) -> float:
    """Return orders a second that a service answers with 201; `name` begins their transactions' ids."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def submit(number: int) -> bool:
            async with session.post(url, json=order(f"{name}{number:07d}", number)) as answer:
                await answer.read()
                return answer.status == 201

        return await closed_loop([submit] * clients, duration_s)
