"""Files without numbers, and storages as data of tensors."""

import wengert as torch


def test_saved_without_numbers(tmp_path):
    path = tmp_path / "a.pt"
    with torch.serialization.skip_data():
        torch.save({"a": torch.ones(3)}, path)
    assert torch.load(path)["a"].tolist() == [0.0, 0.0, 0.0]
    torch.save({"a": torch.ones(3)}, path)
    with torch.serialization.skip_data():
        assert torch.load(path)["a"].tolist() == [0.0, 0.0, 0.0]
    assert torch.load(path)["a"].tolist() == [1.0, 1.0, 1.0]


def test_storages_are_read_as_numbers():
    memory = torch.tensor([1.0, 2.0, 3.0]).untyped_storage()
    for f in (torch.asarray, torch.as_tensor, torch.tensor):
        t = f(memory, dtype=torch.float32)
        assert t.tolist() == [1.0, 2.0, 3.0] and t.data_ptr() == memory.data_ptr()
        assert f(memory, dtype=torch.uint8).shape == (12,)
        assert f(memory).dtype is torch.int64 and f(memory).shape == (1,)


def test_a_part_of_a_storage_ends_where_it_ends():
    whole = torch.zeros(10)
    part = torch.empty([]).set_(source=whole.untyped_storage()[:16])
    assert part.untyped_storage().nbytes() == 16 and part.data_ptr() == whole.data_ptr()
    part[0] = 5.0
    assert whole[0].item() == 5.0


def test_what_lies_nowhere():
    t = torch.zeros(2, 3, device="meta")
    assert t.is_contiguous() and t.data_ptr() == 0 and t.untyped_storage().data_ptr() == 0
    assert t.untyped_storage().nbytes() == 24
