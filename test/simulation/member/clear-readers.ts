import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** Of lock.mdb on 64 bits: two cache lines of head, then one line a reader: transaction id, process id, thread id. */
const HEAD_BYTES = 128;
const LINE_BYTES = 64;
const PID_AT = 8;
const LINES = 126;

/**
 * Takes every slot of the reader table away, as `mdb_reader_check` of a process does that cannot see ours. Pages that only those
 * readers held may be used again from then on.
 * @returns how many
 */
export function clearReaders(lockPath: string): number {
  const file = openSync(lockPath, 'r+');
  const line = Buffer.alloc(LINE_BYTES);
  const none = Buffer.alloc(4);
  let cleared = 0;
  try {
    for (let slot = 0; slot < LINES; slot++) {
      const at = HEAD_BYTES + slot * LINE_BYTES;
      if (readSync(file, line, 0, LINE_BYTES, at) < LINE_BYTES) break;
      if (line.readInt32LE(PID_AT) !== process.pid) continue;
      writeSync(file, none, 0, none.length, at + PID_AT);
      cleared++;
    }
    return cleared;
  } finally {
    closeSync(file);
  }
}
