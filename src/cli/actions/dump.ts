import { type Cursor, type ReadTransaction, showDbiName } from '../../lmdb/index.ts';
import { isPrivate } from '../../shadow/index.ts';
import { forEachDatabase } from '../databases.ts';
import { displayAscii } from '../display-ascii.ts';
import { UnknownDatabaseError } from '../errors.ts';
import type { Session } from '../session.ts';

export interface DumpFlags {
  readonly hide?: boolean;
  readonly name?: string;
}

export async function dump(session: Session, { hide = false, name: wanted }: DumpFlags): Promise<void> {
  const { config } = session;
  if (wanted && !config.lmdbs.has(wanted)) throw new UnknownDatabaseError(wanted, config.lmdbs.keys());
  await forEachDatabase(
    session,
    async (environment, name) => {
      const transaction = environment.beginRead();
      try {
        for (const dbiName of transaction.dbiNames()) {
          if (hide && isPrivate(dbiName)) continue;
          session.out.write(`\n### ${name} :: ${showDbiName(dbiName)}\n\n`);
          await dumpDbi(session, transaction, dbiName);
        }
      } finally {
        transaction.abort();
      }
    },
    { isWanted: (name) => !wanted || name === wanted },
  );
}

/** One transaction for all DBIs of a database: they belong together. A slow reader of the output keeps it open. */
async function dumpDbi({ out, io, signal }: Session, transaction: ReadTransaction, dbiName: string): Promise<void> {
  const dbi = transaction.openDbi(dbiName);
  if (dbi === undefined) return;
  const nowMs = io.now();
  const cursor = transaction.cursor(dbi);
  while (cursor.next()) {
    out.write(formatEntry(cursor, nowMs));
    if (out.isFull) {
      await out.drained();
      signal.throwIfAborted();
    }
  }
  cursor.close();
}

function formatEntry({ keyBuffer, keyEnd, valueBuffer, valueEnd }: Cursor, nowMs: number): string {
  const key = displayAscii(keyBuffer.subarray(0, keyEnd), nowMs);
  return `${key}  =  ${displayAscii(valueBuffer.subarray(0, valueEnd), nowMs)}\n`;
}
