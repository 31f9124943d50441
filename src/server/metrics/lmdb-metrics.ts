import type { Registry } from 'prom-client';
import type { LmdbStats } from '../../sync/index.ts';
import { usedBytes } from '../model.ts';
import { LMDB } from './definitions.ts';
import { createInstruments, type Instruments } from './instruments.ts';
import { smapsOf } from './smaps.ts';

/** LMDB's own counts, as the worker that owns the environment posted them last. */
export class LmdbMetrics {
  readonly #gauges: Instruments<typeof LMDB>;
  /** By database. */
  readonly #last = new Map<string, LmdbStats>();

  constructor(registry: Registry) {
    this.#gauges = createInstruments(LMDB, registry);
  }

  apply(lmdb: string, stats: LmdbStats): void {
    const gauges = this.#gauges;
    this.#removeDbis(lmdb);
    this.#last.set(lmdb, stats);
    gauges.mapSize.set({ lmdb }, stats.mapSizeBytes);
    gauges.readersCurrent.set({ lmdb }, stats.readers);
    gauges.readersMax.set({ lmdb }, stats.maxReaders);
    gauges.lastTxnId.set({ lmdb }, stats.lastTxnId);
    gauges.fileSize.set({ lmdb }, stats.fileSizeBytes);
    let totalBytes = 0;
    for (const dbi of stats.dbis) {
      const labels = { lmdb, db: dbi.name };
      const bytes = usedBytes(dbi, stats.pageSizeBytes);
      totalBytes += bytes;
      gauges.dbUsage.set(labels, bytes);
      gauges.entries.set(labels, dbi.entries);
      gauges.depth.set(labels, dbi.depth);
      gauges.pages.set({ ...labels, pagetype: 'branch' }, dbi.branchPages);
      gauges.pages.set({ ...labels, pagetype: 'leaf' }, dbi.leafPages);
      gauges.pages.set({ ...labels, pagetype: 'overflow' }, dbi.overflowPages);
    }
    gauges.totalUsage.set({ lmdb }, totalBytes);
    gauges.usageFraction.set({ lmdb }, stats.mapSizeBytes === 0 ? 0 : totalBytes / stats.mapSizeBytes);
  }

  async collectSmaps(read: () => Promise<string | undefined>): Promise<void> {
    if (this.#last.size === 0) return;
    const text = await read();
    if (text === undefined) return;
    for (const [lmdb, { path }] of this.#last) {
      for (const [smap, bytes] of smapsOf(text, path)) {
        this.#gauges.smaps.set({ lmdb, database_path: path, smap }, bytes);
      }
    }
  }

  /** A DBI that is gone must not be answered with its last values. */
  #removeDbis(lmdb: string): void {
    const { dbUsage, entries, depth, pages } = this.#gauges;
    for (const { name } of this.#last.get(lmdb)?.dbis ?? []) {
      for (const gauge of [dbUsage, entries, depth]) gauge.remove({ lmdb, db: name });
      for (const pagetype of ['branch', 'leaf', 'overflow']) pages.remove({ lmdb, db: name, pagetype });
    }
  }
}
