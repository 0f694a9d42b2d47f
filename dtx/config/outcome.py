"""The key client.outcome: how to ask what became of a transaction; JMESPath looks into the answer."""

from dtx.config.jmespath_text import parse_jmespath
from dtx.config.model import OutcomeQuery
from dtx.config.table import Value
from dtx.config.template import parse_template

_EXAMPLE = "status == 'CONFIRMED'"


def parse_outcome(value: Value) -> OutcomeQuery:
    """Read the outcome query; the references of its URL are the caller's to check.

    Raises:
        ConfigError: a key is wrong, or an expression is not JMESPath.
    """
    with value.table() as table:
        url = table.need("url")
        return OutcomeQuery(
            url=parse_template(url.text(), url.place),
            ok=parse_jmespath(table.need("ok"), example=_EXAMPLE),
            fail=parse_jmespath(table.need("fail"), example=_EXAMPLE),
        )
