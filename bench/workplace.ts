import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** The bench's own folder, on a real disk; gone when the bench ends. */
export class Workplace {
  readonly folder: string;
  #count = 0;

  constructor(parent: string) {
    this.folder = mkdtempSync(join(parent, 'lmdbstream-bench-'));
    process.once('exit', () => this.remove());
  }

  /** A new empty folder. */
  fresh(): string {
    const folder = join(this.folder, String(this.#count++));
    mkdirSync(folder);
    return folder;
  }

  clear(...folders: string[]): void {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
