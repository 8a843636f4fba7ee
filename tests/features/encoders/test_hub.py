import json
import shutil

import numpy as np
import pytest

from muslin.errors import DataError, UsageError
from muslin.features.encoders import hub_model
from muslin.features.encoders.hub import load_text
from muslin.features.encoders.hub_images import load_images

transformers = pytest.importorskip("transformers", reason="transformers is not installed: pip install 'muslin[hub]'")

import torch

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "dress", "shirt", "with", "pockets", "红", "裙"]
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A tiny BERT with random weights, stored as transformers stores models."""
    folder = tmp_path_factory.mktemp("hub") / "tiny-bert"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    torch.manual_seed(0)
    config = transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=24, **SMALL)
    with hub_model.quiet():
        transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
        transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def copy(bert, tmp_path):
    return shutil.copytree(bert, tmp_path / "copy")


def test_the_mean_of_the_tokens_is_taken(bert) -> None:
    encoder = load_text(f"hf:{bert}")
    texts = ["red dress", "blue shirt with pockets", "红裙", "red"] * 20
    found = encoder.encode(texts)
    assert found.shape == (80, encoder.width) == (80, 16)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    model, tokenizer = encoder.model, encoder.tokenizer
    for row, text in enumerate(texts[:4]):
        with torch.inference_mode():
            state = model(**tokenizer([text], return_tensors="pt")).last_hidden_state[0].numpy()
        mean = state.mean(axis=0)
        assert np.allclose(found[row], mean / np.linalg.norm(mean), atol=1e-5)
        assert np.allclose(found[row], encoder.encode([text])[0], atol=1e-5)
    assert encoder.encode([]).shape == (0, 16)


def test_long_texts_are_cut(bert) -> None:
    encoder = load_text(str(bert))
    assert encoder.tokens == 22
    first, second = encoder.encode(["red dress " * 10, "red dress " * 10 + "blue shirt " * 500])
    assert np.allclose(first, second, atol=1e-5)


def test_a_prefix_is_part_of_the_version(bert) -> None:
    plain, prefixed = load_text(str(bert)), load_text(str(bert), prefix="red ")
    assert np.allclose(prefixed.encode(["dress"]), plain.encode(["red dress"]), atol=1e-6)
    assert prefixed.version != plain.version


def test_the_version_is_of_the_files_not_of_the_place(bert, copy) -> None:
    before = load_text(str(bert))
    assert before.name == "hf:tiny-bert"
    assert load_text(str(copy)).version == before.version
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 0.1}))
    assert load_text(str(copy)).version != before.version


def test_only_safetensors_are_read(copy) -> None:
    state = {"embeddings.word_embeddings.weight": torch.zeros(len(WORDS), 16)}
    (copy / "model.safetensors").unlink()
    torch.save(state, copy / "pytorch_model.bin")
    with pytest.raises(DataError, match="no_safetensors") as error:
        load_text(str(copy))
    assert "safe_serialization" in error.value.fix


def test_code_that_comes_with_a_model_is_not_run(copy) -> None:
    (copy / "mine.py").write_text("raise SystemExit('ran')")
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Mine", "AutoModel": "mine.Mine"}}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="bad_model"):
        load_text(str(copy))


@pytest.mark.parametrize("damage", ["config", "weights", "lacking", "tokenizer"])
def test_a_damaged_model_is_named(copy, damage) -> None:
    if damage == "config":
        (copy / "config.json").write_text("{")
    elif damage == "weights":
        (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:500])
    elif damage == "lacking":  # transformers would make the rest up
        from safetensors.torch import load_file, save_file

        some = dict(list(load_file(copy / "model.safetensors").items())[:5])
        save_file(some, copy / "model.safetensors", {"format": "pt"})
    else:
        for path in (*copy.glob("tokenizer*"), copy / "vocab.txt"):
            path.write_text("{")
    with pytest.raises(DataError) as error:
        load_text(str(copy))
    assert error.value.code == "bad_model"
    assert error.value.where == "hf:copy"


def test_what_is_no_model_says_so(tmp_path, bert) -> None:
    with pytest.raises(DataError, match="not_a_model"):
        load_text(f"hf:{tmp_path}")
    with pytest.raises(UsageError, match="did you mean 'tiny-bert'") as error:
        load_text(str(bert.parent / "tiny-bart"))
    assert error.value.code == "missing_model"
    for odd in ("hf:./nowhere", "hf:~nobody/x", "hf:nowhere", "hf:a/b/c", "hf:"):
        with pytest.raises((UsageError, DataError)) as odd_error:
            load_text(odd)
        assert odd_error.value.code in ("missing_model", "not_a_model")


def test_a_name_is_asked_of_the_hub_for_safe_files_only(bert, monkeypatch) -> None:
    import huggingface_hub

    asked = {}

    def download(name, **options):
        asked.update(options, name=name)
        return str(bert)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert load_text("hf:someone/tiny").name == "hf:someone/tiny"
    assert asked["name"] == "someone/tiny"
    assert not {"*.bin", "*.py", "*.pt", "*.pkl", "*"} & set(asked["allow_patterns"])


def test_a_hub_out_of_reach_says_what_to_do(monkeypatch) -> None:
    import huggingface_hub

    def fails(error):
        def download(*_, **__):
            raise error

        return download

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fails(ConnectionError("no route to host")))
    with pytest.raises(DataError, match="no route to host") as error:
        load_text("hf:someone/tiny")
    assert error.value.code == "model_unreachable"
    refused = huggingface_hub.errors.HFValidationError("Repo id must be")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fails(refused))
    with pytest.raises(UsageError, match="missing_model"):
        load_text("hf:some one/tiny")


def test_without_the_extra_it_says_what_to_install(bert, monkeypatch) -> None:
    monkeypatch.setattr(hub_model.importlib.util, "find_spec", lambda _: None)
    for load in (load_text, load_images):
        with pytest.raises(UsageError, match=r"pip install 'muslin\[hub\]'") as error:
            load(str(bert))
        assert error.value.code == "missing_extra"


def _clip():
    text = transformers.CLIPTextConfig(vocab_size=50, bos_token_id=0, eos_token_id=1, pad_token_id=1, **SMALL)
    vision = transformers.CLIPVisionConfig(image_size=32, patch_size=8, **SMALL)
    config = transformers.CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=12)
    return transformers.CLIPModel(config)


def _siglip():
    text = transformers.SiglipTextConfig(vocab_size=50, bos_token_id=0, eos_token_id=1, pad_token_id=1, **SMALL)
    vision = transformers.SiglipVisionConfig(image_size=32, patch_size=8, **SMALL)
    return transformers.SiglipModel(
        transformers.SiglipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())
    )


def _dino():
    return transformers.Dinov2Model(transformers.Dinov2Config(image_size=32, patch_size=8, mlp_ratio=2, **SMALL))


def _resnet():
    return transformers.ResNetModel(
        transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 20], depths=[1, 1], layer_type="basic")
    )


def _vit():
    return transformers.ViTModel(transformers.ViTConfig(image_size=32, patch_size=8, **SMALL), add_pooling_layer=False)


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.Generator(np.random.PCG64(0)).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("make", "width"), [(_clip, 12), (_siglip, 16), (_dino, 16), (_resnet, 20), (_vit, 16)], ids=lambda v: str(v)[:12]
)
def test_picture_models_by_name(tmp_path, make, width, pictures) -> None:
    torch.manual_seed(0)
    with hub_model.quiet():
        make().save_pretrained(tmp_path)
    about = {"crop_size": {"height": 32, "width": 32}, "size": {"shortest_edge": 40}, "image_mean": [0.5, 0.4, 0.3]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(about))
    encoder = load_images(f"hf:{tmp_path}")
    assert (encoder.size, encoder.width) == (32, width)
    assert encoder.mean == (0.5, 0.4, 0.3)
    assert encoder.std == (0.229, 0.224, 0.225)
    found = encoder.encode(pictures)
    assert found.shape == (20, width)
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.allclose(found[3], encoder.encode(pictures[3:4])[0], atol=1e-5)
    assert np.array_equal(found, load_images(str(tmp_path)).encode(pictures))  # nothing in it is made up at random
    assert encoder.encode(pictures[:0]).shape == (0, width)


def test_colours_are_scaled_as_the_model_wants(tmp_path, pictures) -> None:
    with hub_model.quiet():
        _resnet().save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"size": 32, "image_std": [1, 1, 1]}))
    encoder = load_images(str(tmp_path))
    scaled = torch.from_numpy(pictures / 255 - [0.485, 0.456, 0.406]).float().permute(0, 3, 1, 2)
    with torch.inference_mode():
        wanted = encoder.model(pixel_values=scaled).pooler_output.flatten(1).numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.allclose(encoder.encode(pictures), wanted, atol=1e-5)


def test_a_pooler_that_the_files_lack_is_not_used(tmp_path, pictures) -> None:
    with hub_model.quiet():
        _vit().save_pretrained(tmp_path)
    encoder = load_images(str(tmp_path))
    assert not encoder.pools
    scaled = encoder.encode(pictures)
    assert np.array_equal(load_images(str(tmp_path)).encode(pictures), scaled)


@pytest.mark.parametrize("said", ["{", "[]", '{"size": "large"}', '{"image_mean": [1, 2]}', '{"size": 100000}'])
def test_a_senseless_preprocessor_is_named(tmp_path, said) -> None:
    with hub_model.quiet():
        _resnet().save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(said)
    with pytest.raises(DataError, match="bad_model"):
        load_images(str(tmp_path))


def test_texts_and_pictures_are_not_confused(bert, tmp_path) -> None:
    with pytest.raises(DataError, match="does not read pictures"):
        load_images(str(bert))
    with hub_model.quiet():
        _clip().save_pretrained(tmp_path)
    for path in bert.glob("tokenizer*"):
        shutil.copy(path, tmp_path)
    with pytest.raises(DataError, match="does not read texts"):
        load_text(str(tmp_path))
