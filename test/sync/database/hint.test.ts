import { expect, it } from 'vitest';
import { type DatabaseEvent, type DatabaseState, initialState } from '../../../src/sync/database/state.ts';
import { step } from '../../../src/sync/database/step.ts';

const REMOTE = { waitingFor: 0, ownIsDue: false, hasTrouble: false };
const START: readonly DatabaseEvent[] = [
  { type: 'opened', hasData: false },
  { type: 'listed', remote: REMOTE },
  { type: 'checked' },
  { type: 'recovered' },
  { type: 'recorded' },
];

/** A start with a hint before its event at this place; 0: none. @returns how often the bucket was to be listed */
function listingsOf(hintBefore: number): number {
  const settings = {
    mode: 'sync',
    onlyOnce: false,
    storagePollIntervalMs: 3_600_000,
    forceSnapshotIntervalMs: 0,
  } as const;
  let state: DatabaseState = initialState(settings);
  let listings = 0;
  const tell = (event: DatabaseEvent): void => {
    const next = step(state, event, 0);
    state = next.state;
    listings += next.actions.filter(({ type }) => type === 'list').length;
  };
  for (const [at, event] of START.entries()) {
    if (at === hintBefore && at > 0) tell({ type: 'news' });
    tell(event);
  }
  expect(state.stage).toBe('running');
  return listings;
}

it.each([1, 2, 3, 4])(
  'a hint during the start is not lost: the bucket is listed again once it runs (before event %i)',
  (at) => {
    expect([listingsOf(0), listingsOf(at)]).toEqual([1, 2]);
  },
);
