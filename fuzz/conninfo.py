"""Prints what libpq reads in each of these files, an address each: a JSON object with its options, or null if it refuses it."""

import ctypes
import json
import sys


class Option(ctypes.Structure):
    """PQconninfoOption of libpq-fe.h."""

    _fields_ = [(name, ctypes.c_char_p) for name in ("keyword", "envvar", "compiled", "val", "label", "dispchar")]
    _fields_ += [("dispsize", ctypes.c_int)]


libpq = ctypes.CDLL("libpq.so.5")
libpq.PQconninfoParse.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p)]
libpq.PQconninfoParse.restype = ctypes.POINTER(Option)

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        text = file.read()
    # A zero byte would end the text.
    options = None if b"\0" in text else libpq.PQconninfoParse(text, None)
    if not options:
        print("null")
        continue
    found = {}
    at = 0
    while options[at].keyword is not None:
        if options[at].val:
            found[options[at].keyword.decode()] = options[at].val
        at += 1
    try:
        print(json.dumps({name: value.decode() for name, value in found.items()}))
    except UnicodeDecodeError:
        # Rowkeep refuses what is not UTF-8.
        print("null")
