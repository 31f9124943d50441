"""bare.c for machines without a C compiler: the same commands through Debian's python3-lmdb, whose C loops do the work."""

import itertools
import json
import random
import sys
import time

import lmdb

HEADER = bytes(7) + b"\x01" + bytes(7) + b"\x01" + bytes(8)
DUPLICATES = 100
WIDE = 1024
ROWS_PER_TXN = 1000


def key(number):
    return b"h%09d.z%05d.example.net./A" % (number, number // 100)


def value(seed):
    bits = random.Random(seed).getrandbits(64)
    return b"192.0.%03d.%03d ttl=3600 id=%016x ok" % (bits & 255, bits >> 8 & 255, bits)


def wide(seed):
    parts = (value(seed << 10 | part) for part in range(WIDE // 45 + 1))
    return b"".join(parts)[:WIDE]


def open_env(path, **options):
    return lmdb.open(path, map_size=16 << 30, max_dbs=16, max_spare_txns=0, **options)


def rows(count, headered):
    return [(key(i), (HEADER if headered else b"") + value(i)) for i in range(count)]


def grow(path, name, count, make):
    env = open_env(path, sync=False)
    dbi = env.open_db(name.encode())
    order = random.Random(1).sample(range(count), count)
    for start in range(0, count, ROWS_PER_TXN):
        with env.begin(write=True, db=dbi) as txn:
            for at in order[start : start + ROWS_PER_TXN]:
                txn.put(key(at), make(at))
    return {}


def fill(path, name, count, layout):
    if layout in ("grown", "wide"):
        return grow(path, name, int(count), wide if layout == "wide" else value)
    env = open_env(path)
    if layout == "dup":
        dbi = env.open_db(name.encode(), dupsort=True)
        pairs = [(key(i // DUPLICATES), value(i)) for i in range(int(count))]
    else:
        dbi = env.open_db(name.encode())
        pairs = rows(int(count), layout == "native")
    with env.begin(write=True, db=dbi) as txn, txn.cursor() as cursor:
        cursor.putmulti(pairs, append=layout != "dup")
    return {}


def scan(path, name):
    env = open_env(path)
    dbi = env.open_db(name.encode())
    start = time.monotonic()
    with env.begin(db=dbi, buffers=True) as txn, txn.cursor() as cursor:
        number = sum(1 for _ in cursor.iternext(keys=True, values=True))
    return {"ms": (time.monotonic() - start) * 1e3, "rows": number}


def rss_anon_kb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def append(path, count, what):
    main = rows(int(count), False) if what != "shadow" else None
    shadow = rows(int(count), True) if what != "main" else None
    env = open_env(path)
    before = rss_anon_kb()
    start = time.monotonic()
    txn = env.begin(write=True)
    for name, pairs in ((b"data", main), (b"_sync_shadow_data", shadow)):
        if pairs is None:
            continue
        dbi = env.open_db(name, txn=txn)
        with txn.cursor(db=dbi) as cursor:
            cursor.putmulti(pairs, append=True)
    dirty = rss_anon_kb() - before
    txn.commit()
    return {"ms": (time.monotonic() - start) * 1e3, "rssAnonKb": dirty}


def app(path, name, count, layout):
    env = open_env(path)
    dbi = None if layout == "none" else env.open_db(name.encode(), dupsort=layout == "dup")
    # No value of an earlier run, or nothing would change.
    chosen = random.Random(time.time_ns())
    print("{}", flush=True)
    for line in sys.stdin:
        words = line.split()
        if not words or words[0] != "put":
            return
        pause_us = int(words[2]) if len(words) > 2 else 0
        wait_us, put_us = [], []
        for number in range(int(words[1])):
            if number and pause_us:
                time.sleep(pause_us / 1e6)
            at = chosen.randrange(max(1, int(count)))
            record_key = key(at // DUPLICATES if layout == "dup" else at)
            record = (wide if layout == "wide" else value)(chosen.getrandbits(60))
            start = time.monotonic()
            txn = env.begin(write=True)
            wait_us.append((time.monotonic() - start) * 1e6)
            if dbi is None:
                put_us.append(wait_us[-1])
                txn.abort()
                continue
            if layout == "native":
                record = time.time_ns().to_bytes(8, "big") + txn.id().to_bytes(8, "big") + bytes(8) + record
            txn.put(record_key, record, db=dbi)
            txn.commit()
            put_us.append((time.monotonic() - start) * 1e6)
        print(json.dumps({"waitUs": wait_us, "putUs": put_us}), flush=True)


def follow(is_done, pause_s):
    start = time.monotonic()
    while not is_done():
        if time.monotonic() - start > 60:
            sys.exit("the peer does not follow")
        time.sleep(pause_s)


def pair(path, peer_path, name, count):
    envs = [open_env(path), open_env(peer_path)]
    dbis = [env.open_db(name.encode()) for env in envs]
    chosen = random.Random(time.time_ns())

    def put_one():
        record_key, record = key(chosen.randrange(int(count))), value(chosen.getrandbits(60))
        start = time.monotonic()
        with envs[0].begin(write=True, db=dbis[0]) as txn:
            txn.put(record_key, record)
        return record_key, record, (time.monotonic() - start) * 1e6

    def shows(record_key, record):
        with envs[1].begin(db=dbis[1]) as txn:
            return txn.get(record_key) == record

    def rows_of(side):
        with envs[side].begin(db=dbis[side]) as txn, txn.cursor() as cursor:
            yield from cursor.iternext(keys=True, values=True)

    def are_equal():
        return all(one == other for one, other in itertools.zip_longest(rows_of(0), rows_of(1)))

    print("{}", flush=True)
    for line in sys.stdin:
        words = line.split()
        if len(words) != 3 or words[0] not in ("pass", "burst"):
            return
        times, pause_us = int(words[1]), int(words[2])
        if words[0] == "pass":
            seen_us, put_us = [], []
            for number in range(times):
                if number and pause_us:
                    time.sleep(pause_us / 1e6)
                record_key, record, took_us = put_one()
                committed = time.monotonic()
                follow(lambda: shows(record_key, record), 50e-6)
                seen_us.append((time.monotonic() - committed) * 1e6)
                put_us.append(took_us)
            print(json.dumps({"seenUs": seen_us, "putUs": put_us}), flush=True)
            continue
        start = time.monotonic()
        for number in range(times):
            time.sleep(max(0, number * pause_us / 1e6 - (time.monotonic() - start)))
            record_key, record, _ = put_one()
        took_ms = (time.monotonic() - start) * 1e3
        committed = time.monotonic()
        follow(lambda: shows(record_key, record), 1e-3)
        follow(are_equal, 20e-3)
        print(json.dumps({"tookMs": took_ms, "equalMs": (time.monotonic() - committed) * 1e3}), flush=True)


if sys.argv[1] in ("app", "pair"):
    globals()[sys.argv[1]](*sys.argv[2:])
else:
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
