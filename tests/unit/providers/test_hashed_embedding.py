import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.core.errors import InvalidRequest
from quorate.providers.hashed_embedding import Embedder, HashedEmbedding, Vectors

EMBEDDER: Embedder = HashedEmbedding()


def likeness(one: str, other: str) -> float:
    vectors = EMBEDDER.embed([one, other])
    return float(vectors[0] @ vectors[1])


@given(st.lists(st.text(max_size=40), max_size=4), st.sampled_from([None, 1, 2, 64, 300]))
def test_vectors_have_length_one_and_do_not_depend_on_the_company(texts: list[str], dimensions: int | None) -> None:
    vectors = EMBEDDER.embed(texts, dimensions)
    assert vectors.shape == (len(texts), dimensions or 256)
    assert vectors.dtype == np.float32
    for text, vector in zip(texts, vectors, strict=True):
        assert float(np.linalg.norm(vector)) == pytest.approx(1.0 if text.split() else 0.0, abs=1e-5)
        assert np.array_equal(EMBEDDER.embed([text], dimensions)[0], vector)


def test_shared_wording_is_near_and_other_wording_is_not() -> None:
    assert likeness("The cat sat on the mat.", "the  CAT sat on a mat") > 0.7
    assert likeness("The cat sat on the mat.", "Quarks obey colour confinement") < 0.3
    assert likeness("Straße", "STRASSE") > 0.99


def test_texts_without_anything_in_common_are_at_right_angles_on_average() -> None:
    rng = np.random.default_rng(1)
    texts = ["".join(chr(97 + letter) for letter in rng.integers(0, 26, 60)) for _ in range(60)]
    vectors: Vectors = EMBEDDER.embed(texts)
    cosines = (vectors @ vectors.T)[np.triu_indices(60, 1)]
    assert abs(float(cosines.mean())) < 0.01
    assert float(np.abs(cosines).max()) < 0.35


def test_the_vector_is_the_same_on_every_machine() -> None:
    vector = HashedEmbedding(dimensions=4).embed(["Paris"])[0]
    assert [round(float(value), 4) for value in vector] == [0.5547, 0.5547, -0.2774, 0.5547]


def test_the_name_and_the_bounds() -> None:
    assert HashedEmbedding("mine").name == "mine"
    for dimensions in (0, -1, 16_385):
        with pytest.raises(InvalidRequest, match=f"dimensions is {dimensions}"):
            EMBEDDER.embed(["a"], dimensions)
