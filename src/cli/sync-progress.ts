import type { Progress } from '../inspect/index.ts';
import type { SyncEvent } from '../sync/index.ts';
import type { ProgressDisplay } from './progress-bar.ts';

/** What ends a piece of work whose progress was told. */
const ENDS: ReadonlySet<SyncEvent['type']> = new Set([
  'loaded',
  'refused',
  'loadFailed',
  'gone',
  'localChange',
  'recordFailed',
  'dataFileReplaced',
  'phase',
  'error',
]);

/** Pure: what an event tells of how far something is; undefined: nothing. */
function progressOf(event: SyncEvent): Progress | undefined {
  switch (event.type) {
    case 'filling':
      return {
        what: `${event.db}: filling the shadow of ${event.dbi}`,
        done: event.filled,
        total: event.entries,
        unit: 'entries',
      };
    case 'downloading':
      return {
        what: `${event.db}: downloading ${event.name}`,
        done: event.doneBytes,
        total: event.totalBytes,
        unit: 'bytes',
      };
    case 'merging': {
      const { db, name, done, total } = event;
      return { what: `${db}: ${total === undefined ? 'reading' : 'merging'} ${name}`, done, total, unit: 'entries' };
    }
    default:
      return undefined;
  }
}

/** The bar of a sync: of several things at once it shows the one that was told of last. */
export class SyncProgress {
  readonly #display: ProgressDisplay;
  #shown: string | undefined;

  constructor(display: ProgressDisplay) {
    this.#display = display;
  }

  readonly onEvent = (event: SyncEvent): void => {
    const progress = progressOf(event);
    if (progress) {
      this.#shown = event.db;
      this.#display.show(progress);
    } else if (event.db === this.#shown && ENDS.has(event.type)) this.stop();
  };

  stop(): void {
    this.#shown = undefined;
    this.#display.stop();
  }
}
