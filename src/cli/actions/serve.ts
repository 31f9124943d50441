import type { DeliveryOutcome } from '../../events/index.ts';
import type { RunningServer } from '../../server/index.ts';
import type { ChangeEvent, RunningSync, SyncEvent } from '../../sync/index.ts';
import type { Session } from '../session.ts';
import { version } from '../version.ts';

type ChangeListener = (event: ChangeEvent) => void;

/** The HTTP server of a sync. */
export interface ServedSync {
  onEvent(event: SyncEvent): void;
  /** A consumer of change events was told something, or could not be. */
  onOutcome(outcome: DeliveryOutcome): void;
  /** To be called once the sync is there: until then nobody waits for a lock. */
  onStarted(running: RunningSync): void;
  close(): Promise<void>;
}

/**
 * Serves `http.address`, from before any LMDB is opened: it answers whatever the databases wait for.
 * @param databases those that are kept in step
 * @param eventsWaiting change events that wait, by consumer
 * @returns undefined where no address is given, and for a single pass; nothing of the server is loaded then
 * @throws ListenError
 */
export async function serve(
  { config, log }: Pick<Session, 'config' | 'log'>,
  databases: readonly string[],
  eventsWaiting: () => ReadonlyMap<string, number> | undefined,
): Promise<ServedSync | undefined> {
  if (config.http.address === '' || config.onlyOnce) return undefined;
  const { ProcessSource, startServer } = await import('../../server/index.ts');
  let running: RunningSync | undefined;
  const lockWaitingSinceMs = (db: string): number | undefined => running?.lockWaitingSinceMs(db);
  const listNow = (db: string): void => running?.listNow(db);
  /** Readers that came before the sync was there. */
  const early = new Map<ChangeListener, () => void>();
  const subscribeChanges = (listener: ChangeListener): (() => void) => {
    if (running) return running.changes.subscribe(listener);
    early.set(listener, () => early.delete(listener));
    return () => early.get(listener)?.();
  };
  const asked = { lockWaitingSinceMs, listNow, subscribeChanges, eventsWaiting };
  const source = new ProcessSource({ config, databases, log, ...asked });
  const server: RunningServer = await startServer({ config, source, version: version(), log });
  return {
    onEvent: (event) => source.post(event),
    onOutcome: (outcome) => source.postOutcome(outcome),
    onStarted: (started) => {
      running = started;
      for (const listener of early.keys()) early.set(listener, started.changes.subscribe(listener));
    },
    close: async () => {
      await server.close();
      await source.close();
    },
  };
}
