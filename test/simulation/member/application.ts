import { DbiFlag, type WriteTransaction } from '../../../src/lmdb/index.ts';
import { shadowKeyOf } from '../../golden/offline-model.ts';
import { type Entry, nativeValue } from '../oracle/entry.ts';
import type { Random } from '../world/random.ts';

/** What kind of database a fleet shares. */
export type Kind = 'shadow' | 'dupsort' | 'native';

/** One write of an application; `value` undefined: a deletion. All hex. */
export interface Write {
  readonly dbi: string;
  readonly id: string;
  readonly key: string;
  readonly value: string | undefined;
  /** In native mode. */
  readonly entry: Entry | undefined;
}

const KEYS = 9;
const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

/** Writes of one transaction: few keys, so that applications meet; sometimes the same value, an empty one, or a large one. */
export function writesOf(kind: Kind, { random, label, main, entries, nowNano }: WriteContext): Write[] {
  const writes = new Map<string, Write>();
  // A transaction that took long: an application looks at the clock when it begins.
  const begunNano = random.chance(0.1) ? nowNano - BigInt(random.below(1_500_000)) * 1000n : nowNano;
  const count = random.chance(0.3) ? 2 + random.below(3) : 1;
  for (let index = 0; index < count; index++) {
    const isPair = kind === 'dupsort' && random.chance(0.7);
    const dbi = isPair ? 'pairs' : random.chance(0.85) ? 'd' : 'e';
    const key = hex(`k${random.below(isPair ? 4 : KEYS)}`);
    const isDeletion = random.chance(0.3);
    let value: string;
    if (isPair) value = hex(`v${random.below(6)}`);
    else if (random.chance(0.1)) value = '';
    else if (random.chance(0.15)) value = hex(`same ${random.below(3)}`);
    else if (random.chance(0.05)) value = hex(`${label}.${index} `.repeat(300));
    else value = hex(`${label}.${index}`);
    const id = `${dbi}/${shadowKeyOf(key, value, isPair)}`;
    if (isDeletion && !main.has(id)) continue;
    const written = isDeletion ? undefined : value;
    const present = entries.get(id);
    const nano = present && present.nano >= begunNano ? present.nano + 1n : begunNano;
    const entry = kind === 'native' ? { nano, deleted: isDeletion, value: written ?? '' } : undefined;
    writes.set(id, { dbi, id, key, value: written, entry });
  }
  return [...writes.values()];
}

export interface WriteContext {
  readonly random: Random;
  /** Makes values unlike all others. */
  readonly label: string;
  readonly main: ReadonlyMap<string, string>;
  readonly entries: ReadonlyMap<string, Entry>;
  /** By the machine's clock. */
  readonly nowNano: bigint;
}

/** Puts them into the LMDB. */
export function apply(transaction: WriteTransaction, writes: readonly Write[]): void {
  for (const { dbi: name, id, key, value, entry } of writes) {
    const isPair = name === 'pairs';
    const dbi = transaction.openOrCreateDbi(name, isPair ? DbiFlag.dupSort : 0);
    const keyBytes = Buffer.from(key, 'hex');
    if (entry) transaction.put(dbi, keyBytes, nativeValue(entry));
    else if (value !== undefined) transaction.put(dbi, keyBytes, Buffer.from(value, 'hex'));
    else if (isPair) transaction.delete(dbi, keyBytes, pairValueOf(id, key));
    else transaction.delete(dbi, keyBytes);
  }
}

/** Values of pairs are short: all of one is in its key of the shadow. */
function pairValueOf(id: string, key: string): Buffer {
  const shadowKey = id.slice(id.indexOf('/') + 1);
  return Buffer.from(shadowKey.slice(key.length + 8, -2), 'hex');
}

/** For the trace. */
export function showWrites(writes: readonly Pick<Write, 'id' | 'value'>[]): string {
  return writes.map(({ id, value }) => `${id}=${value?.slice(0, 40) ?? 'deleted'}`).join(' ');
}
