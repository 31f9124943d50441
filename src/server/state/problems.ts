import type { SyncEvent } from '../../sync/index.ts';
import { Ring } from './ring.ts';

/** Something an operator should see, newest last. The same thing again only counts up. */
export interface Problem {
  /** ms since 1970 UTC of the last time. */
  atMs: number;
  count: number;
  readonly severity: 'warning' | 'error';
  readonly message: string;
  readonly hint: string | undefined;
  /** Whether what failed has worked since. */
  over: boolean;
  readonly subject: string;
}

const KEPT = 20;

/** The last problems of a database. */
export class Problems {
  readonly #ring = new Ring<Problem>(KEPT);

  get newestFirst(): readonly Problem[] {
    return this.#ring.values.toSorted((a, b) => b.atMs - a.atMs);
  }

  apply(event: SyncEvent): void {
    const ended = endedBy(event);
    if (ended !== undefined)
      for (const problem of this.#ring.values) if (problem.subject === ended) problem.over = true;
    const told = problemOf(event);
    if (told === undefined) return;
    const same = this.#ring.values.find(({ message, subject }) => message === told.message && subject === told.subject);
    if (same !== undefined) {
      same.atMs = event.atMs;
      same.count++;
      same.over = false;
    } else this.#ring.push({ ...told, atMs: event.atMs, count: 1, over: false });
  }
}

type Told = Pick<Problem, 'severity' | 'message' | 'hint' | 'subject'>;

function problemOf(event: SyncEvent): Told | undefined {
  switch (event.type) {
    case 'listFailed':
      return failure('list', `Listing the bucket failed: ${event.error.message}`, event.error.hint);
    case 'loadFailed':
      return failure(
        `load ${event.object.instanceId}`,
        `Loading ${event.object.name} failed: ${event.error.message}`,
        event.error.hint,
      );
    case 'refused':
      return failure('refused', `${event.object.name} was refused: ${event.error.message}`, event.error.hint);
    case 'storeFailed':
      return failure('store', `Publishing failed: ${event.error.message}`, event.error.hint);
    case 'recordFailed':
      return failure('record', `Recording local changes failed: ${event.error.message}`, event.error.hint);
    case 'leftUnpublished':
      return failure('store', `Changes were left unpublished: ${event.error.message}`, event.error.hint);
    case 'error':
      return failure('sync', event.error.message, event.error.hint);
    case 'pagesUnreadable':
      return warning(
        'pages',
        `LMDB's pages cannot be read, changes are found by full scans: ${event.error.message}`,
        event.error.hint,
      );
    case 'distrustedReader':
      return warning(
        'reader',
        'Our reader had lost its slot in the lock table; everything was compared',
        'does another container open this LMDB in a PID namespace of its own? Share the namespace, or use --minimum-pid',
      );
    case 'futureTimestamps':
      return warning('clock', `${event.name} holds entries with a time in the future`, 'check the clocks of the fleet');
    case 'duplicateInstance':
      return failure(
        'duplicate',
        `Another process publishes as instance ${event.instanceId}`,
        'give every machine an instance name of its own',
      );
    case 'chainGap':
      return warning(
        `gap ${event.instanceId}`,
        `Deltas of ${event.instanceId} are missing`,
        'its next full snapshot closes the gap',
      );
    case 'detached':
      if (event.dbis.length === 0) return undefined;
      return warning(
        'detached',
        `The application dropped ${event.dbis.join(', ')}`,
        'nothing of them is published; made again, they are filled from the shadow',
      );
    case 'duplicateZones':
      if (event.zones.length === 0) return undefined;
      return warning(
        'zones',
        `Zones exist twice, made on two machines: ${event.zones.slice(0, 10).join(', ')}${event.zones.length > 10 ? ` and ${event.zones.length - 10} more` : ''}`,
        'save the records of each, delete the zone until it is gone, and make it once (docs/powerdns.md)',
      );
    case 'fullScan':
      if (event.differences === 0) return undefined;
      return failure(
        'scan',
        `A full comparison found ${event.differences} differences, and repaired them`,
        'this is a defect of lmdbstream: please report it',
      );
    default:
      return undefined;
  }
}

/** The subject of problems that are over with this event. */
function endedBy(event: SyncEvent): string | undefined {
  switch (event.type) {
    case 'listed':
      return 'list';
    case 'loaded':
      return `load ${event.object.instanceId}`;
    case 'stored':
      return 'store';
    case 'recordRecovered':
      return 'record';
    case 'detached':
      return 'detached';
    case 'duplicateZones':
      return 'zones';
    default:
      return undefined;
  }
}

function failure(subject: string, message: string, hint: string | undefined): Told {
  return { severity: 'error', subject, message, hint };
}

function warning(subject: string, message: string, hint: string | undefined): Told {
  return { severity: 'warning', subject, message, hint };
}
