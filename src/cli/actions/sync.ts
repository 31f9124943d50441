import type { RunOptions } from '../../sync/index.ts';
import { UnknownDatabaseError } from '../errors.ts';
import type { Session } from '../session.ts';
import { version } from '../version.ts';

export interface SyncFlags {
  readonly onlyDb?: readonly string[];
  readonly waitForMarkerFile?: string;
}

/** @throws UnknownDatabaseError, LmdbstreamError of the first database that failed */
export async function sync(session: Session, mode: RunOptions['mode'], flags: SyncFlags): Promise<void> {
  const { config, log, logStyle, signal, io } = session;
  const onlyDatabases = flags.onlyDb ?? [];
  const unknown = onlyDatabases.find((name) => !config.lmdbs.has(name));
  if (unknown !== undefined) throw new UnknownDatabaseError(unknown, config.lmdbs.keys());
  const outcome = await io.runSync({
    config,
    mode,
    onlyDatabases,
    log,
    logStyle,
    signal,
    onBlocked: session.endAtOnce,
    version: version(),
    ...(flags.waitForMarkerFile ? { waitForMarkerFile: flags.waitForMarkerFile } : {}),
  });
  log.info(outcome === 'stopped' ? 'stopped as requested' : 'done');
}
