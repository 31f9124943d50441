// Loaded into the product with `--import`: its wall clock, and the times of files that it looks at, are off by what the file CLOCK_OFFSET names
// holds, in milliseconds; to be changed while it runs. The monotonic clock and timers are the machine's.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const file = process.env.CLOCK_OFFSET ?? '';
const { readFileSync, fstatSync } = fs;
const RealDate = Date;
const realNow = Date.now;
/** A read of a file, for which nothing else may look at the clock. */
const offsetMs = () => Number(readFileSync(file, 'utf8')) || 0;
const now = () => realNow() + offsetMs();

globalThis.Date = /** @type {any} */ (
  new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
  })
);

// One clock for both, as on a real machine: the kernel stamps files with it.
/** @param {any[]} args */
fs.fstatSync = /** @type {any} */ (
  (/** @type {any[]} */ ...args) => {
    const stats = fstatSync(.../** @type {[any]} */ (args));
    const shifted = /** @type {any} */ (stats);
    if (typeof shifted.mtimeNs === 'bigint') shifted.mtimeNs += BigInt(Math.round(offsetMs())) * 1_000_000n;
    return stats;
  }
);
syncBuiltinESMExports();
