import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LmdbstreamError } from '../../../errors/index.ts';
import { withStorage } from '../../bucket.ts';
import { LocalFileError } from '../../errors.ts';
import type { Session } from '../../session.ts';

export async function get(session: Session, name: string, file: string): Promise<void> {
  await withStorage(session, async (storage, signal) => {
    const { stream } = await storage.load(name, { signal });
    await writeWhole(file, stream, signal);
  });
}

/**
 * The file appears when all of it is there: a download that was cut short never looks like a snapshot. What is no
 * regular file (`/dev/stdout`, a pipe) is written as the bytes come.
 */
async function writeWhole(file: string, stream: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  const isSpecial = await isOtherThanFile(file);
  const target = isSpecial ? file : `${file}.${process.pid}.part`;
  try {
    // Mode 0666 less the umask, as in the reference.
    await pipeline(Readable.from(stream, { objectMode: false }), createWriteStream(target, { mode: 0o666 }), {
      signal,
    });
    if (!isSpecial) await rename(target, file);
  } catch (error) {
    if (!isSpecial) await rm(target, { force: true }).catch(() => {});
    if (signal.aborted) throw signal.reason;
    throw error instanceof LmdbstreamError ? error : new LocalFileError('write', file, error);
  }
}

async function isOtherThanFile(file: string): Promise<boolean> {
  try {
    return !(await stat(file)).isFile();
  } catch {
    return false;
  }
}
