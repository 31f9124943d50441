import type { KeySet } from '../../shadow/index.ts';
import { type DbiSource, type encodeSnapshot, parseSnapshotName, type SnapshotName } from '../../snapshot/index.ts';
import { digestOf, type Spool, type SpoolOptions } from '../../storage/index.ts';
import type { PlannedNames } from '../chain/index.ts';
import type { Capture } from '../local/index.ts';

/** An object that is ready to be stored. */
export interface MadeObject {
  readonly name: SnapshotName;
  readonly role: 'delta' | 'compacted' | 'full';
  readonly body: Spool;
  readonly encodeMs: number;
  /** Of a delta: which entries are in it. */
  readonly keys: KeySet | undefined;
  /** Of a compacted delta, which peers need not fetch: what reading it back must give. */
  readonly digest: string | undefined;
}

export interface MakeOptions {
  readonly hostname: string;
  readonly encode: typeof encodeSnapshot;
  readonly spool: (options: SpoolOptions) => Spool;
  /** A remote bucket is told what it must have received. */
  readonly md5: boolean;
  readonly monotonicMs: () => number;
}

interface Wanted {
  readonly name: string | undefined;
  readonly role: MadeObject['role'];
  readonly keys: KeySet | undefined;
}

/** Encodes what was planned, all of one view, in the order in which it is to be stored. The caller disposes of the bodies. */
export async function makeObjects(
  capture: Capture,
  names: PlannedNames,
  compactedKeys: KeySet | undefined,
  fromTxnId: number,
  options: MakeOptions,
): Promise<MadeObject[]> {
  const wanted: Wanted[] = [
    { name: names.delta, role: 'delta', keys: capture.unpublished },
    { name: compactedKeys && names.compacted, role: 'compacted', keys: compactedKeys },
    { name: names.full, role: 'full', keys: undefined },
  ];
  const made: MadeObject[] = [];
  try {
    for (const { name, role, keys } of wanted) {
      if (name === undefined) continue;
      const startedMs = options.monotonicMs();
      const parsed = parseSnapshotName(name);
      const sources = keys ? capture.deltaSources(keys) : capture.sources();
      const { body, digest } = await encodeBody(parsed, role, sources, capture.txnId, keys ? fromTxnId : 0, options);
      const encodeMs = options.monotonicMs() - startedMs;
      made.push({ name: parsed, role, body, encodeMs, keys, digest });
    }
    capture.assertProtected();
    return made;
  } catch (error) {
    for (const { body } of made) body.dispose();
    throw error;
  }
}

async function encodeBody(
  { generationId, instanceId, databaseName, timestampNano }: SnapshotName,
  role: MadeObject['role'],
  sources: readonly DbiSource[],
  txnId: number,
  fromTxnId: number,
  { hostname, encode, spool, md5 }: MakeOptions,
): Promise<Pick<MadeObject, 'body' | 'digest'>> {
  const body = spool({ md5 });
  try {
    const meta = {
      generationId,
      instanceId,
      hostname,
      databaseName,
      lmdbTxnId: BigInt(txnId),
      timestampNano,
      fromLmdbTxnId: BigInt(fromTxnId),
    };
    for await (const member of encode(meta, sources)) body.append(member);
    body.finish();
    return { body, digest: role === 'compacted' ? await digestOf(body.open()) : undefined };
  } catch (error) {
    body.dispose();
    throw error;
  }
}
