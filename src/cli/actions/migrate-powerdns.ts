import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { LmdbConfig } from '../../config/index.ts';
import { objectsOf, pdnsFileOf, verifyWithBucket, withOpenDatabase } from '../../inspect/index.ts';
import { acquireInstanceLock } from '../../lmdb/index.ts';
import { timeOf } from '../../merge/index.ts';
import {
  countOnly,
  MigrationRefusedError,
  type MovedTable,
  movesOf,
  moveTimes,
  NewConfigError,
  NotPdnsMainError,
  nativeConfigText,
  problemsOf,
} from '../../migrate/index.ts';
import { FIRST_NATIVE_SCHEMA, releasesOf } from '../../powerdns/index.ts';
import { timestampFromMilli } from '../../snapshot/index.ts';
import { loadCutoff } from '../../sync/index.ts';
import { withStorage } from '../bucket.ts';
import { withDatabase } from '../databases.ts';
import { MigrateSidecarError } from '../errors.ts';
import { jsonDocument } from '../json.ts';
import type { Session } from '../session.ts';

export interface MigratePowerdnsFlags {
  readonly dryRun?: boolean;
  readonly output?: string;
  readonly newPrefix: string;
  readonly json?: boolean;
}

interface Step {
  readonly database: string;
  readonly role: 'main' | 'shard';
  readonly tables: readonly MovedTable[];
  readonly problems: readonly string[];
}

interface Report {
  /** `before` the upgrade: only looked at. `after`: times are moved. */
  readonly stage: 'before' | 'after';
  readonly schemaVersion: number;
  readonly dryRun: boolean;
  readonly databases: readonly Step[];
  readonly newConfig: string | null;
}

/**
 * Before the upgrade of PowerDNS: says whether anything is unsynced. After it: moves the times of all changes and deletions into the new
 * DBIs, one transaction a file, and writes the configuration for native mode. Running it again does no harm.
 * @throws MigrationRefusedError when something would be lost; nothing is written then
 */
export async function migratePowerdns(
  session: Session,
  configPath: string,
  flags: MigratePowerdnsFlags,
): Promise<void> {
  const { dryRun = false, json = false } = flags;
  const files = await pdnsFiles(session);
  const main = files.find(({ file }) => file.role === 'main')?.file;
  if (main?.role !== 'main' || main.schemaVersion === undefined) {
    throw new NotPdnsMainError('no database of the configuration is the main file of a PowerDNS');
  }
  const { schemaVersion, shards } = main;
  const stage = schemaVersion < FIRST_NATIVE_SCHEMA ? 'before' : 'after';
  const shardProblems =
    shards === 1
      ? []
      : [`it has ${shards} shards, and lmdb-lightning-stream=yes of the newer PowerDNS allows only one`];
  const checked = stage === 'before' ? await checkBefore(session, files) : await checkAfter(files);
  const steps = checked.map((step) =>
    step.role === 'main' ? { ...step, problems: [...shardProblems, ...step.problems] } : step,
  );
  const problems = steps.reduce((sum, step) => sum + step.problems.length, 0);
  const writes = stage === 'after' && !dryRun && problems === 0;
  const output = flags.output ?? `${configPath.replace(/\.ya?ml$/, '')}.native.yaml`;
  const newText =
    stage === 'after' && problems === 0 ? newConfigText(session, configPath, output, files, flags) : undefined;
  const done = writes ? await writeAll(session, files) : steps;
  if (writes && newText !== undefined) writeNewConfig(output, newText);
  const report: Report = { stage, schemaVersion, dryRun, databases: done, newConfig: writes ? output : null };
  session.out.write(json ? jsonDocument(report) : reportText(report));
  if (problems > 0) throw new MigrationRefusedError(problems);
}

interface PdnsLmdb {
  readonly lmdb: LmdbConfig;
  readonly file: NonNullable<ReturnType<typeof pdnsFileOf>>;
}

