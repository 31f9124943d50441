import { type FSWatcher, watch } from 'node:fs';

/**
 * Tells at once when a commit has touched the data file. A hint: an application that opens with MDB_WRITEMAP changes the
 * file without the system saying so, which is what the poll of the meta page is for.
 */
export class LmdbWatch {
  #watcher: FSWatcher | undefined;

  constructor(dataPath: string, onTouched: () => void) {
    try {
      this.#watcher = watch(dataPath, { persistent: false }, onTouched);
      this.#watcher.on('error', () => this.close());
    } catch {
      // No inotify instance left: the poll alone notices changes then.
      this.#watcher = undefined;
    }
  }

  /** False: only the poll notices changes. */
  get isWatching(): boolean {
    return this.#watcher !== undefined;
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
