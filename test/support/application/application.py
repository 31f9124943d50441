"""Plays the application beside lmdbstream: a second process on the same LMDB, through Python's own binding.

One JSON request a line on stdin, one JSON answer a line on stdout: {"ok": ...} or {"error": class, "message": text}.
Keys and values travel as hex. A write transaction is opened for each batch, or held between `begin` and `commit`.
"""

import binascii
import json
import os
import sys

import lmdb

# Bits of lmdb.h; py-lmdb has no REVERSEDUP.
FLAG_NAMES = {
    0x02: "reverse_key",
    0x04: "dupsort",
    0x08: "integerkey",
    0x10: "dupfixed",
    0x20: "integerdup",
}

env = None
write_txn = None
held_reads = {}
next_read = 1


def raw(text):
    return binascii.unhexlify(text)


def text(data):
    return binascii.hexlify(data).decode()


def open_dbi(txn, name, flags=0, create=False):
    if name == "":
        return env.open_db(None, txn=txn)
    wanted = {word: True for bit, word in FLAG_NAMES.items() if flags & bit}
    return env.open_db(name.encode("utf-8", "surrogateescape"), txn=txn, create=create, **wanted)


def apply(txn, op):
    kind = op["op"]
    if kind == "drop":
        txn.drop(open_dbi(txn, op["dbi"]), delete=op.get("remove", False))
        return
    create = kind in ("put", "create", "fill")
    dbi = open_dbi(txn, op["dbi"], op.get("flags", 0), create=create)
    if kind == "put":
        txn.put(raw(op["key"]), raw(op["value"]), db=dbi)
    elif kind == "del":
        txn.delete(raw(op["key"]), raw(op["value"]) if "value" in op else b"", db=dbi)
    elif kind == "fill":
        value = b"\x55" * op["valueBytes"]
        for number in range(op["from"], op["from"] + op["count"]):
            txn.put(b"%s%08d" % (op["prefix"].encode(), number), value, db=dbi)
    elif kind != "create":
        raise ValueError("unknown write " + kind)


def scan(txn, name):
    with txn.cursor(open_dbi(txn, name)) as cursor:
        return [[text(key), text(value)] for key, value in cursor]


def do_open(request):
    global env
    if env is not None:
        do_close({})
    env = lmdb.open(
        request["path"],
        subdir=not request.get("noSubdir", False),
        create=request.get("create", True),
        map_size=request.get("mapSizeBytes", 0) or 1 << 30,
        max_dbs=request.get("maxDbs", 64),
        max_readers=request.get("maxReaders", 126),
        max_spare_txns=0,
        writemap=request.get("writeMap", False),
        sync=request.get("sync", True),
        readonly=request.get("readOnly", False),
    )
    return env.info()["last_txnid"]


def do_close(_):
    global env, write_txn
    for txn in held_reads.values():
        txn.abort()
    held_reads.clear()
    if write_txn is not None:
        write_txn.abort()
        write_txn = None
    if env is not None:
        env.close()
    env = None


def do_batch(request):
    """All writes in one transaction: the held one, or one of its own. Answers with its id."""
    if write_txn is not None:
        for op in request["writes"]:
            apply(write_txn, op)
        return write_txn.id()
    with env.begin(write=True) as txn:
        for op in request["writes"]:
            apply(txn, op)
        return txn.id()


def do_begin(_):
    global write_txn
    write_txn = env.begin(write=True)
    return write_txn.id()


def do_commit(_):
    global write_txn
    txn, write_txn = write_txn, None
    txn.commit()


def do_abort(_):
    global write_txn
    txn, write_txn = write_txn, None
    txn.abort()


def do_hold_read(request):
    global next_read
    first = next_read
    for _ in range(request.get("count", 1)):
        held_reads[next_read] = env.begin(buffers=False)
        next_read += 1
    return first


def do_release_read(request):
    held_reads.pop(request["read"]).abort()


def do_scan(request):
    if "read" in request:
        return scan(held_reads[request["read"]], request["dbi"])
    with env.begin() as txn:
        return scan(txn, request["dbi"])


def do_dbis(_):
    """The named DBIs with their persistent flags; py-lmdb does not tell REVERSEDUP."""
    with env.begin() as txn:
        names = [bytes(key).decode("utf-8", "surrogateescape") for key, _ in txn.cursor()]
        found = {}
        for name in names:
            flags = open_dbi(txn, name).flags(txn)
            found[name] = sum(bit for bit, word in FLAG_NAMES.items() if flags[word])
        return found


def do_resize(request):
    env.set_mapsize(request["mapSizeBytes"])


def do_readers(_):
    """Process ids in the reader table."""
    rows = [line.split() for line in env.readers().splitlines()]
    return [int(row[0]) for row in rows if row and row[0].isdigit()]


def do_info(_):
    return env.info()


HANDLERS = {
    name[3:]: function for name, function in list(globals().items()) if name.startswith("do_")
}


def main():
    print(json.dumps({"ok": {"pid": os.getpid(), "lmdb": list(lmdb.version())}}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": HANDLERS[request["do"]](request)}
        except Exception as error:  # The test decides what an error means.
            answer = {"error": type(error).__name__, "message": str(error)}
        print(json.dumps(answer), flush=True)
    do_close({})


main()
