import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  compareTimes,
  ENTRY_DELETED,
  Entry,
  HeaderWriter,
  incomingWins,
  readStored,
  stampOf,
  timeOf,
} from '../../src/merge/index.ts';
import { seeded } from '../support/seeded.ts';

/**
 * I1: merging is commutative, associative and idempotent. The state of a key is one entry; merging keeps or replaces it, so
 * the three laws say that `incomingWins` is a strict total order on what an entry says.
 */
const CUTOFF = 1_700_000_000_000_000_000n;

const nano = fc.oneof(
  fc.constantFrom(0n, 1n, CUTOFF - 1n, CUTOFF, CUTOFF + 1n),
  fc.constantFrom(2n ** 32n - 1n, 2n ** 32n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 63n + 1n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const value = fc.oneof(
  fc.constantFrom('', '00', '0000', '61', '6100', '6161', 'ff', 'ff00', '7f', '80'),
  fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('hex')),
);

interface Said {
  nano: bigint;
  deleted: boolean;
  value: string;
}

/** A deleted entry may come with bytes from a foreign writer; they say nothing. */
const entry = fc.record<Said>({ nano, deleted: fc.boolean(), value });
/** Few times and values, so that ties of time, value and both are common. */
const close = fc.record<Said>({
  nano: fc.constantFrom(7n, 8n),
  deleted: fc.boolean(),
  value: fc.constantFrom('', '61', '6100'),
});
const any = fc.oneof(entry, close);

function contender({ nano: at, deleted, value: hex }: Said): Entry {
  const { hi, lo } = timeOf(at);
  const buffer = Buffer.from(`aa${hex}bb`, 'hex');
  const one = new Entry();
  one.setTime(hi, lo);
  one.setValue(buffer, 1, buffer.length - 1);
  one.deleted = deleted;
  return one;
}

const merge = (present: Said, incoming: Said): Said =>
  incomingWins(contender(present), contender(incoming)) ? incoming : present;

const said = ({ nano: at, deleted, value: hex }: Said): string => `${at} ${deleted ? 'deleted' : `=${hex}`}`;

/** Another statement of docs/format.md, "Which entry wins". */
function expected(a: Said, b: Said): Said {
  const text = (one: Said): string => (one.deleted ? '' : one.value);
  if (a.nano !== b.nano) return a.nano > b.nano ? a : b;
  if (text(a) !== text(b)) return text(a) < text(b) ? a : b;
  return b.deleted && !a.deleted ? b : a;
}

const RUNS = seeded(15_000);
/** Of triples, at least so many. */
const TRIPLES = 200_000;

it(`I1: commutative, associative and idempotent, over ${TRIPLES} triples`, () => {
  fc.assert(
    fc.property(any, any, any, (a, b, c) => {
      const merged = merge(a, b);
      if (said(merged) !== said(merge(b, a))) return false;
      if (said(merge(merged, c)) !== said(merge(a, merge(b, c)))) return false;
      // An equal entry is no reason to write.
      return merge(merged, b) === merged && merge(merged, a) === merged && !incomingWins(contender(a), contender(a));
    }),
    seeded(TRIPLES),
  );
}, 120_000);

it('I1: the same of entries as LMDB keeps them: a header before the value, foreign bytes behind a deletion', () => {
  const asStored = (one: Said): Entry => {
    const { hi, lo } = timeOf(one.nano);
    const header = new HeaderWriter(7, one.value.length % 2).set(hi, lo, one.deleted ? ENTRY_DELETED : 0);
    const stored = Buffer.concat([header, Buffer.from(one.value, 'hex')]);
    const read = new Entry();
    if (!readStored(read, stored, 0, stored.length)) throw new Error('not read');
    return read;
  };
  fc.assert(
    fc.property(any, any, (a, b) => {
      const isSame = incomingWins(asStored(a), asStored(b)) === incomingWins(contender(a), contender(b));
      return isSame && asStored(a).value().toString('hex') === (a.deleted ? '' : a.value);
    }),
    RUNS,
  );
});

it('I1: any order with any repeats gives one winner', () => {
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 8 }), fc.infiniteStream(fc.nat(7)), (entries, order) => {
      const straight = entries.reduce(merge);
      const shuffled = [...order.take(20)].map((index) => entries[index % entries.length]!);
      const other = [...shuffled, ...entries.toReversed()].reduce(merge);
      return said(straight) === said(other);
    }),
    seeded(4_000),
  );
});

it('it is the winner that docs/format.md names', () => {
  fc.assert(
    fc.property(any, any, (a, b) => said(merge(a, b)) === said(expected(a, b))),
    RUNS,
  );
});

it('decision 5: a stamped change wins over what it replaces, at every time but the last', () => {
  fc.assert(
    fc.property(nano, any, value, (commit, replaced, changed) => {
      fc.pre(replaced.nano < 2n ** 64n - 1n);
      const old = timeOf(replaced.nano);
      const time = stampOf(timeOf(commit), old.hi, old.lo);
      const atLeastCommit = compareTimes(time.hi, time.lo, timeOf(commit).hi, timeOf(commit).lo) >= 0;
      const mine = contender({ nano: 0n, deleted: false, value: changed });
      mine.setTime(time.hi, time.lo);
      return atLeastCommit && incomingWins(contender(replaced), mine) && !incomingWins(mine, contender(replaced));
    }),
    RUNS,
  );
});

it('the generator makes the ties it is there for', () => {
  const pairs = fc.sample(fc.tuple(any, any), { numRuns: 5000, seed: 1 });
  const ties = pairs.filter(([a, b]) => a.nano === b.nano);
  expect(ties.length).toBeGreaterThan(300);
  expect(ties.filter(([a, b]) => a.value === b.value && a.deleted !== b.deleted).length).toBeGreaterThan(20);
});
