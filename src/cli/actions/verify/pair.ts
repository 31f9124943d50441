import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import {
  type Content,
  comparePair,
  contentsOf,
  type PairKind,
  type PairReport,
  readContents,
  withOpenDatabase,
} from '../../../inspect/index.ts';
import { type ObjectStorage, Spool } from '../../../storage/index.ts';
import { withStorage } from '../../bucket.ts';
import { LocalFileError } from '../../errors.ts';
import { ExitCode } from '../../exit-codes.ts';
import { jsonDocument } from '../../json.ts';
import { openProgress } from '../../progress.ts';
import type { Session } from '../../session.ts';
import { differencesJson, differencesText, hashText, type SideNames } from './show.ts';

interface PairFlags {
  readonly limit: number;
  readonly json?: boolean;
  readonly times?: boolean;
}

export interface VerifyLmdbsFlags extends PairFlags {
  readonly native?: boolean;
}

export interface VerifyObjectsFlags extends PairFlags {
  readonly local?: boolean;
}

const EXPLAIN: Readonly<Record<PairKind, string>> = {
  onlyLeft: 'only in the first',
  onlyRight: 'only in the second',
  value: 'other values',
  time: 'the same value at another time',
  dbi: 'a DBI that one side lacks, or that has other flags there',
};

/** Two LMDBs by their paths; what the application sees of them, and with `times` in native mode also the times. */
export async function verifyLmdbs(session: Session, paths: SideNames, flags: VerifyLmdbsFlags): Promise<void> {
  const { native = false } = flags;
  await withOpenDatabase(lmdbAt(paths[0]), (left) =>
    withOpenDatabase(lmdbAt(paths[1]), (right) =>
      compare(session, [contentsOf(left.view, native), contentsOf(right.view, native)], paths, flags),
    ),
  );
}

/** Two objects, of the bucket or local files. They are held in memory. */
export async function verifyObjects(session: Session, names: SideNames, flags: VerifyObjectsFlags): Promise<void> {
  if (flags.local) {
    const [left, right] = [await readFile(session, names[0]), await readFile(session, names[1])];
    return compare(session, [left, right], names, flags);
  }
  await withStorage(session, async (storage) => {
    const [left, right] = [await readObject(session, storage, names[0]), await readObject(session, storage, names[1])];
    await compare(session, [left, right], names, flags);
  });
}

/** The path of a data file, or of a folder that holds one. */
function lmdbAt(path: string) {
  const noSubdir = isFile(path);
  const options = { noSubdir, create: false, dirMask: 0, fileMask: 0, mapSizeBytes: 0, maxDbs: 1000 };
  return {
    name: basename(path),
    path,
    options,
    schemaTracksChanges: false,
    dupsortHack: true,
    headerExtraPaddingBlock: false,
    dbiOptions: new Map<string, never>(),
    droppedDbis: 'keep' as const,
    acceptSchemaChange: false,
    shadow: 'inline' as const,
    shadowPath: '',
  };
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch (error) {
    throw new LocalFileError('read', path, error);
  }
}

async function readFile({ config, signal }: Session, path: string): Promise<Content[]> {
  if (!isFile(path)) throw new LocalFileError('read', path, 'it is no regular file');
  const limits = { maxDecompressedBytes: config.maxDecompressedSizeBytes };
  return readContents(() => createReadStream(path), { objectName: basename(path), limits, signal });
}

async function readObject({ config, signal }: Session, storage: ObjectStorage, name: string): Promise<Content[]> {
  const spool = new Spool();
  try {
    for await (const chunk of (await storage.load(name, { signal })).stream) spool.append(chunk);
    spool.finish();
    const limits = { maxDecompressedBytes: config.maxDecompressedSizeBytes };
    return await readContents(() => spool.open(), { objectName: name, limits, signal });
  } finally {
    spool.dispose();
  }
}

async function compare(
  session: Session,
  [left, right]: readonly [readonly Content[], readonly Content[]],
  names: SideNames,
  { limit, times = false, json = false }: PairFlags,
): Promise<void> {
  const { out, io } = session;
  const progress = await openProgress(session);
  let report: PairReport;
  try {
    report = comparePair(left, right, { times, limit, onProgress: progress.show });
  } finally {
    progress.stop();
  }
  if (json) out.write(jsonDocument(pairJson(report, names)));
  else out.write(pairText(report, names, io.now()));
  if (!report.equal) session.exitWith(ExitCode.found);
}

function pairJson({ equal, dbis, differences }: PairReport, [left, right]: SideNames): object {
  const sides = dbis.map(({ dbi, left: a, right: b }) => ({ dbi, left: a ?? null, right: b ?? null }));
  return { equal, left, right, dbis: sides, ...differencesJson(differences) };
}

function pairText({ equal, dbis, differences }: PairReport, [left, right]: SideNames, nowMs: number): string {
  let text = `${equal ? 'equal' : 'different'}: ${left} and ${right}\n`;
  for (const { dbi, left: a, right: b } of dbis) {
    const isSame = a?.sha256 === b?.sha256;
    text += `  ${dbi}: ${isSame ? 'same' : 'differs'}\n`;
    text += `      first:  ${a ? hashText(a) : 'missing'}\n      second: ${b ? hashText(b) : 'missing'}\n`;
  }
  return text + differencesText(differences, EXPLAIN, ['first', 'second'], nowMs);
}
