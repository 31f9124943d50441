import {
  type BucketKind,
  type BucketReport,
  objectsOf,
  verifyWithBucket,
  withOpenDatabase,
} from '../../../inspect/index.ts';
import { timeOf } from '../../../merge/index.ts';
import { timestampFromMilli } from '../../../snapshot/index.ts';
import { loadCutoff } from '../../../sync/index.ts';
import { withStorage } from '../../bucket.ts';
import { UnknownDatabaseError } from '../../errors.ts';
import { ExitCode } from '../../exit-codes.ts';
import { jsonDocument } from '../../json.ts';
import { openProgress } from '../../progress.ts';
import type { Session } from '../../session.ts';
import { differencesJson, differencesText, hashText } from './show.ts';

export interface VerifyFlags {
  readonly database?: readonly string[];
  readonly limit: number;
  readonly json?: boolean;
}

const EXPLAIN: Readonly<Record<BucketKind, string>> = {
  unmerged: 'the bucket has something newer; sync merges it',
  unpublished: 'no object in the bucket has it; sync publishes it',
  unrecorded: 'changed by the application, and not noticed yet; sync records it',
};

/** Every configured LMDB, or those that are named, with the bucket. Exit code 0: equal; 1: not. */
export async function verifyBucket(
  session: Session,
  { database = [], limit, json = false }: VerifyFlags,
): Promise<void> {
  const { config, out, io, signal } = session;
  const unknown = database.find((name) => !config.lmdbs.has(name));
  if (unknown !== undefined) throw new UnknownDatabaseError(unknown, config.lmdbs.keys());
  const names = database.length > 0 ? database : [...config.lmdbs.keys()].sort();
  const reports: BucketReport[] = [];
  const progress = await openProgress(session);
  const cutoff = timeOf(loadCutoff(timestampFromMilli(io.now()), config.sweeper));
  try {
    await withStorage(session, async (storage, storageSignal) => {
      for (const name of names) {
        const objects = await objectsOf(name, storage, storageSignal);
        const options = { config, cutoff, limit, signal, onProgress: progress.show };
        reports.push(
          await withOpenDatabase(config.lmdbs.get(name)!, (opened) =>
            verifyWithBucket(opened, objects, storage, options),
          ),
        );
      }
    });
  } finally {
    progress.stop();
  }
  const equal = reports.every((report) => report.equal);
  if (json) out.write(jsonDocument({ equal, databases: reports.map(reportJson) }));
  else for (const report of reports) out.write(reportText(report, io.now()));
  if (!equal) session.exitWith(ExitCode.found);
}

function reportJson({ database, equal, objects, refused, dbis, differences }: BucketReport): object {
  return { database, equal, objects, refused, dbis, ...differencesJson(differences) };
}

function reportText({ database, equal, objects, refused, dbis, differences }: BucketReport, nowMs: number): string {
  let text = `${database}: ${equal ? 'equal to' : 'different from'} the bucket (${objects.length} objects read)\n`;
  for (const hash of dbis) text += `  ${hash.dbi}: ${hashText(hash)}\n`;
  for (const { name, reason } of refused) text += `  refused ${name}: ${reason}\n`;
  return text + differencesText(differences, EXPLAIN, ['here', 'bucket'], nowMs);
}
