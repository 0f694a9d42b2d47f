"""URL and body of requests."""

from dtx.config.model import Reference, Request, Template
from dtx.core.history import FieldValue
from dtx.workload.generators import Transaction
from dtx.workload.rendering import OutcomeUrl, RequestRenderer


def field(name: str) -> Reference:
    return Reference(kind="", name="", field=name)


def renderer(json: object, *url: str | Reference) -> RequestRenderer:
    parts = (Reference(kind="workers", name="orders", field="url"), *url)
    request = Request(method="POST", url=Template(parts=parts), json=json)
    return RequestRenderer(request, lambda r: f"http://{r.name}.{r.field}")


def transaction(**fields: FieldValue) -> Transaction:
    return Transaction(tx="t000001", fields=fields)


def test_a_string_that_is_one_field_keeps_its_type() -> None:
    body = renderer(
        {
            "tx": Template(parts=(field("tx"),)),
            "n": Template(parts=(field("n"),)),
            "paid": Template(parts=(field("paid"),)),
        }
    ).body(transaction(n=3, paid=True))
    assert body == {"tx": "t000001", "n": 3, "paid": True}


def test_a_field_inside_a_string_becomes_text() -> None:
    body = renderer({"note": Template(parts=("n is ", field("n"), ", ", field("paid")))}).body(
        transaction(n=3, paid=True)
    )
    assert body == {"note": "n is 3, true"}


def test_nested_values_are_rendered_and_literals_stay() -> None:
    body = renderer({"lines": [{"sku": Template(parts=(field("sku"),)), "qty": 2}, None]}).body(
        transaction(sku="pear")
    )
    assert body == {"lines": [{"sku": "pear", "qty": 2}, None]}


def test_a_url_has_the_address_of_its_node_and_escaped_fields() -> None:
    url = renderer(None, "/orders/", field("sku")).url(transaction(sku="a/b ü"))
    assert url == "http://orders.url/orders/a%2Fb%20%C3%BC"


def test_a_request_without_a_body_has_none() -> None:
    assert not renderer(None).has_body
    assert renderer({}).has_body


def test_an_outcome_is_asked_by_id() -> None:
    url = Template(parts=("http://x/transactions/", field("tx")))
    assert OutcomeUrl(url, lambda r: r.name).of(transaction()) == "http://x/transactions/t000001"
