"""A client of the service for Python programs: `from muslin.client import Client`."""

from muslin.client.client import Client
from muslin.client.failures import ServiceError
from muslin.client.shapes import Event, Filters, PriceRange, StockCount, Wish
from muslin.client.transport import Patience

__all__ = ["Client", "Event", "Filters", "Patience", "PriceRange", "ServiceError", "StockCount", "Wish"]
