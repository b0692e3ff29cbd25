from __future__ import annotations

import numpy as np
import pytest

from kindred.recommenders import item_context
from kindred.recommenders.item_context import ItemContext
from kindred.recommenders.model import load_model
from kindred.recommenders.products import PRODUCTS
from tests.recommenders.conftest import Shop


def test_few_items_are_described_as_they_are_among_all(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(PRODUCTS, shop.run.folder)
    context = model.context
    assert isinstance(context, ItemContext)
    found = [context.read(PRODUCTS, shop.store, model.items)]
    monkeypatch.setattr(item_context, "FEW_ITEMS", 0)
    found.append(context.read(PRODUCTS, shop.store, model.items))
    assert np.array_equal(*found) and found[0].any()
