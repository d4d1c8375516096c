"""Reads and writes Thrift's compact protocol, for footers and page headers of Parquet that no writer makes any more."""

BOOL_TRUE, BOOL_FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result

    def zigzag(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def value(self, kind):
        if kind in (BOOL_TRUE, BOOL_FALSE):
            return kind == BOOL_TRUE
        if kind == BYTE:
            return self.byte()
        if kind in (I16, I32, I64):
            return self.zigzag()
        if kind == DOUBLE:
            self.at += 8
            return self.data[self.at - 8 : self.at]
        if kind == BINARY:
            size = self.varint()
            self.at += size
            return self.data[self.at - size : self.at]
        if kind in (LIST, SET):
            head = self.byte()
            size = head >> 4
            if size == 15:
                size = self.varint()
            inner = head & 15
            if inner in (BOOL_TRUE, BOOL_FALSE):
                return (inner, [self.byte() for _ in range(size)])
            return (inner, [self.value(inner) for _ in range(size)])
        assert kind == STRUCT, kind
        return self.struct()

    def struct(self):
        """{field: [kind, value]}, in order."""
        fields, last = {}, 0
        while True:
            head = self.byte()
            if head == 0:
                return fields
            delta, kind = head >> 4, head & 15
            last = last + delta if delta else self.zigzag()
            fields[last] = [kind, self.value(kind)]


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value):
    return varint((value << 1) ^ (value >> 63))


def write(kind, value):
    if kind in (BOOL_TRUE, BOOL_FALSE):
        return b""
    if kind == BYTE:
        return bytes([value])
    if kind in (I16, I32, I64):
        return zigzag(value)
    if kind == DOUBLE:
        return value
    if kind == BINARY:
        return varint(len(value)) + value
    if kind in (LIST, SET):
        inner, values = value
        head = bytes([len(values) << 4 | inner]) if len(values) < 15 else bytes([0xF0 | inner]) + varint(len(values))
        if inner in (BOOL_TRUE, BOOL_FALSE):
            return head + bytes(values)
        return head + b"".join(write(inner, one) for one in values)
    out, last = b"", 0
    for field, (kind, one) in sorted(value.items()):
        if kind in (BOOL_TRUE, BOOL_FALSE):
            kind = BOOL_TRUE if one else BOOL_FALSE
        delta = field - last
        out += bytes([delta << 4 | kind]) if 0 < delta < 16 else bytes([kind]) + zigzag(field)
        out += write(kind, one)
        last = field
    return out + b"\0"