/** The main file first. Databases of other applications are left alone. */
async function pdnsFiles({ config }: Session): Promise<PdnsLmdb[]> {
  const files: PdnsLmdb[] = [];
  for (const lmdb of [...config.lmdbs.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (lmdb.shadow === 'sidecar') throw new MigrateSidecarError(lmdb.name);
    const file = await withOpenDatabase(lmdb, ({ transaction }) => pdnsFileOf(transaction));
    if (file) files.push({ lmdb, file });
  }
  return files.sort((a, b) => Number(b.file.role === 'main') - Number(a.file.role === 'main'));
}

async function checkBefore(session: Session, files: readonly PdnsLmdb[]): Promise<Step[]> {
  const { config, io, signal } = session;
  const cutoff = timeOf(loadCutoff(timestampFromMilli(io.now()), config.sweeper));
  const steps: Step[] = [];
  await withStorage(session, async (storage, storageSignal) => {
    for (const { lmdb, file } of files) {
      const objects = await objectsOf(lmdb.name, storage, storageSignal);
      const { differences, refused } = await withOpenDatabase(lmdb, (database) =>
        verifyWithBucket(database, objects, storage, { config, cutoff, limit: 0, signal }),
      );
      const problems = [...differences.counts].map(([kind, count]) => `${count} entries are ${kind}`);
      for (const { name } of refused) problems.push(`the object ${name} cannot be read`);
      steps.push({ database: lmdb.name, role: file.role, tables: [], problems });
    }
  });
  return steps;
}

async function checkAfter(files: readonly PdnsLmdb[]): Promise<Step[]> {
  const steps: Step[] = [];
  for (const { lmdb, file } of files) {
    steps.push(
      await withOpenDatabase(lmdb, ({ transaction }) => {
        const moves = movesOf(transaction, file.role);
        const missing = moves.length === 0 ? ['it has no shadows, in which the times of changes would be'] : [];
        const problems = [...missing, ...problemsOf(transaction, moves)];
        const tables = problems.length > 0 ? [] : moveTimes(transaction, moves, countOnly);
        return { database: lmdb.name, role: file.role, tables, problems };
      }),
    );
  }
  return steps;
}

/** With the lock of a syncing process, so that none runs meanwhile. What was checked is checked again under the write lock. */
async function writeAll(session: Session, files: readonly PdnsLmdb[]): Promise<Step[]> {
  const holder = `process ${process.pid}, migrate, instance ${session.config.instance}`;
  const steps: Step[] = [];
  for (const { lmdb, file } of files) {
    const tables = await withDatabase(session, lmdb.name, { readOnly: false }, (environment) => {
      const lock = acquireInstanceLock(environment.dataPath, holder);
      try {
        return environment.write((transaction) => {
          const moves = movesOf(transaction, file.role);
          const problems = problemsOf(transaction, moves);
          if (problems.length > 0) throw new MigrationRefusedError(problems.length);
          return moveTimes(transaction, moves, transaction);
        });
      } finally {
        lock?.release();
      }
    });
    steps.push({ database: lmdb.name, role: file.role, tables, problems: [] });
  }
  return steps;
}

function newConfigText(
  { io }: Session,
  configPath: string,
  output: string,
  files: readonly PdnsLmdb[],
  { newPrefix }: MigratePowerdnsFlags,
): string {
  if (existsSync(output)) throw new NewConfigError(output, 'it exists already');
  const databases = files.map(({ lmdb }) => lmdb.name);
  return nativeConfigText(readFileSync(configPath, 'utf8'), databases, newPrefix, { path: output, env: io.env });
}

function writeNewConfig(output: string, text: string): void {
  try {
    // It may hold keys of the bucket.
    writeFileSync(output, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    throw new NewConfigError(output, (error as Error).message);
  }
}

function reportText({ stage, schemaVersion, dryRun, databases, newConfig }: Report): string {
  let text = `schema ${schemaVersion} (${releasesOf(schemaVersion)})\n`;
  for (const { database, role, tables, problems } of databases) {
    text += `\n${database} (${role})\n`;
    for (const { from, to, updated, addedDeletes } of tables) {
      text += `  ${from} → ${to}: ${updated} times, ${addedDeletes} deletion marks\n`;
    }
    for (const problem of problems) text += `  problem: ${problem}\n`;
  }
  if (databases.some(({ problems }) => problems.length > 0)) return `${text}\n`;
  if (stage === 'before') {
    return `${text}\nEverything is synced: stop the syncers and the servers of all machines, then upgrade PowerDNS.\n`;
  }
  if (dryRun) return `${text}\nNothing was written (--dry-run).\n`;
  return `${text}\nDone. The configuration for native mode: ${newConfig}\n`;
}
