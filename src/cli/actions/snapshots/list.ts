import { snapshotNameOf, type TimestampNano } from '../../../snapshot/index.ts';
import { compareNames, type ObjectInfo } from '../../../storage/index.ts';
import { SMALL_REQUEST_LIMIT_MS, withStorage } from '../../bucket.ts';
import { jsonLine, jsonTime } from '../../json.ts';
import type { Session } from '../../session.ts';

export interface ListFlags {
  readonly prefix?: string;
  readonly long?: boolean;
  readonly time?: boolean;
  /** A line of JSON an object. */
  readonly json?: boolean;
}

const SIZE_WIDTH = 12;

export async function list(session: Session, flags: ListFlags): Promise<void> {
  const { out } = session;
  const { prefix = '', long = false, time = false, json = false } = flags;
  const print = async (info: ObjectInfo): Promise<void> => {
    if (json) out.write(jsonLine(objectJson(info)));
    else out.write(long ? `${String(info.sizeBytes).padStart(SIZE_WIDTH)}\t${info.name}\n` : `${info.name}\n`);
    if (out.isFull) await out.drained();
  };
  await withStorage(
    session,
    async (storage, signal) => {
      const objects = storage.list(prefix, { signal });
      for await (const info of time ? await byTime(objects) : objects) await print(info);
    },
    { limitMs: SMALL_REQUEST_LIMIT_MS },
  );
}

async function byTime(objects: AsyncIterable<ObjectInfo>): Promise<ObjectInfo[]> {
  const timed: { info: ObjectInfo; timestampNano: TimestampNano | undefined }[] = [];
  for await (const info of objects) timed.push({ info, timestampNano: snapshotNameOf(info.name)?.timestampNano });
  return timed
    .sort(
      (left, right) =>
        compareTimes(left.timestampNano, right.timestampNano) || compareNames(left.info.name, right.info.name),
    )
    .map(({ info }) => info);
}

function compareTimes(left: TimestampNano | undefined, right: TimestampNano | undefined): number {
  if (left === undefined || right === undefined) return Number(left !== undefined) - Number(right !== undefined);
  return left < right ? -1 : left > right ? 1 : 0;
}

function objectJson({ name, sizeBytes, modifiedMs }: ObjectInfo): object {
  const parsed = snapshotNameOf(name);
  return {
    name,
    sizeBytes,
    modified: modifiedMs === undefined ? null : new Date(modifiedMs).toISOString(),
    database: parsed?.databaseName ?? null,
    instance: parsed?.instanceId ?? null,
    time: parsed ? jsonTime(parsed.timestampNano) : null,
    kind: parsed?.kind ?? null,
  };
}
