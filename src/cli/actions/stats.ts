import { formatDbiFlags } from '../../config/index.ts';
import { type DbiStat, type Environment, type ReadTransaction, showDbiName } from '../../lmdb/index.ts';
import { forEachDatabase } from '../databases.ts';
import { jsonDocument } from '../json.ts';
import type { Session } from '../session.ts';
import { formatSize } from '../size-text.ts';

export interface StatsFlags {
  readonly json?: boolean;
}

export async function stats(session: Session, { json = false }: StatsFlags = {}): Promise<void> {
  if (json) return statsAsJson(session);
  const print = async (environment: Environment, name: string): Promise<void> => {
    const lines = environment.read((transaction) => statLines(environment, transaction));
    for (const line of lines) session.out.write(`${name}: ${line}\n`);
  };
  await forEachDatabase(session, print, { withSidecars: true });
}

async function statsAsJson(session: Session): Promise<void> {
  const databases: object[] = [];
  try {
    const add = async (environment: Environment, database: string): Promise<void> => {
      databases.push(environment.read((transaction) => ({ database, ...statsJson(environment, transaction) })));
    };
    await forEachDatabase(session, add, { withSidecars: true });
  } finally {
    session.out.write(jsonDocument({ databases }));
  }
}

function statsJson(environment: Environment, transaction: ReadTransaction): object {
  const dbis = transaction.dbiNames().map((dbi) => {
    const handle = transaction.openDbi(dbi)!;
    const { pageSizeBytes, ...stat } = transaction.stat(handle);
    const usedBytes = pageSizeBytes * (stat.branchPages + stat.leafPages + stat.overflowPages);
    return { dbi: showDbiName(dbi), flags: formatDbiFlags(transaction.dbiFlags(handle)), ...stat, usedBytes };
  });
  return {
    path: environment.dataPath,
    pageSizeBytes: environment.pageSizeBytes,
    ...environment.info(),
    usedBytes: dbis.reduce((sum, { usedBytes }) => sum + usedBytes, 0),
    dbis,
  };
}

function statLines(environment: Environment, transaction: ReadTransaction): string[] {
  const { mapSizeBytes, lastPageNumber, lastTxnId, maxReaders, numReaders } = environment.info();
  const lines = [
    `Env info: {MapSize:${mapSizeBytes} LastPNO:${lastPageNumber} LastTxnID:${lastTxnId} MaxReaders:${maxReaders} NumReaders:${numReaders}}`,
  ];
  let totalBytes = 0;
  for (const name of transaction.dbiNames()) {
    const stat = transaction.stat(transaction.openDbi(name)!);
    const usedBytes = stat.pageSizeBytes * (stat.branchPages + stat.leafPages + stat.overflowPages);
    totalBytes += usedBytes;
    lines.push(`dbi ${showDbiName(name)}: ${formatStat(stat)} (${formatSize(usedBytes)})`);
  }
  const percent = mapSizeBytes > 0 ? (100 * totalBytes) / mapSizeBytes : 0;
  lines.push(`Total Used: ${formatSize(totalBytes)} / ${formatSize(mapSizeBytes)} (~ ${percent.toFixed(1)} %)`);
  return lines;
}

/** The names are those of the reference's output. */
function formatStat({ pageSizeBytes, depth, branchPages, leafPages, overflowPages, entries }: DbiStat): string {
  return `{PSize:${pageSizeBytes} Depth:${depth} BranchPages:${branchPages} LeafPages:${leafPages} OverflowPages:${overflowPages} Entries:${entries}}`;
}
