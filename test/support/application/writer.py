"""An application that writes without being asked, and knows what LMDB has acknowledged.

Arguments: one JSON object. Requests as in application.py, one JSON value a line: "report" and "stop", each answered with a report
of what was committed. Keys that start with its name are its own: before each write it looks whether the last acknowledged value is
still there. Keys that start with "shared" belong to every application. What it writes has a name: "data/<key>", or of a pair of a
DUPSORT DBI "pairs/<key>/<value>".
"""

import json
import random
import select
import struct
import sys
import time

import lmdb

options = json.loads(sys.argv[1])
name = options["name"]
rate = options["rate"]
deletions = options["deletions"]
keys = options["keys"]
shared = options["shared"]
count = options["count"]
distinct = options["distinct"]
native = options["native"]
choose = random.Random(options["seed"])

# The header that an application in native mode puts before its values (docs/format.md).
HEADER = struct.Struct(">QQBBIH")
DELETED = 1
PAIR_KEYS = 20
PAIR_VALUES = 30

env = lmdb.open(
    options["path"],
    subdir=False,
    map_size=options["mapSizeBytes"],
    max_dbs=64,
    max_spare_txns=0,
    sync=options["sync"],
)
data = env.open_db(b"data")
pairs = env.open_db(b"pairs", dupsort=True) if options["pairs"] > 0 else None

# What LMDB has said yes to: text, or None for a deletion.
acknowledged = {}
# In native mode: when that was written. A string, for JSON of others has no such numbers.
times = {}
# How often a pair was put that was not there, and how often something was deleted that was there.
puts = {}
deleted = {}
reverted = []
commits = 0


def next_name():
    if distinct:
        return "data/%s-%08d" % (name, commits), True
    is_own = choose.random() >= shared
    if choose.random() < options["pairs"]:
        number = choose.randrange(PAIR_VALUES)
        # The longest do not fit into a key of the shadow.
        value = "%02d%s" % (number, "x" * min(509, 18 * number))
        return "pairs/%s-%02d/%s" % (name if is_own else "shared", choose.randrange(PAIR_KEYS), value), is_own
    if not is_own:
        return "data/shared-%03d" % choose.randrange(20), False
    return "data/%s-%05d" % (name, choose.randrange(keys)), True


def parts(which):
    dbi, key, *value = which.split("/", 2)
    return dbi, key.encode(), "".join(value).encode()


def find(txn, which):
    """What is there: text, of a pair an empty one; None for nothing, and for a deletion mark."""
    dbi, key, value = parts(which)
    if dbi == "pairs":
        with txn.cursor(pairs) as cursor:
            return "" if cursor.set_key_dup(key, value) else None
    stored = txn.get(key, db=data)
    if stored is None or not native:
        return None if stored is None else stored.decode()
    is_deleted = HEADER.unpack_from(stored)[3] & DELETED
    return None if is_deleted else stored[HEADER.size :].decode()


def look(txn, which):
    expected = acknowledged.get(which)
    found = find(txn, which)
    if found != expected:
        reverted.append([which, expected, found])


def put_native(txn, key, text):
    """A deletion is a mark. @return the time of the change, later than that of what it replaces"""
    before = txn.get(key, db=data)
    now = max(time.time_ns(), 0 if before is None else HEADER.unpack_from(before)[0] + 1)
    header = HEADER.pack(now, txn.id(), 0, DELETED if text is None else 0, 0, 0)
    txn.put(key, header + (text or "").encode(), db=data)
    return now


def write(txn, which, text):
    """@return whether anything changed, and in native mode when"""
    dbi, key, value = parts(which)
    if dbi == "pairs":
        if text is None:
            return txn.delete(key, value, db=pairs), None
        return txn.put(key, value, db=pairs, dupdata=False), None
    if native:
        if text is None and find(txn, which) is None:
            return False, None
        return True, put_native(txn, key, text)
    if text is None:
        return txn.delete(key, db=data), None
    return txn.put(key, text.encode(), db=data), None


def write_once():
    global commits
    writes = []
    with env.begin(write=True) as txn:
        for _ in range(1 if distinct else choose.randrange(1, 4)):
            which, is_own = next_name()
            if is_own and not any(which == written for written, *_ in writes):
                look(txn, which)
            if distinct and commits > 0:
                # One that was written before, whichever: is it still there?
                look(txn, "data/%s-%08d" % (name, choose.randrange(commits)))
            is_pair = which.startswith("pairs/")
            if choose.random() < deletions:
                text = None
            elif is_pair:
                text = ""
            else:
                text = "%s %d %s" % (name, commits, "x" * choose.randrange(options["valueBytes"]))
            writes.append((which, text, is_own, *write(txn, which, text)))
    commits += 1
    for which, text, is_own, has_changed, nano in writes:
        if is_own:
            acknowledged[which] = text
        if is_own and nano is not None:
            times[which] = str(nano)
        if has_changed and text is None:
            deleted[which] = deleted.get(which, 0) + 1
        elif has_changed and which.startswith("pairs/"):
            puts[which] = puts.get(which, 0) + 1


def report():
    if distinct:
        return {"commits": commits, "reverted": reverted, "acknowledged": {}, "times": {}, "puts": {}, "deleted": {}}
    return {
        "commits": commits,
        "reverted": reverted,
        "acknowledged": acknowledged,
        "times": times,
        "puts": puts,
        "deleted": deleted,
    }


def answer(value):
    print(json.dumps(value), flush=True)


def run():
    started = time.monotonic()
    stopping = False
    while not stopping:
        done = count > 0 and commits >= count
        if done:
            wait = None
        elif rate == 0:
            # LMDB's lock is not fair: who takes it again at once gets it. Now and then others have their chance.
            wait = 0.001 if commits % 100 == 0 else -1
        else:
            wait = max(0, started + commits / rate - time.monotonic())
        if wait != -1 and select.select([sys.stdin], [], [], wait)[0]:
            request = sys.stdin.readline()
            stopping = request == "" or json.loads(request) == "stop"
            answer(report())
            continue
        if not done:
            write_once()
        if count > 0 and commits == count:
            answer(report())
    env.close()


answer({})
run()
