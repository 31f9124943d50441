import type { DeliveryOutcome, OpenedEvents } from '../../events/index.ts';
import type { RunOptions } from '../../sync/index.ts';
import { UnknownDatabaseError } from '../errors.ts';
import { openBar } from '../progress-bar.ts';
import { openServiceNotifier } from '../service/index.ts';
import type { Session } from '../session.ts';
import { SyncProgress } from '../sync-progress.ts';
import { version } from '../version.ts';
import { serve } from './serve.ts';

/** LMDB tells readers apart by process id alone. */
const PROCESS_ONE =
  'This is process 1, as the first one of every container is: if the application uses the LMDB from another container, start with ' +
  '--minimum-pid 50, or let both share a PID namespace';

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
  if (io.pid === 1) log.warn(PROCESS_ONE);
  const databases = [...config.lmdbs.keys()].filter(
    (name) => onlyDatabases.length === 0 || onlyDatabases.includes(name),
  );
  const events = await openConfiguredEvents(session, databases, (outcome) => served?.onOutcome(outcome));
  const served = await serve(session, databases, () => events?.waiting()).catch(async (error: unknown) => {
    await events?.close();
    throw error;
  });
  const progress = logStyle.hasBar ? new SyncProgress(await openBar(process.stderr)) : undefined;
  const notifier = await openServiceNotifier(io, databases);
  const stopping = (): void => notifier?.stopping();
  signal.addEventListener('abort', stopping, { once: true });
  let outcome: Awaited<ReturnType<typeof io.runSync>>;
  try {
    outcome = await io.runSync({
      config,
      mode,
      onlyDatabases,
      log,
      logStyle,
      signal,
      onBlocked: session.endAtOnce,
      onEvent: (event) => {
        notifier?.onEvent(event);
        served?.onEvent(event);
        progress?.onEvent(event);
      },
      changes: events?.changes,
      onChange: events && ((event) => events.offer(event)),
      onStarted: (running) => served?.onStarted(running),
      version: version(),
      ...(flags.waitForMarkerFile ? { waitForMarkerFile: flags.waitForMarkerFile } : {}),
    });
  } finally {
    signal.removeEventListener('abort', stopping);
    notifier?.dispose();
    progress?.stop();
    await events?.close();
    await served?.close();
  }
  log.info(outcome === 'stopped' ? 'stopped as requested' : 'done');
}

/** Whom the configuration wants to be told what changes; nothing of it is loaded where that is nobody. @throws EventConsumerError */
async function openConfiguredEvents(
  { config, log }: Session,
  databases: readonly string[],
  onOutcome: (outcome: DeliveryOutcome) => void,
): Promise<OpenedEvents | undefined> {
  const { exec, webhook, socket, powerdns } = config.events;
  const isNobody = [...exec.command, webhook.url, socket.path, powerdns.apiUrl, powerdns.controlSocket].join('') === '';
  if (isNobody) return undefined;
  const { openEvents } = await import('../../events/index.ts');
  return openEvents({ config, databases, log, onOutcome });
}
