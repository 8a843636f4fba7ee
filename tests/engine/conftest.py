import pytest

from muslin.recipes.fit import fit
from muslin.testing.worlds import tiny_shop


@pytest.fixture(scope="session")
def model():
    """A content model of a shop in which some garments and shoppers have no events."""
    return fit(tiny_shop(items=200, users=300, events=900), "content_knn")
