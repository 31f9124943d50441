import type { ReadTransaction } from '../../lmdb/index.ts';
import { SHADOW_PREFIX } from '../../shadow/index.ts';
import { migrateTimestamps, type TimesSink, type TimestampsResult } from '../timestamps.ts';
import { MAIN_MOVES, type PdnsTableMove, SHARD_MOVES } from './tables.ts';
import { findUnsynced } from './unsynced.ts';

export interface MovedTable extends TimestampsResult {
  readonly from: string;
  readonly to: string;
}

/** The tables of a file whose times are in shadows. */
export function movesOf(transaction: ReadTransaction, role: 'main' | 'shard'): PdnsTableMove[] {
  const moves = role === 'main' ? MAIN_MOVES : SHARD_MOVES;
  return moves.filter(({ from }) => transaction.openDbi(SHADOW_PREFIX + from) !== undefined);
}

/** Why times cannot be moved without losing something; none: they can. */
export function problemsOf(transaction: ReadTransaction, moves: readonly PdnsTableMove[]): string[] {
  const problems: string[] = [];
  for (const move of moves) {
    if (transaction.openDbi(move.to) === undefined) {
      problems.push(`there is no DBI ${move.to}: the newer PowerDNS has not opened this file yet`);
      continue;
    }
    const { added, deleted, changed, firstKey } = findUnsynced(transaction, move);
    if (added + deleted + changed === 0) continue;
    problems.push(
      `${move.to}: ${added} entries were added, ${deleted} deleted and ${changed} changed after the last sync (first key ${firstKey})`,
    );
  }
  return problems;
}

/** Times and deletion marks of all tables of one file. */
export function moveTimes(
  transaction: ReadTransaction,
  moves: readonly PdnsTableMove[],
  sink: TimesSink,
): MovedTable[] {
  return moves.map(({ from, to, toNew }) => ({
    from: SHADOW_PREFIX + from,
    to,
    ...migrateTimestamps(
      transaction,
      { srcDbi: SHADOW_PREFIX + from, dstDbi: to, addDeleteEntries: true, keyOf: toNew },
      sink,
    ),
  }));
}
