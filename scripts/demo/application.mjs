// Plays the application in a process of its own: it opens an LMDB with the system's liblmdb, writes and reads, and knows nothing of
// lmdbstream. One request at a time, over the channel of `fork`; see `requests` for what it can be asked.
import { Environment } from '../../dist/lmdb/index.js';
import { nowMs, pause } from './clock.mjs';

/** DBIs of lmdbstream beside the application's. */
const PRIVATE_PREFIX = '_sync';
const MAP_SIZE_BYTES = 64 * 1024 * 1024;

/** @type {Environment} The first request opens it. */
let environment;

const requests = {
  /** Opens the LMDB in a folder, made when missing. */
  open({ path }) {
    environment = Environment.open(path, { create: true, mapSizeBytes: MAP_SIZE_BYTES });
  },

  /** Puts `entries` (null deletes) in one transaction. @returns when it was committed */
  write({ dbi, entries }) {
    environment.write((transaction) => {
      const handle = transaction.openOrCreateDbi(dbi, 0);
      for (const [key, value] of Object.entries(entries)) {
        if (value === null) transaction.delete(handle, Buffer.from(key));
        else transaction.put(handle, Buffer.from(key), Buffer.from(value));
      }
    });
    return nowMs();
  },

  /** Waits until a key has one of `values` (null: it is missing). @returns when, which one, and how many entries there were then */
  async see({ dbi, key, values, withinMs }) {
    const deadline = nowMs() + withinMs;
    for (let seenTxnId = -1; ; await pause(1)) {
      // The meta page shows a commit before readers get it, so what counts as seen is what a reader got.
      if (environment.info().lastTxnId !== seenTxnId) {
        const { txnId, ...seen } = look(dbi, key);
        if (values.includes(seen.value)) return { atMs: nowMs(), ...seen };
        seenTxnId = txnId;
      }
      if (nowMs() > deadline) throw new Error(`${key} was not seen within ${withinMs / 1000} s`);
    }
  },

  read: ({ dbi, key }) => look(dbi, key).value,

  /** Every entry of every DBI of the application, as hex, in LMDB's order. */
  entries: () => environment.read(everything),

  /** The same of an LMDB that another application has open. */
  entriesOf({ path, noSubdir }) {
    const other = Environment.open(path, { noSubdir });
    try {
      return other.read(everything);
    } finally {
      other.close();
    }
  },
};

function look(dbi, key) {
  return environment.read((transaction) => {
    const txnId = transaction.id;
    const handle = transaction.openDbi(dbi);
    if (handle === undefined) return { txnId, value: null, count: 0 };
    const value = transaction.get(handle, Buffer.from(key));
    const count = transaction.stat(handle).entries;
    return { txnId, value: value === undefined ? null : Buffer.from(value).toString(), count };
  });
}

function everything(transaction) {
  const dbis = {};
  for (const name of transaction.dbiNames()) {
    if (name.startsWith(PRIVATE_PREFIX)) continue;
    const handle = transaction.openDbi(name);
    const pairs = [];
    const cursor = transaction.cursor(handle);
    while (cursor.next()) pairs.push(`${cursor.key().toString('hex')} ${cursor.value().toString('hex')}`);
    cursor.close();
    dbis[name] = { flags: transaction.dbiFlags(handle), pairs };
  }
  return dbis;
}

process.on('message', async ({ id, do: what, ...request }) => {
  const send = (answer) => process.send?.(answer);
  try {
    send({ id, result: await requests[what](request) });
  } catch (error) {
    send({ id, error: error.message });
  }
});
process.on('disconnect', () => {
  environment?.close();
  process.exit();
});
// Ctrl-C reaches every process of the terminal; the demo stops this one when it is done with it.
process.on('SIGINT', () => {});
