"""Global ids of prepared branches read as what their managers meant."""

import base64

import pytest

from dtx.targets.branch_names import of_mariadb, of_postgres


def coded(text: bytes) -> str:
    return base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("gid", "name"),
    [
        ("shop:t000001:orders", "shop:t000001:orders"),
        (f"1_{coded(b'shop:t000001')}_{coded(b'pay')}", "shop:t000001,pay"),
        (f"1_{coded(b'shop:t000001')}_", "shop:t000001"),
        (f"1_{coded(bytes([0, 255]))}_{coded(b'pay')}", f"1_{coded(bytes([0, 255]))}_{coded(b'pay')}"),
        ("7_abc_d", "7_abc_d"),
        ("", ""),
    ],
)  # fmt: skip
def test_postgres(gid: str, name: str) -> None:
    assert of_postgres(gid) == name


@pytest.mark.parametrize(
    ("xid", "name"),
    [
        ("'shop:t000001','pay',7", "shop:t000001,pay"),
        ("X'73686f70',X'706179'", "shop,pay"),
        ("X'73686f70'", "shop"),
        ("X'ff00'", "X'ff00'"),
        ("X'00'", "X'00'"),
    ],
)
def test_mariadb(xid: str, name: str) -> None:
    assert of_mariadb(xid) == name
