"""Small Parquet files of every kind that writers make, and the rows that pyarrow reads of them: writes parquet.json
beside this file. Footers that only old writers made are edited by hand.

    pip install pyarrow duckdb polars fastparquet
    python3 tests/golden/make_parquet.py
"""

import base64
import datetime
import decimal
import gzip
import io
import json
import math
import os
import pathlib
import random
import struct
import tempfile

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

import _thrift as thrift

random.seed(13)
N = 12
WORDS = ["first", "", "é 🙂\n", "a" * 40, "你好", "row", "row", None]
TEXTS = [random.choice(WORDS) for _ in range(N)]


def some(make, share=0.25):
    return [None if random.random() < share else make() for _ in range(N)]


def column(values, kind):
    return pa.table({"text": pa.array(TEXTS), "value": pa.array(values, kind)})


def plain(value):
    """As denotune gives values: whole numbers beyond 2^53 as text, times as ISO text, bytes as numbers."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 - 1 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, datetime.datetime):
        utc = value.replace(tzinfo=None) if value.tzinfo is None else value.astimezone(datetime.timezone.utc)
        return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"
    if isinstance(value, datetime.date):
        return value.strftime("%Y-%m-%dT00:00:00.000Z")
    if isinstance(value, datetime.time):
        return value.isoformat().rstrip("0") if value.microsecond else value.isoformat()
    if isinstance(value, bytes):
        return {"bytes": list(value)}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return {key: plain(one) for key, one in value.items()}


def rows_of(data):
    return [plain(row) for row in pq.read_table(io.BytesIO(data)).to_pylist()]


cases = []


def case(name, data):
    assert name not in [one["name"] for one in cases], name
    cases.append({"name": name, "file": base64.b64encode(data).decode(), "rows": rows_of(data)})


def written(table, **options):
    out = io.BytesIO()
    options = {"compression": "none", "row_group_size": 7, **options}
    pq.write_table(table, out, **options)
    return out.getvalue()


def edited(data, change):
    """The file with its footer changed: change(metadata)."""
    size = struct.unpack("<I", data[-8:-4])[0]
    metadata = thrift.Reader(data[-8 - size : -8]).struct()
    change(metadata)
    footer = thrift.write(thrift.STRUCT, metadata)
    return data[: -8 - size] + footer + struct.pack("<I", len(footer)) + b"PAR1"


def column_metadata(metadata):
    for group in metadata[4][1][1]:
        for chunk in group[1][1][1]:
            yield chunk[3][1]


def instant():
    return datetime.datetime(2001, 2, 3) + datetime.timedelta(milliseconds=random.randrange(-(10**12), 10**12))


def day():
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=random.randrange(-20000, 30000))


INTS = {"int8": 7, "int16": 15, "int32": 31, "int64": 62}
TYPES = {
    **{name: (some(lambda b=b: random.randrange(-(2**b), 2**b)), getattr(pa, name)()) for name, b in INTS.items()},
    **{"u" + name: (some(lambda b=b: random.randrange(0, 2 ** (b + 1))), getattr(pa, "u" + name)()) for name, b in INTS.items()},
    "bool": (some(lambda: random.random() < 0.5), pa.bool_()),
    "float16": (some(lambda: random.randrange(-100, 100) / 8), pa.float16()),
    "float32": (some(lambda: random.randrange(-(10**6), 10**6) / 64), pa.float32()),
    "float64": (some(lambda: random.uniform(-1e9, 1e9)), pa.float64()),
    "not finite": ([math.inf, -math.inf, None] * 4, pa.float64()),
    "string": (some(lambda: random.choice(WORDS)), pa.string()),
    "large string": (some(lambda: random.choice(WORDS)), pa.large_string()),
    "binary": (some(lambda: random.randbytes(random.randrange(5)) + b"\xff"), pa.binary()),
    "fixed binary": (some(lambda: random.randbytes(3) + b"\xff"), pa.binary(4)),
    "decimal 5": (some(lambda: decimal.Decimal(random.randrange(-9999, 9999)) / 100), pa.decimal128(5, 2)),
    "decimal 15": (some(lambda: decimal.Decimal(random.randrange(-(10**14), 10**14)) / 1000), pa.decimal128(15, 3)),
    "decimal 30": (some(lambda: decimal.Decimal(random.randrange(-(10**14), 10**14)) / 1000), pa.decimal128(30, 3)),
    "date": (some(day), pa.date32()),
    "timestamp ms": (some(instant), pa.timestamp("ms")),
    "timestamp us": (some(instant), pa.timestamp("us")),
    "timestamp ns": (some(instant), pa.timestamp("ns")),
    "timestamp with a zone": (some(instant), pa.timestamp("us", "Europe/Berlin")),
    "time ms": (some(lambda: (instant()).time()), pa.time32("ms")),
    "time us": (some(lambda: (instant()).time()), pa.time64("us")),
    "uuid": (some(lambda: random.randbytes(16)), pa.binary(16)),
    "null": ([None] * N, pa.null()),
    "dictionary": (some(lambda: random.choice(["x", "y"])), pa.dictionary(pa.int8(), pa.string())),
    "list": (some(lambda: [random.choice(["a", None, ""]) for _ in range(random.randrange(4))]), pa.list_(pa.string())),
    "large list": (some(lambda: [random.randrange(9) for _ in range(random.randrange(4))]), pa.large_list(pa.int32())),
    "fixed list": (some(lambda: [random.randrange(9), 1]), pa.list_(pa.int32(), 2)),
    "list of lists": (some(lambda: [[random.randrange(9)] * random.randrange(3) for _ in range(random.randrange(3))]), pa.list_(pa.list_(pa.int64()))),
    "struct": (some(lambda: {"a": random.choice([1, None]), "b": random.choice(["x", None])}), pa.struct({"a": pa.int32(), "b": pa.string()})),
    "struct of structs": (some(lambda: {"a": random.choice([{"b": 1}, {"b": None}, None])}), pa.struct({"a": pa.struct({"b": pa.int64()})})),
    "messages": (
        some(lambda: [{"role": random.choice(["user", "assistant"]), "content": random.choice(WORDS), "calls": random.choice([None, [], [{"id": 1}]])} for _ in range(random.randrange(3))]),
        pa.list_(pa.struct({"role": pa.string(), "content": pa.string(), "calls": pa.list_(pa.struct({"id": pa.int8()}))})),
    ),
}
for name, (values, kind) in TYPES.items():
    case(f"{name}, dictionaries", written(column(values, kind), compression="snappy"))
    case(f"{name}, plain, pages of version 2", written(column(values, kind), use_dictionary=False, data_page_version="2.0"))

WIDE = pa.table({"text": pa.array(TEXTS), "n": pa.array(range(N), pa.int64()), "list": TYPES["list"][0]})
for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
    for page in ["1.0", "2.0"]:
        case(f"{codec}, pages {page}", written(WIDE, compression=codec, data_page_version=page))
ENCODINGS = {
    "PLAIN": ["text", "n"], "DELTA_BINARY_PACKED": ["n"], "DELTA_LENGTH_BYTE_ARRAY": ["text"], "DELTA_BYTE_ARRAY": ["text"],
    "BYTE_STREAM_SPLIT": ["n"],
}
for encoding, names in ENCODINGS.items():
    for page in ["1.0", "2.0"]:
        table = WIDE.select(names)
        data = written(table, use_dictionary=False, column_encoding={name: encoding for name in names}, data_page_version=page)
        case(f"{encoding}, pages {page}", data)
case("booleans as runs", written(column(*TYPES["bool"]), use_dictionary=False, column_encoding={"value": "RLE"}, version="2.6"))
case("a page index", written(WIDE, write_page_index=True, data_page_size=16))
case("small pages", written(WIDE, data_page_size=8, write_batch_size=2, use_dictionary=False))
case("check sums", written(WIDE, write_page_checksum=True))
case("format 1.0", written(WIDE, version="1.0"))
case("INT96", written(column(*TYPES["timestamp ns"]), use_deprecated_int96_timestamps=True))
case("lists without the standard names", written(WIDE, use_compliant_nested_type=False))
case("no statistics", written(WIDE, write_statistics=False))
case("a row group", written(WIDE, row_group_size=100))
case("many columns", written(pa.table({f"c{i}": [i, None] for i in range(20)})))
case("odd names", written(pa.table({"a.b": ["x"], "": ["y"], "é": ["z"], "__proto__": ["p"]})))

# other writers
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "file.parquet")
    duckdb.sql(f"copy (select i, 'text ' || i as text, [i, null] as list, {{'a': i}} as struct, i::decimal(9,2) as d, date '2001-02-03' + i::int as day from range(12) t(i)) to '{path}' (format parquet, row_group_size 7)")
    case("DuckDB", pathlib.Path(path).read_bytes())
    duckdb.sql(f"copy (select i, 'text ' || (i % 3) as text from range(12) t(i)) to '{path}' (format parquet, compression zstd, parquet_version v2)")
    case("DuckDB, version 2", pathlib.Path(path).read_bytes())
    frame = polars.DataFrame({"text": TEXTS, "n": list(range(N)), "list": TYPES["list"][0], "struct": TYPES["struct"][0]})
    for codec in ["zstd", "snappy", "lz4", "uncompressed"]:
        frame.write_parquet(path, compression=codec, row_group_size=7)
        case(f"Polars, {codec}", pathlib.Path(path).read_bytes())
    try:
        import fastparquet
        import pandas

        fastparquet.write(path, pandas.DataFrame({"text": ["a", "b", "c"] * 3, "n": range(9)}), row_group_offsets=5)
        case("fastparquet", pathlib.Path(path).read_bytes())
    except ImportError:
        print("without fastparquet")


# what only old writers do
def size_zero(metadata):
    for meta in column_metadata(metadata):
        meta[6][1] = 0


def size_of_data(metadata):
    for meta in column_metadata(metadata):
        meta[6][1] = 8


def packed_without_header(metadata):
    """PARQUET-816: the size leaves out the header of the dictionary."""
    metadata[6] = [thrift.BINARY, b"parquet-mr version 1.2.8"]
    for meta in column_metadata(metadata):
        if 11 in meta:
            meta[7][1] -= 13


def dictionary_zero(metadata):
    for meta in column_metadata(metadata):
        if 11 in meta:
            meta[9][1] = meta[11][1]
            del meta[11]


def no_logical_types(metadata):
    for element in metadata[2][1][1]:
        element.pop(10, None)


def no_old_types(metadata):
    for element in metadata[2][1][1]:
        element.pop(6, None)


def no_annotations(metadata):
    """A repeated group is a list of its own."""
    for element in metadata[2][1][1]:
        element.pop(10, None)
        if element.get(6, [0, 0])[1] == 3:
            del element[6]


STRUCTS = pa.table({"id": range(N), "messages": pa.array(*TYPES["messages"])})
REPEATED = pa.table({"id": range(N), "list": pa.array([[1, 2], [], [3]] * 4, pa.list_(pa.int32()))})
for name, table in {"flat": WIDE, "nested": STRUCTS}.items():
    for codec in ["none", "snappy"]:
        data = written(table, compression=codec)
        case(f"sizes of 0, {name}, {codec}", edited(data, size_zero))
        case(f"sizes without headers, {name}, {codec}", edited(data, size_of_data))
        case(f"a dictionary without a place, {name}, {codec}", edited(data, dictionary_zero))
        case(f"old types alone, {name}, {codec}", edited(data, no_logical_types))
for name in ["date", "timestamp us", "timestamp ns", "decimal 5", "decimal 30", "string", "uint8", "uint64", "time us", "list"]:
    case(f"new types alone, {name}", edited(written(column(*TYPES[name])), no_old_types))
case("repeated without annotation", edited(written(REPEATED, use_dictionary=False), no_annotations))
case("repeated groups without annotation", edited(written(STRUCTS.select(["messages"])), no_annotations))
case("packed sizes without the dictionary's header", edited(written(WIDE.select(["text"]), row_group_size=100), packed_without_header))


def rebuilt(data, change):
    """The file with its pages changed: change(header, page) gives other ones. Offsets follow."""
    out = bytearray(b"PAR1")

    def move(metadata):
        for meta in column_metadata(metadata):
            start = meta[11][1] if 11 in meta else meta[9][1]
            end = start + meta[7][1]
            begin, at = len(out), start
            while at < end:
                reader = thrift.Reader(data, at)
                header = reader.struct()
                body = data[reader.at : reader.at + header[3][1]]
                at = reader.at + len(body)
                new_header, new_body = change(header, body)
                new_header[3][1] = len(new_body)
                if header[1][1] == 2:
                    meta[11][1] = len(out)
                else:
                    meta.setdefault("moved", len(out))
                out.extend(thrift.write(thrift.STRUCT, new_header) + new_body)
            meta[9][1] = meta.pop("moved", begin)
            meta[7][1] = len(out) - begin

    size = struct.unpack("<I", data[-8:-4])[0]
    metadata = thrift.Reader(data[-8 - size : -8]).struct()
    move(metadata)
    footer = thrift.write(thrift.STRUCT, metadata)
    return bytes(out) + footer + struct.pack("<I", len(footer)) + b"PAR1"


def codec(number):
    def change(metadata):
        for meta in column_metadata(metadata):
            meta[4][1] = number

    return change


def hadoop(header, page):
    """LZ4 as Hadoop frames it: both lengths before the block."""
    return header, struct.pack(">II", header[2][1], len(page)) + page


def members(header, page):
    """Gzip in two members."""
    whole = gzip.decompress(page)
    half = len(whole) // 2
    return header, gzip.compress(whole[:half]) + gzip.compress(whole[half:])


def rename(metadata, names):
    for meta in column_metadata(metadata):
        joined = ".".join(name.decode() for name in meta[3][1][1])
        if joined in names:
            meta[3][1] = (thrift.BINARY, [name.encode() for name in names[joined]])


def two_levels(metadata):
    """A list as Hive and Thrift wrote it: the repeated field is the element."""
    elements = metadata[2][1][1]
    at = next(i for i, e in enumerate(elements) if e[4][1] == b"list" and e.get(3, [0, 0])[1] == 2)
    element = elements[at + 1]
    element[3] = [thrift.I32, 2]
    element[4][1] = b"array"
    del elements[at]
    rename(metadata, {"value.list.element": ["value", "array"]})


def repeated_primitive(metadata):
    """A repeated field without any list around it."""
    elements = metadata[2][1][1]
    at = next(i for i, e in enumerate(elements) if e[4][1] == b"list" and e.get(3, [0, 0])[1] == 2)
    element = elements[at + 1]
    element[3] = [thrift.I32, 2]
    element[4][1] = b"value"
    del elements[at - 1 : at + 1]
    rename(metadata, {"value.list.element": ["value"]})


def unknown_type(metadata):
    for element in metadata[2][1][1]:
        if 10 in element:
            element.pop(6, None)
            element[10][1] = {99: [thrift.STRUCT, {}]}


case("LZ4 framed by Hadoop", edited(rebuilt(written(WIDE, compression="lz4"), hadoop), codec(5)))
case("LZ4 without a frame", edited(written(WIDE, compression="lz4"), codec(5)))
case("gzip in several members", rebuilt(written(WIDE, compression="gzip"), members))
required = pa.field("element", pa.int32(), nullable=False)
lists = [[1, 2], [], [3]] * 4
optional_list = pa.table({"value": pa.array(lists, pa.list_(required))})
required_list = pa.table([pa.array(lists, pa.list_(required))], schema=pa.schema([pa.field("value", pa.list_(required), nullable=False)]))
for dictionary in [False, True]:
    case(f"lists of two levels, dictionary {dictionary}", edited(written(optional_list, use_dictionary=dictionary), two_levels))
    case(f"a repeated field alone, dictionary {dictionary}", edited(written(required_list, use_dictionary=dictionary), repeated_primitive))
case("an unknown logical type", edited(written(column(*TYPES["int8"]).select(["value"])), unknown_type))
for name in ["snappy", "zstd", "gzip", "lz4", "brotli"]:
    nothing = pa.table({"text": pa.array([None] * N, pa.string()), "list": pa.array([None] * N, pa.list_(pa.int32()))})
    case(f"only nulls, {name}, pages of version 2", written(nothing, compression=name, data_page_version="2.0"))
case("no rows in a row group", (lambda out: (lambda w: (w.write_table(WIDE.slice(0, 0)), w.write_table(WIDE), w.write_table(WIDE.slice(0, 0)), w.close(), out.getvalue())[-1])(pq.ParquetWriter(out, WIDE.schema)))(io.BytesIO()))
case("required columns", written(pa.table([pa.array(range(N)), pa.array(["x"] * N)], schema=pa.schema([pa.field("n", pa.int64(), nullable=False), pa.field("text", pa.string(), nullable=False)]))))

random.shuffle(cases)
path = pathlib.Path(__file__).with_name("parquet.json")
path.write_text("[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in cases) + "\n]\n")
print(len(cases), "files,", path.stat().st_size, "bytes")
