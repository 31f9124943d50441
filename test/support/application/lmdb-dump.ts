import { DbiFlag, Environment } from '../../../src/lmdb/index.ts';

/** As `case.json` has it: flag names, and [hex key, hex value] in LMDB's order, duplicates one by one. */
export interface DbiDump {
  flags: string[];
  entries: [string, string][];
}

const FLAG_NAMES: Record<string, number> = {
  reversekey: DbiFlag.reverseKey,
  dupsort: DbiFlag.dupSort,
  integerkey: DbiFlag.integerKey,
  dupfixed: DbiFlag.dupFixed,
  integerdup: DbiFlag.integerDup,
  reversedup: DbiFlag.reverseDup,
};

/** Writes DBIs into a new LMDB, one transaction. */
export function buildLmdb(path: string, dbis: Record<string, DbiDump>): void {
  const environment = Environment.open(path, { create: true, mapSizeBytes: 64 * 2 ** 20 });
  try {
    environment.write((transaction) => {
      for (const [name, { flags, entries }] of Object.entries(dbis)) {
        const bits = flags.reduce((sum, flag) => sum | FLAG_NAMES[flag]!, 0);
        const dbi = transaction.openOrCreateDbi(name, bits);
        for (const [key, value] of entries) transaction.put(dbi, Buffer.from(key, 'hex'), Buffer.from(value, 'hex'));
      }
    });
  } finally {
    environment.close();
  }
}

/** Every DBI of an LMDB that no other environment of this process has open. */
export function dumpLmdb(path: string, options: { noSubdir?: boolean } = {}): Record<string, DbiDump> {
  const environment = Environment.open(path, { ...options, readOnly: true });
  try {
    return environment.read((transaction) => {
      const dbis: Record<string, DbiDump> = {};
      for (const name of transaction.dbiNames()) {
        const dbi = transaction.openDbi(name)!;
        const bits = transaction.dbiFlags(dbi);
        const flags = Object.keys(FLAG_NAMES).filter((flag) => bits & FLAG_NAMES[flag]!);
        const entries: [string, string][] = [];
        const cursor = transaction.cursor(dbi);
        while (cursor.next()) entries.push([cursor.key().toString('hex'), cursor.value().toString('hex')]);
        dbis[name] = { flags, entries };
      }
      return dbis;
    });
  } finally {
    environment.close();
  }
}
