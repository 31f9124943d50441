import { formatGoDuration } from '../config/index.ts';
import { createStorage, type ObjectStorage, withoutCreating } from '../storage/index.ts';
import { StorageLimitError } from './errors.ts';
import type { Session } from './session.ts';

/** For commands of one small request or two, as in the reference (CLI-13); transfers of whole snapshots have no such limit. */
export const SMALL_REQUEST_LIMIT_MS = 60_000;

interface WithStorageOptions {
  readonly limitMs?: number;
  /** Make the folder, bucket or container where the configuration says so. Not for commands that read: that would hide a wrong name. */
  readonly creates?: boolean;
}

/**
 * Opens the configured storage for `body` and closes it again.
 * @throws StorageError, StorageOptionsError; StorageLimitError after `limitMs`
 */
export async function withStorage(
  session: Pick<Session, 'config' | 'log' | 'signal' | 'io'>,
  body: (storage: ObjectStorage, signal: AbortSignal) => Promise<void>,
  { limitMs, creates = false }: WithStorageOptions = {},
): Promise<void> {
  const limit = new AbortController();
  const timer = limitMs && setTimeout(() => limit.abort(new StorageLimitError(formatGoDuration(limitMs))), limitMs);
  const signal = AbortSignal.any([session.signal, limit.signal]);
  try {
    const { config, log, io } = session;
    const storage = await createStorage(creates ? config.storage : withoutCreating(config.storage), {
      log,
      now: io.now,
      signal,
    });
    try {
      await body(storage, signal);
    } finally {
      await storage.close();
    }
  } finally {
    if (timer) clearTimeout(timer);
  }
}
