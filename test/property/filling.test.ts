import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DbiFlag } from '../../src/lmdb/index.ts';
import type { ApplicationWrite } from '../support/application/application.ts';
import { LockstepApplication } from '../support/application/lockstep-application.ts';
import { LogicalClock } from '../support/fleet/logical-clock.ts';
import { Peer } from '../support/fleet/peer.ts';
import { shadowOf } from '../support/objects/shadow-entries.ts';

/**
 * I3, I4, I6: the first filling in slices, with an application that writes between them, and a process that is killed between them and
 * started again. LMDBSTREAM_RUNS=<runs> makes it longer; a failure prints seed and path.
 */
const RUNS = 40;
const COUNT = 330;
const KINDS = { plain: 0, reverse: DbiFlag.reverseKey, integer: DbiFlag.integerKey, dup: DbiFlag.dupSort } as const;
type Kind = keyof typeof KINDS;

const keyOf = (dbi: Kind, index: number): Buffer => {
  if (dbi !== 'integer') return Buffer.from(`k${index}`);
  const key = Buffer.alloc(4);
  key.writeUInt32LE(index);
  return key;
};
const put = (dbi: Kind, index: number, value: string): ApplicationWrite => {
  return { op: 'put', dbi, key: keyOf(dbi, index), value, flags: KINDS[dbi] };
};

const Write = fc.record({
  dbi: fc.constantFrom(...(Object.keys(KINDS) as Kind[])),
  // Some are new.
  index: fc.nat(COUNT + 20),
  change: fc.constantFrom('put', 'put', 'del'),
});
const Between = fc.oneof(
  { weight: 4, arbitrary: fc.constant('nothing' as const) },
  { weight: 4, arbitrary: fc.array(Write, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constant('kill' as const) },
);

let application: LockstepApplication;

beforeAll(() => {
  application = LockstepApplication.start();
});

afterAll(() => application.stop());

it('whatever happens between the slices, main and shadow agree, and only what was changed has a later time than 1 ns', async () => {
  const reached = { slices: 0, kills: 0, later: 0 };
  const property = fc.property(fc.array(Between, { minLength: 10, maxLength: 40 }), (events) => {
    const peer = new Peer(application, new LogicalClock(), { native: false, lockMaxMs: 1, pages: true });
    try {
      fillWith(peer, events, reached);
    } finally {
      peer.dispose();
    }
  });
  const { LMDBSTREAM_SEED: seed, LMDBSTREAM_PATH: path, LMDBSTREAM_RUNS: runs = RUNS } = process.env;
  fc.assert(property, {
    numRuns: Number(runs),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
  });
  expect(reached.slices).toBeGreaterThan(RUNS);
  expect(reached.kills).toBeGreaterThan(0);
  expect(reached.later).toBeGreaterThan(0);
}, 120_000);

type Events = readonly ('nothing' | 'kill' | readonly { dbi: Kind; index: number; change: string }[])[];

function fillWith(peer: Peer, events: Events, reached: { slices: number; kills: number; later: number }): void {
  const dbis = Object.keys(KINDS) as Kind[];
  for (const dbi of dbis) peer.write(...Array.from({ length: COUNT }, (_, index) => put(dbi, index, `value ${index}`)));
  const changed = new Set<string>();
  const killed = new Error('killed by the test');
  let writes = 0;
  const apply = (event: Events[number]): void => {
    reached.slices++;
    if (event === 'kill') throw killed;
    if (event === 'nothing') return;
    peer.write(
      ...event.map(({ dbi, index, change }): ApplicationWrite => {
        changed.add(`${dbi} ${index}`);
        return change === 'put' ? put(dbi, index, `new ${writes++}`) : { op: 'del', dbi, key: keyOf(dbi, index) };
      }),
    );
  };
  peer.beforeLock.push(...events.map((event) => () => apply(event)));
  while (peer.tracker.hasNews) {
    try {
      peer.tracker.localRound();
    } catch (error) {
      if (error !== killed) throw error;
      reached.kills++;
      peer.restart();
    }
  }
  peer.beforeLock.length = 0;
  peer.assertMainIsShadow();
  peer.assertNothingMissed();
  peer.assertNoLeaks();
  expect(peer.dump().has('_sync_lmdbstream_fill')).toBe(false);
  for (const dbi of dbis) {
    const shadow = shadowOf(peer, dbi);
    const early = Array.from({ length: COUNT }, (_, index) => index).filter((index) => !changed.has(`${dbi} ${index}`));
    const latin1 = (index: number): string => keyOf(dbi, index).toString('latin1');
    const times = early.map((index) => {
      if (dbi !== 'dup') return shadow[latin1(index)]?.nano;
      const [entry] = Object.entries(shadow).filter(([key]) => key.startsWith(`${latin1(index)}\0\0\0\0`));
      return entry?.[1].nano;
    });
    expect(new Set(times)).toEqual(new Set([1n]));
    reached.later += Object.values(shadow).filter(({ nano }) => nano > 1n).length;
  }
}
