import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { readSnapshot } from '../../../snapshot/index.ts';
import { Spool } from '../../../storage/index.ts';
import { withStorage } from '../../bucket.ts';
import { LocalFileError } from '../../errors.ts';
import type { Session } from '../../session.ts';
import { SnapshotPrinter } from '../../snapshot-printer.ts';

export interface SnapshotDumpFlags {
  readonly dbi?: string;
  readonly local?: boolean;
  /** A line of JSON for the header, then one an entry. */
  readonly json?: boolean;
}

export async function dump(session: Session, name: string, flags: SnapshotDumpFlags): Promise<void> {
  if (flags.local) {
    await assertReadable(name);
    await print(session, basename(name), () => createReadStream(name), flags);
    return;
  }
  const spool = new Spool();
  try {
    await withStorage(session, async (storage, signal) => {
      for await (const chunk of (await storage.load(name, { signal })).stream) spool.append(chunk);
    });
    spool.finish();
    await print(session, name, () => spool.open(), flags);
  } finally {
    spool.dispose();
  }
}

/**
 * Two passes: the first finds whether the object is good, so that nothing is printed of one that is not (as in the
 * reference), and whether a foreign writer has put headers behind entries, in which case the reader begins again.
 */
async function print(
  { config, out, io, signal }: Session,
  objectName: string,
  open: () => AsyncIterable<Uint8Array>,
  { dbi, json = false }: SnapshotDumpFlags,
): Promise<void> {
  const options = { objectName, signal, limits: { maxDecompressedBytes: config.maxDecompressedSizeBytes } };
  let restarts = 0;
  const ignore = (): void => {};
  await readSnapshot(open, { header: ignore, dbi: ignore, entry: ignore, restart: () => void restarts++ }, options);
  const printer = new SnapshotPrinter(out, { nowMs: io.now(), dbi, json, skipUntilRestart: restarts > 0 });
  await readSnapshot(() => paced(open(), () => out.drained()), printer, options);
}

/** Reads no faster than the output is taken. */
async function* paced(chunks: AsyncIterable<Uint8Array>, ready: () => Promise<void>): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    await ready();
    yield chunk;
  }
}

async function assertReadable(file: string): Promise<void> {
  try {
    if (!(await stat(file)).isFile()) throw new Error('it is no regular file');
  } catch (error) {
    throw new LocalFileError('read', file, error);
  }
}
