"""The key client.outcome: how to ask what became of a transaction; JMESPath looks into the answer."""

from dtx.config.jmespath_text import parse_jmespath
from dtx.config.model import OutcomeQuery
from dtx.config.request import parse_urls
from dtx.config.table import Value

_EXAMPLE = "status == 'CONFIRMED'"


def parse_outcome(value: Value) -> OutcomeQuery:
    """Read the outcome query; the references of its URL are the caller's to check.

    Raises:
        ConfigError: a key is wrong, or an expression is not JMESPath.
    """
    with value.table() as table:
        first, *others = parse_urls(table.need("url"))
        return OutcomeQuery(
            url=first,
            others=tuple(others),
            ok=parse_jmespath(table.need("ok"), example=_EXAMPLE),
            fail=parse_jmespath(table.need("fail"), example=_EXAMPLE),
        )
