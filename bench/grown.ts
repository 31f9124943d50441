import { closeSync, copyFileSync, fsyncSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Bare } from './bare.ts';
import type { Workplace } from './workplace.ts';

const DATA_FILE = 'data.mdb';

/** An LMDB that an application has filled in random order; each measurement gets a copy. */
export class Grown {
  readonly #place: Workplace;
  readonly #folder: string;

  constructor(bare: Bare, place: Workplace, count: number, layout: 'grown' | 'wide') {
    this.#place = place;
    this.#folder = place.fresh();
    bare.fill(this.#folder, count, layout);
  }

  /** @returns the folder of an LMDB that is on the disk */
  copy(): string {
    const folder = this.#place.fresh();
    const path = join(folder, DATA_FILE);
    copyFileSync(join(this.#folder, DATA_FILE), path);
    const fd = openSync(path, 'r+');
    fsyncSync(fd);
    closeSync(fd);
    return folder;
  }

  remove(): void {
    this.#place.clear(this.#folder);
  }
}

export function lmdbKb(folder: string): number {
  return statSync(join(folder, DATA_FILE)).size / 1024;
}
