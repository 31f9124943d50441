import { type Cursor, type ReadTransaction, showDbiName } from '../../lmdb/index.ts';
import { isPrivate } from '../../shadow/index.ts';
import { forEachDatabase } from '../databases.ts';
import { displayAscii } from '../display-ascii.ts';
import { UnknownDatabaseError } from '../errors.ts';
import { jsonLine } from '../json.ts';
import type { Session } from '../session.ts';

export interface DumpFlags {
  readonly hide?: boolean;
  readonly name?: string;
  /** A line of JSON an entry. */
  readonly json?: boolean;
}

export async function dump(session: Session, { hide = false, name: wanted, json = false }: DumpFlags): Promise<void> {
  const { config } = session;
  if (wanted && !config.lmdbs.has(wanted)) throw new UnknownDatabaseError(wanted, config.lmdbs.keys());
  await forEachDatabase(
    session,
    async (environment, name) => {
      const transaction = environment.beginRead();
      try {
        for (const dbiName of transaction.dbiNames()) {
          if (hide && isPrivate(dbiName)) continue;
          const dbi = showDbiName(dbiName);
          if (!json) session.out.write(`\n### ${name} :: ${dbi}\n\n`);
          const nowMs = session.io.now();
          const format = json
            ? (cursor: Cursor) => jsonLine({ database: name, dbi, key: hex(cursor.key()), value: hex(cursor.value()) })
            : (cursor: Cursor) => formatEntry(cursor, nowMs);
          await dumpDbi(session, transaction, dbiName, format);
        }
      } finally {
        transaction.abort();
      }
    },
    { isWanted: (name) => !wanted || name === wanted, withSidecars: !hide },
  );
}

/** One transaction for all DBIs of a database: they belong together. A slow reader of the output keeps it open. */
async function dumpDbi(
  { out, signal }: Session,
  transaction: ReadTransaction,
  dbiName: string,
  format: (cursor: Cursor) => string,
): Promise<void> {
  const dbi = transaction.openDbi(dbiName);
  if (dbi === undefined) return;
  const cursor = transaction.cursor(dbi);
  while (cursor.next()) {
    out.write(format(cursor));
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

function hex(bytes: Buffer): string {
  return bytes.toString('hex');
}
