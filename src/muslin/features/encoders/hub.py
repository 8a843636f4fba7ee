"""Sentences through any encoder in the layout of Hugging Face that the user names: `hf:PATH` or `hf:OWNER/NAME`.

The vector of a text is the mean of its tokens' last hidden states. Source: Reimers and Gurevych 2019 (arXiv
1908.10084), section 3, mean strategy. Differs: none; models trained to speak through one token are read like the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from muslin.features.encoders.hub_model import Stored, bad_model, find, first_line, load, quiet
from muslin.types import Floats

_BATCH = 32
_TOKENS = 512


@dataclass(frozen=True)
class HubText:
    """A `TextEncoder`: texts beyond `tokens` tokens are cut; `prefix` is put before each (e5 wants "query: ")."""

    name: str
    version: str
    width: int
    tokens: int
    prefix: str
    model: Any = field(repr=False, compare=False)
    tokenizer: Any = field(repr=False, compare=False)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit vectors [n, width]. Padding may move the last bits of a vector (1e-6) with what else is encoded."""
        out = np.zeros((len(texts), self.width), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))  # alike in length: little padding
        for low in range(0, len(order), _BATCH):
            rows = order[low : low + _BATCH]
            out[rows] = self._mean_state([self.prefix + texts[row] for row in rows]).numpy()
        return out

    def _mean_state(self, texts: list[str]) -> Tensor:
        tokens = self.tokenizer(texts, padding=True, truncation=True, max_length=self.tokens, return_tensors="pt")
        with torch.inference_mode():
            state: Tensor = self.model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(state.dtype)
        mean = (state * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
        return torch.nn.functional.normalize(mean, dim=1)


def load_text(source: str, *, prefix: str = "") -> HubText:
    """Encoder of the model `source`, on the processor.

    Raises `UsageError` (`missing_extra`, `missing_model`) and `DataError` (`model_unreachable`, `not_a_model`,
    `no_safetensors`, `bad_model`).
    """
    stored = find(source)
    model, _ = load(stored)  # a pooler is not asked
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    tokenizer = _tokenizer(stored)
    version = f"{stored.version}-{prefix!r}" if prefix else stored.version
    draft = HubText(stored.name, version, 0, _limit(model, tokenizer), prefix, model, tokenizer)
    try:
        return replace(draft, width=draft._mean_state(["a"]).shape[1])
    except Exception as error:  # what a model that reads something else makes of a text
        raise bad_model(stored, f"it does not read texts ({first_line(error)})") from None


def _tokenizer(stored: Stored) -> Any:
    with quiet() as transformers:
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(stored.folder), local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # as in hub_model.load
            raise bad_model(stored, f"its tokenizer does not load ({first_line(error)})") from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _limit(model: Any, tokenizer: Any) -> int:
    # Some position tables keep two places for themselves without saying so.
    places = getattr(model.config, "max_position_embeddings", None) or _TOKENS + 2
    return int(min(tokenizer.model_max_length, places - 2, _TOKENS))
