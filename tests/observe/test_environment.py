"""What a process runs on, as text."""

import wengert


def test_texts():
    assert "numpy" in wengert.__config__.show()
    assert str(wengert.get_num_threads()) in wengert.__config__.parallel_info()
    text = wengert.utils.collect_env.get_pretty_env_info()
    assert wengert.__version__ in text and "Python version" in text
