"""An application with an order of its own, which LMDB does not keep in the file: numbers as text, in numeric order.

custom_order.py FOLDER keys|duplicates put|count FROM TO [PREFIX]

`keys` sets it by mdb_set_compare on the DBI "data", `duplicates` by mdb_set_dupsort for the one key "k". `put` writes the numbers FROM to
TO - 1 (a key's value is PREFIX, given as hex, then "v"); `count` prints how many of them it finds.
"""

import binascii
import ctypes as C
import sys

folder, kind, what, first, end = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
prefix = binascii.unhexlify(sys.argv[6]) if len(sys.argv) > 6 else b""
MDB_CREATE, MDB_DUPSORT, MDB_GET_BOTH = 0x40000, 0x04, 2
lmdb = C.CDLL("liblmdb.so.0")


class Val(C.Structure):
    _fields_ = [("size", C.c_size_t), ("data", C.c_void_p)]


Compare = C.CFUNCTYPE(C.c_int, C.POINTER(Val), C.POINTER(Val))


def number(val):
    return int(C.string_at(val.contents.data, val.contents.size))


@Compare
def by_number(a, b):
    return (number(a) > number(b)) - (number(a) < number(b))


def check(code):
    if code != 0:
        raise OSError(code, "liblmdb")


def val(data):
    memory = C.create_string_buffer(data, len(data))
    return memory, Val(len(data), C.addressof(memory))


env, txn, dbi = C.c_void_p(), C.c_void_p(), C.c_uint()
check(lmdb.mdb_env_create(C.byref(env)))
check(lmdb.mdb_env_set_mapsize(env, C.c_size_t(1 << 26)))
check(lmdb.mdb_env_set_maxdbs(env, 8))
check(lmdb.mdb_env_open(env, folder.encode(), 0, 0o664))
check(lmdb.mdb_txn_begin(env, None, 0, C.byref(txn)))
duplicates = kind == "duplicates"
check(lmdb.mdb_dbi_open(txn, b"data", MDB_CREATE | (MDB_DUPSORT if duplicates else 0), C.byref(dbi)))
check((lmdb.mdb_set_dupsort if duplicates else lmdb.mdb_set_compare)(txn, dbi, by_number))
found = 0
for i in range(first, end):
    text = b"%d" % i
    key_memory, key = val(b"k" if duplicates else text)
    value_memory, value = val(text if duplicates else prefix + b"v")
    if what == "put":
        check(lmdb.mdb_put(txn, dbi, C.byref(key), C.byref(value), 0))
    elif duplicates:
        cursor = C.c_void_p()
        check(lmdb.mdb_cursor_open(txn, dbi, C.byref(cursor)))
        found += lmdb.mdb_cursor_get(cursor, C.byref(key), C.byref(value), MDB_GET_BOTH) == 0
        lmdb.mdb_cursor_close(cursor)
    else:
        found += lmdb.mdb_get(txn, dbi, C.byref(key), C.byref(Val())) == 0
check(lmdb.mdb_txn_commit(txn))
lmdb.mdb_env_close(env)
print(found)
