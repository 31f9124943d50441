import { parseConfig } from '../../../src/config/index.ts';
import { LmdbstreamError } from '../../../src/errors/index.ts';
import { silentLog } from '../../../src/log/index.ts';
import { createStorage } from '../../../src/storage/index.ts';
import { DatabaseSync, systemPorts } from '../../../src/sync/index.ts';

export interface OnceOptions {
  path: string;
  bucket: string;
  database: string;
  instance: string;
  mode: 'sync' | 'receive';
  settings: Record<string, unknown>;
  /** Default `auto`. */
  deltas?: 'auto' | 'off';
}

/** One `--only-once` run in this process; the exit code that the command would end with. */
export async function runOnce(options: OnceOptions): Promise<number> {
  const { path, bucket, database, instance, mode, settings, deltas = 'auto' } = options;
  const config = parseConfig(
    JSON.stringify({
      instance,
      lmdbs: { [database]: { path, options: { create: true }, ...settings } },
      storage: { type: 'fs', options: { root_path: bucket } },
      only_once: true,
      deltas,
    }),
  );
  const storage = await createStorage(config.storage);
  try {
    const lmdb = config.lmdbs.get(database)!;
    const ports = systemPorts({ config, lmdb, storage });
    await new DatabaseSync({ config, lmdb, mode, ports, log: silentLog }).run(new AbortController().signal);
    return 0;
  } catch (error) {
    if (error instanceof LmdbstreamError) {
      return 1;
    }
    throw error;
  } finally {
    await storage.close();
  }
}
