"""What is saved by one library and loaded by the other, or the same."""

import io

DTYPES = (  # noqa: SIM905
    "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 "
    "complex64 complex128"
).split()


def crossed(source, target, obj, **options):
    """obj saved by one library and loaded by the other."""
    file = io.BytesIO()
    source.save(obj, file)
    file.seek(0)
    return target.load(file, **options)
