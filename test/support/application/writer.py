"""An application that writes without being asked, and knows what LMDB has acknowledged.

Arguments: one JSON object. Requests as in application.py, one JSON value a line: "report" and "stop", each answered with a report
of what was committed. Keys that start with its name are its own: before each write it looks whether the last acknowledged value is
still there. Keys that start with "shared" belong to every application.
"""

import json
import random
import select
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
choose = random.Random(options["seed"])

env = lmdb.open(
    options["path"],
    subdir=False,
    map_size=options["mapSizeBytes"],
    max_dbs=64,
    max_spare_txns=0,
    sync=options["sync"],
)
dbi = env.open_db(b"data")

# What LMDB has said yes to: text, or None for a deletion.
acknowledged = {}
reverted = []
commits = 0


def next_key():
    if distinct:
        return "%s-%08d" % (name, commits), True
    if choose.random() < shared:
        return "shared-%03d" % choose.randrange(20), False
    return "%s-%05d" % (name, choose.randrange(keys)), True


def look(txn, key):
    expected = acknowledged.get(key)
    found = txn.get(key.encode(), db=dbi)
    found = None if found is None else found.decode()
    if found != expected:
        reverted.append([key, expected, found])


def write_once():
    global commits
    writes = []
    with env.begin(write=True) as txn:
        for _ in range(1 if distinct else choose.randrange(1, 4)):
            key, is_own = next_key()
            if is_own and not any(key == written for written, _, _ in writes):
                look(txn, key)
            if distinct and commits > 0:
                # One that was written before, whichever: is it still there?
                look(txn, "%s-%08d" % (name, choose.randrange(commits)))
            if choose.random() < deletions:
                txn.delete(key.encode(), db=dbi)
                writes.append((key, None, is_own))
            else:
                value = "%s %d %s" % (name, commits, "x" * choose.randrange(options["valueBytes"]))
                txn.put(key.encode(), value.encode(), db=dbi)
                writes.append((key, value, is_own))
    commits += 1
    for key, value, is_own in writes:
        if is_own:
            acknowledged[key] = value


def report():
    return {"commits": commits, "reverted": reverted, "acknowledged": {} if distinct else acknowledged}


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
