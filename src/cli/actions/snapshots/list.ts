import { parseSnapshotName, SnapshotNameError, type TimestampNano } from '../../../snapshot/index.ts';
import { compareNames, type ObjectInfo } from '../../../storage/index.ts';
import { SMALL_REQUEST_LIMIT_MS, withStorage } from '../../bucket.ts';
import type { Session } from '../../session.ts';

export interface ListFlags {
  readonly prefix?: string;
  readonly long?: boolean;
  readonly time?: boolean;
}

const SIZE_WIDTH = 12;

export async function list(session: Session, { prefix = '', long = false, time = false }: ListFlags): Promise<void> {
  const { out } = session;
  const print = async (info: ObjectInfo): Promise<void> => {
    out.write(long ? `${String(info.sizeBytes).padStart(SIZE_WIDTH)}\t${info.name}\n` : `${info.name}\n`);
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
  for await (const info of objects) timed.push({ info, timestampNano: timeOf(info.name) });
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

function timeOf(name: string): TimestampNano | undefined {
  try {
    return parseSnapshotName(name).timestampNano;
  } catch (error) {
    if (error instanceof SnapshotNameError) return undefined;
    throw error;
  }
}
