"""Attention layers beyond the samples of cases.py: masks, paths of evaluation, flex_attention."""

import warnings

import numpy as np
import pytest

import wengert


def seeded(lib, *shape, seed=0):
    return lib.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def attention(lib, **kwargs):
    lib.manual_seed(0)
    return lib.nn.MultiheadAttention(8, 2, batch_first=True, **kwargs).double()


def masks(lib):
    """Every kind of mask, with and without weights."""
    m, out = attention(lib), []
    q, kv = seeded(lib, 3, 5, 8), seeded(lib, 3, 4, 8, seed=1)
    padding = lib.tensor([[False, False, True, True], [False] * 4, [False, True, False, True]])
    boolean = seeded(lib, 5, 4) > 1
    added = seeded(lib, 6, 5, 4)
    as_numbers = lib.zeros(3, 4, dtype=lib.float64).masked_fill(padding, float("-inf"))
    for need in (True, False):
        for options in (
            {"key_padding_mask": padding},
            {"attn_mask": boolean},
            {"attn_mask": added},
            {"attn_mask": added, "key_padding_mask": as_numbers},
            {"attn_mask": boolean, "key_padding_mask": padding},
        ):
            for average in (True, False):
                y, w = m(q, kv, kv, need_weights=need, average_attn_weights=average, **options)
                out += [y, w]
    square = lib.nn.Transformer.generate_square_subsequent_mask(5, dtype=lib.float64)
    out += m(q, q, q, attn_mask=square, is_causal=True, need_weights=False)
    return [None if t is None else t.detach().numpy() for t in out]


