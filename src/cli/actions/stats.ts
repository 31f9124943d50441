import { type DbiStat, type Environment, type ReadTransaction, showDbiName } from '../../lmdb/index.ts';
import { forEachDatabase } from '../databases.ts';
import type { Session } from '../session.ts';
import { formatSize } from '../size-text.ts';

export async function stats(session: Session): Promise<void> {
  await forEachDatabase(session, async (environment, name) => {
    const lines = environment.read((transaction) => statLines(environment, transaction));
    for (const line of lines) session.out.write(`${name}: ${line}\n`);
  });
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
