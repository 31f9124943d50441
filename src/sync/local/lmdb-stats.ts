import { DbiFlag, type Environment, showDbiName } from '../../lmdb/index.ts';
import { type DatabaseView, storeOf } from '../../shadow/index.ts';
import type { DbiStats, EnvironmentStats, LmdbStats, SidecarStats } from '../status/index.ts';
import type { Held } from './held.ts';

/** What LMDB counts without a transaction. */
export function environmentStats(environment: Environment): EnvironmentStats {
  const { mapSizeBytes, lastPageNumber, lastTxnId, numReaders, maxReaders } = environment.info();
  const usedBytes = (lastPageNumber + 1) * environment.pageSizeBytes;
  return { mapSizeBytes, usedBytes, lastTxnId, readers: numReaders, maxReaders };
}

/**
 * Everything that LMDB counts. O(DBIs). The DBIs are those of the held base, which takes no slot of the reader table and is
 * never older than a minute; where it has no pages, those of a short transaction.
 *
 * @param base undefined before the first look
 * @param sidecar in which the entries lie, when it is not the LMDB itself
 * @throws LmdbError, CorruptPageError, UnknownFormatError
 */
export function lmdbStats(
  environment: Environment,
  base: Held | undefined,
  sidecar: Environment | undefined,
): LmdbStats {
  const pages = base?.pages;
  const dbis = pages
    ? pages.dbis().map(({ name, tree }) => dbiStats(name, tree.flags, tree))
    : base
      ? throughCursors(environment)
      : [];
  return {
    ...environmentStats(environment),
    path: environment.dataPath,
    pageSizeBytes: environment.pageSizeBytes,
    fileSizeBytes: environment.sizeBytes(),
    dbis,
    ...(sidecar ? { sidecar: sidecarStats(sidecar, base?.view) } : {}),
  };
}

function sidecarStats(sidecar: Environment, view: DatabaseView | undefined): SidecarStats {
  const store = storeOf(false);
  const counts = view ? store.dbiNames(view).map((name) => store.entries(view, name)?.count ?? 0) : [];
  const entries = counts.reduce((sum, count) => sum + count, 0);
  return { path: sidecar.dataPath, fileSizeBytes: sidecar.sizeBytes(), entries };
}

function throughCursors(environment: Environment): DbiStats[] {
  return environment.read((transaction) =>
    transaction.dbiNames().map((name) => {
      const dbi = transaction.openDbi(name)!;
      return dbiStats(name, transaction.dbiFlags(dbi), transaction.stat(dbi));
    }),
  );
}

function dbiStats(name: string, flags: number, counts: Omit<DbiStats, 'name' | 'flags'>): DbiStats {
  const { entries, depth, branchPages, leafPages, overflowPages } = counts;
  const names = Object.entries(DbiFlag).flatMap(([flag, bit]) =>
    (flags & bit) === 0 ? [] : [`MDB_${flag.toUpperCase()}`],
  );
  return { name: showDbiName(name), flags: names, entries, depth, branchPages, leafPages, overflowPages };
}
