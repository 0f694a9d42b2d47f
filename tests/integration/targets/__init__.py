import pytest

# A contract's assertions should explain themselves as those of a test module do.
pytest.register_assert_rewrite("tests.integration.targets.runtime_contract")
