import { type FSWatcher, watch } from 'node:fs';

/** Tells when a file was touched. */
export interface FileWatch {
  close(): void;
}

/**
 * Tells at once when a commit has touched the data file. A hint: an application that opens with MDB_WRITEMAP changes the
 * file without the system saying so, which is what the poll of the meta page is for. Where the system has no watch left, the poll
 * alone notices changes.
 */
export function watchFile(path: string, onTouched: () => void): FileWatch {
  let watcher: FSWatcher | undefined;
  const close = (): void => {
    watcher?.close();
    watcher = undefined;
  };
  try {
    watcher = watch(path, { persistent: false }, onTouched);
    watcher.on('error', close);
  } catch {
    watcher = undefined;
  }
  return { close };
}