def test_masks_as_pytorch(torch):
    got, want = masks(wengert), masks(torch)
    for a, b in zip(got, want, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def encoder(lib):
    """An encoder in evaluation, with padded rows, with and without gradients."""
    lib.manual_seed(0)
    layer = lib.nn.TransformerEncoderLayer(8, 2, 16, 0.1, batch_first=True)
    m = lib.nn.TransformerEncoder(layer, 2, norm=lib.nn.LayerNorm(8)).double().eval()
    x = seeded(lib, 2, 4, 8)
    padding = lib.tensor([[False, False, False, True], [False, True, True, True]])
    causal = lib.nn.Transformer.generate_square_subsequent_mask(4, dtype=lib.float64)
    out = [m(x), m(x, src_key_padding_mask=padding), m(x, mask=causal, is_causal=True)]
    with lib.no_grad():
        out += [m(x), m(x, src_key_padding_mask=padding), m(x, mask=causal)]
        scattered = lib.tensor([[False, True, False, False], [True, False, False, False]])
        out.append(m(x, src_key_padding_mask=scattered))
    return [repr(m), [t.detach().numpy() for t in out]]


def test_encoder_as_pytorch(torch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got, want = encoder(wengert), encoder(torch)
    assert got[0] == want[0].replace("NonDynamically", "NonDynamically")
    for i, (a, b) in enumerate(zip(got[1], want[1], strict=True)):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8, err_msg=str(i))


def decoder(lib):
    lib.manual_seed(0)
    layer = lib.nn.TransformerDecoderLayer(8, 2, 16, 0.0, "gelu", bias=False)
    m = lib.nn.TransformerDecoder(layer, 2).double()
    tgt, memory = seeded(lib, 4, 3, 8), seeded(lib, 5, 3, 8, seed=1)
    mask = lib.nn.Transformer.generate_square_subsequent_mask(4, dtype=lib.float64)
    y = m(tgt, memory, tgt_mask=mask)
    y.square().sum().backward()
    return [y.detach().numpy(), *[p.grad.numpy() for p in m.parameters()]]


def test_decoder_as_pytorch(torch):
    for a, b in zip(decoder(wengert), decoder(torch), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


def test_a_hidden_key_has_no_influence():
    m = attention(wengert)
    q, kv = seeded(wengert, 1, 3, 8), seeded(wengert, 1, 4, 8, seed=1)
    hidden = wengert.tensor([[False, False, False, True]])
    before = m(q, kv, kv, key_padding_mask=hidden)[0]
    kv[0, 3] = 100.0
    assert wengert.allclose(m(q, kv, kv, key_padding_mask=hidden)[0], before)


def test_bad_masks():
    m, x = attention(wengert), seeded(wengert, 2, 3, 8)
    with pytest.raises(RuntimeError, match="should be"):
        m(x, x, x, attn_mask=wengert.zeros(2, 2, dtype=wengert.bool))
    with pytest.raises(AssertionError, match="bool and floating"):
        m(x, x, x, attn_mask=wengert.zeros(3, 3, dtype=wengert.int64))
    with pytest.raises(RuntimeError, match="is_causal"):
        m(x, x, x, is_causal=True)
    with pytest.raises(AssertionError):
        wengert.nn.MultiheadAttention(8, 3)
    with pytest.raises(ValueError):
        wengert.nn.MultiheadAttention(0, 1)


def test_transformer_checks_its_inputs():
    m = wengert.nn.Transformer(8, 2, 1, 1, 16)
    with pytest.raises(RuntimeError, match="batch number"):
        m(wengert.ones(4, 2, 8), wengert.ones(4, 3, 8))
    with pytest.raises(RuntimeError, match="feature number"):
        m(wengert.ones(4, 2, 7), wengert.ones(4, 2, 8))
    with pytest.raises(RuntimeError, match="relu/gelu"):
        wengert.nn.TransformerEncoderLayer(8, 2, activation="elu")


def test_causal_masks_of_both_corners():
    from wengert.nn.attention.bias import causal_lower_right, causal_upper_left

    q, k = seeded(wengert, 1, 1, 2, 4), seeded(wengert, 1, 1, 3, 4, seed=1)
    attend = wengert.nn.functional.scaled_dot_product_attention
    left = attend(q, k, k, attn_mask=causal_upper_left(2, 3))
    assert wengert.allclose(left[..., 0, :], k[..., 0, :])
    right = attend(q, k, k, attn_mask=causal_lower_right(2, 3))
    assert not wengert.allclose(right[..., 0, :], k[..., 0, :])


def test_flex_attention_is_attention_with_changed_scores():
    from wengert.nn.attention import flex_attention as flex

    q, k = seeded(wengert, 2, 4, 5, 8), seeded(wengert, 2, 2, 6, 8, seed=1)
    q.requires_grad_()
    mask = flex.create_block_mask(lambda b, h, i, j: i >= j, 2, 4, 5, 6, BLOCK_SIZE=4)
    out, lse = flex.flex_attention(q, k, k, None, mask, enable_gqa=True, return_lse=True)
    wanted = flex.AuxRequest(lse=True)
    _, aux = flex.flex_attention(q, k, k, None, mask, enable_gqa=True, return_aux=wanted)
    assert wengert.equal(aux.lse, lse) and aux.max_scores is None
    wide = k.repeat_interleave(2, 1)
    seen = wengert.ones(5, 6, dtype=wengert.bool).tril()
    want = wengert.nn.functional.scaled_dot_product_attention(q, wide, wide, seen)
    assert wengert.allclose(out, want)
    assert lse.shape == (2, 4, 5)
    assert mask.to_dense()[0, 0].tolist() == [[1, 0], [1, 1]]
    near = flex.and_masks(lambda b, h, i, j: i >= j, lambda b, h, i, j: i - j < 2)
    assert int(flex.create_mask(near, None, None, 4, 4).sum()) == 7
    biased = flex.flex_attention(q, wide, wide, lambda s, b, h, i, j: s + h * (i - j))
    biased.sum().backward()
    assert q.grad.isfinite().all()


def test_flex_attention_leaves_fully_masked_rows_zero():
    from wengert.nn.attention import flex_attention as flex

    x = seeded(wengert, 1, 1, 3, 4)
    mask = flex.create_block_mask(lambda b, h, i, j: (i > 0) & (j >= 0), None, None, 3, 3)
    out = flex.flex_attention(x, x, x, block_mask=mask)
    assert out[0, 0, 0].abs().sum() == 0
    assert out.isfinite().all()


def test_data_parallel_on_one_device():
    m = wengert.nn.DataParallel(wengert.nn.Linear(2, 3))
    assert m(wengert.ones(4, 2)).shape == (4, 3)
    assert list(m.state_dict()) == ["module.weight", "module.bias"]


def test_data_parallel_splits_and_joins():
    inner = wengert.nn.Linear(2, 3)
    m = wengert.nn.DataParallel(inner, device_ids=["cpu", "cpu"])
    x = seeded(wengert, 5, 2).float()
    assert wengert.allclose(m(x), inner(x))
    m(x).sum().backward()
    assert wengert.allclose(inner.bias.grad, wengert.full((3,), 5.0))
