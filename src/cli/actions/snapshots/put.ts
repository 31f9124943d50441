import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseSnapshotName, SnapshotNameError } from '../../../snapshot/index.ts';
import type { ObjectBody } from '../../../storage/index.ts';
import { withStorage } from '../../bucket.ts';
import { LocalFileError, PutNameError } from '../../errors.ts';
import type { Session } from '../../session.ts';

export interface PutFlags {
  readonly name?: string;
  readonly force?: boolean;
}

export async function put(session: Session, file: string, flags: PutFlags): Promise<void> {
  const name = flags.name || basename(file);
  checkName(session, name, flags.force ?? false);
  const body = await fileBody(file);
  await withStorage(session, (storage, signal) => storage.store(name, body, { signal }), { creates: true });
}

function checkName({ log }: Session, name: string, force: boolean): void {
  try {
    parseSnapshotName(name);
  } catch (error) {
    if (!(error instanceof SnapshotNameError)) throw error;
    if (!force) throw new PutNameError(error);
    log.warn('not the name of a snapshot; stored because of --force', { name, reason: error.message });
  }
}

/** Opened anew for each attempt; the storage refuses a file that changes its size in between. */
async function fileBody(file: string): Promise<ObjectBody> {
  try {
    const info = await stat(file);
    if (!info.isFile()) throw new Error('it is no regular file');
    return { sizeBytes: info.size, open: () => createReadStream(file) };
  } catch (error) {
    throw new LocalFileError('read', file, error);
  }
}
