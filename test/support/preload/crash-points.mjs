// Loaded into the product with `--import`: ends it by SIGKILL before or after a call that writes, wherever CRASH_AT says. The
// product itself knows nothing of this. CRASH_AT is `<name> <n>`: the n-th time that a thread comes by. CRASH_RECORD names a file to which each
// thread that ends by itself adds, as a line of JSON, how often it came by each name.
import fs from 'node:fs';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import koffi from 'koffi';

const { CRASH_AT = '', CRASH_RECORD } = process.env;
const [, crashAt, crashNth] = /^(.*) (\d+)$/.exec(CRASH_AT) ?? [];
/** @type {Map<string, number>} */
const passed = new Map();

/** @param {string} name */
function point(name) {
  const times = (passed.get(name) ?? 0) + 1;
  passed.set(name, times);
  if (name === crashAt && times === Number(crashNth)) process.kill(process.pid, 'SIGKILL');
}

/**
 * @template T
 * @param {string} name
 * @param {() => T} call
 * @returns {T}
 */
function around(name, call) {
  point(`before ${name}`);
  const result = call();
  if (!(result instanceof Promise)) point(`after ${name}`);
  else result.then(() => point(`after ${name}`)).catch(() => {});
  return result;
}

/**
 * Beside a sidecar (decision 16) commits are points of their own, named as in `src/sync/local/sidecar.ts`. A write transaction of the sidecar
 * while one of the application's LMDB is open announces it.
 */
const SIDECAR = '.lmdbstream-shadow';
/** By address. @type {Map<number, 'main' | 'sidecar'>} */
const environments = new Map();
/** Write transactions that are open. @type {Map<number, 'main' | 'sidecar'>} */
const writing = new Map();
/** The sidecar announces what main has committed. */
let isAnnounced = false;
let isOwed = false;

/** @param {string} name @param {any[]} args @param {() => any} call */
function besideSidecar(name, args, call) {
  if (name === 'mdb_env_open') environments.set(args[0], args[1].endsWith(SIDECAR) ? 'sidecar' : 'main');
  if (name === 'mdb_txn_begin') {
    const which = environments.get(args[0]) ?? 'main';
    if (which === 'main' && [...environments.values()].includes('sidecar')) point('main asked for');
    const result = call();
    if (result === 0) writing.set(Number(args[3][0]), which);
    return result;
  }
  if (name !== 'mdb_txn_commit') return call();
  const which = writing.get(args[0]);
  writing.delete(args[0]);
  const announces = which === 'sidecar' && [...writing.values()].includes('main');
  if (announces) point('intents written');
  const result = call();
  if (announces) {
    isAnnounced = true;
    point('intents committed');
  } else if (which === 'main' && isAnnounced) {
    isAnnounced = false;
    isOwed = true;
    point('main committed');
  } else if (which === 'sidecar') {
    point(isOwed ? 'settled' : 'recorded');
    isOwed = false;
  }
  return result;
}

const CREATE = 0x40000;
const READ_ONLY = 0x20000;
/** Calls of liblmdb that write; of some only those with the right flags. @type {Record<string, (args: any[]) => boolean>} */
const OF_LMDB = {
  mdb_env_open: () => true,
  mdb_env_set_mapsize: () => true,
  mdb_txn_begin: (args) => (args[2] & READ_ONLY) === 0,
  mdb_txn_commit: () => true,
  mdb_dbi_open: (args) => (args[2] & CREATE) !== 0,
  mdb_put: () => true,
  mdb_del: () => true,
  mdb_drop: () => true,
  mdb_cursor_put: () => true,
  mdb_reader_check: () => true,
};

const load = koffi.load;
/** @param {any[]} args */
koffi.load = (...args) => {
  const library = load(.../** @type {[any]} */ (args));
  return new Proxy(library, {
    get: (target, key) => {
      const value = /** @type {any} */ (target)[key];
      if (key !== 'func') return typeof value === 'function' ? value.bind(target) : value;
      return (/** @type {string} */ name, /** @type {any[]} */ ...types) => {
        const call = value.call(target, name, ...types);
        const writes = OF_LMDB[name];
        if (name === 'mdb_txn_abort') {
          return (/** @type {any[]} */ ...given) => {
            writing.delete(given[0]);
            return call(...given);
          };
        }
        if (!writes) return call;
        return (/** @type {any[]} */ ...given) =>
          writes(given) ? around(name, () => besideSidecar(name, given, () => call(...given))) : call(...given);
      };
    },
  });
};

/** What is written to standard output and error is no state. */
const STANDARD = 2;
const isWriting = (/** @type {unknown} */ flags) => typeof flags === 'string' && /[wa+]/.test(flags);

for (const name of ['rename', 'unlink', 'mkdir']) wrap(fs.promises, name, name);
wrap(fs.promises, 'open', 'open', (args) => isWriting(args[1]));
for (const name of ['mkdirSync', 'unlinkSync', 'renameSync', 'ftruncateSync']) wrap(fs, name, name.slice(0, -4));
wrap(fs, 'openSync', 'open', (args) => isWriting(args[1]));
wrap(fs, 'writeSync', 'write', (args) => args[0] > STANDARD);

/**
 * @param {any} owner
 * @param {string} key
 * @param {string} name
 * @param {(args: any[]) => boolean} writes
 */
function wrap(owner, key, name, writes = () => true) {
  const original = owner[key];
  owner[key] = function (/** @type {any[]} */ ...args) {
    const call = () => original.apply(this, args);
    return writes(args) ? around(name, call) : call();
  };
}

const handle = await fs.promises.open(import.meta.filename ?? new URL(import.meta.url).pathname, 'r');
const ofHandles = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ['write', 'sync', 'close']) wrap(ofHandles, name, `file ${name}`);

const WRITING = new Set(['PUT', 'POST', 'DELETE']);
const { end, emit } = http.ClientRequest.prototype;
/** @this {http.ClientRequest} @param {any[]} args */
http.ClientRequest.prototype.end = function (...args) {
  if (WRITING.has(this.method)) point(`before ${this.method}`);
  return /** @type {any} */ (end).apply(this, args);
};
/** @this {http.ClientRequest} @param {any[]} args */
http.ClientRequest.prototype.emit = function (...args) {
  if (args[0] === 'socket' && WRITING.has(this.method)) point(`within ${this.method}`);
  if (args[0] === 'response' && WRITING.has(this.method)) point(`after ${this.method}`);
  return /** @type {any} */ (emit).apply(this, args);
};

syncBuiltinESMExports();

if (CRASH_RECORD !== undefined) {
  process.on('exit', () => {
    fs.appendFileSync(CRASH_RECORD, `${JSON.stringify({ isMainThread, passed: Object.fromEntries(passed) })}\n`);
  });
}
