import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DatabaseAction,
  type DatabaseEvent,
  type DatabaseState,
  initialState,
  type StepSettings,
} from '../../../src/sync/database/state.ts';
import { step } from '../../../src/sync/database/step.ts';

/** Enough for every history here: one that goes on for ever fails. */
const MOST_STEPS = 3000;
const RUNS = { numRuns: 500 };

const settings = fc.record<StepSettings>({
  mode: fc.constantFrom('sync', 'receive'),
  onlyOnce: fc.boolean(),
  storagePollIntervalMs: fc.constantFrom(1, 1000),
  forceSnapshotIntervalMs: fc.constantFrom(0, 50),
});

interface World {
  readonly settings: StepSettings;
  readonly hasData: boolean;
  /** Objects of ours, and of others, that the bucket holds. */
  readonly own: number;
  readonly others: number;
  /** Of the order in which things happen. */
  readonly seed: number;
}

const world = fc.record<World>({
  settings,
  hasData: fc.boolean(),
  own: fc.nat(2),
  others: fc.nat(25),
  seed: fc.nat(),
});

/** Does what the step says, in any order that its parts could answer in; asserts what must hold at every action. */
class Model {
  state: DatabaseState;
  readonly #world: World;
  readonly #answers: DatabaseEvent[] = [];
  #random: number;
  #ownDue = 0;
  #othersDue = 0;
  #isListed = false;
  #underWay = 0;
  #nowMs = 0;
  #timerMs: number | undefined;
  #publisher: 'none' | 'running' | 'stopping' = 'none';
  #isWorkStopped = false;
  #isWorkEndTold = false;
  #requested = 0;
  #stored = 0;
  #downloads = 0;
  #merging = 0;
  ended = 0;

  constructor(given: World) {
    this.#world = given;
    this.#random = given.seed;
    this.state = initialState(given.settings);
    this.#answers.push({ type: 'opened', hasData: given.hasData });
  }

  #choose(count: number): number {
    // Fair, so that nothing waits for ever, and told by the seed alone.
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    return (this.#random >>> 8) % count;
  }

  tell(event: DatabaseEvent): void {
    const { state, actions } = step(this.state, event, this.#nowMs);
    this.state = state;
    for (const action of actions) this.#do(action);
    if (state.stage !== 'running' || state.settings.onlyOnce) return;
    expect(state.isListing || this.#timerMs !== undefined, 'the bucket is listed again').toBe(true);
  }

  get #facts() {
    return { isDue: this.#stored < this.#requested, isAtBucket: false, hasGivenUp: false };
  }

  get #remote() {
    return { waitingFor: this.#ownDue + this.#othersDue, ownIsDue: this.#ownDue > 0, hasTrouble: false };
  }

  #do(action: DatabaseAction): void {
    expect(this.ended, 'nothing is done after the end').toBe(0);
    switch (action.type) {
      case 'list':
        this.#answers.push({ type: 'listed', remote: this.#remote });
        break;
      case 'checkStale':
        this.#answers.push({ type: 'checked' });
        break;
      case 'recover':
        this.#answers.push({ type: 'recovered' });
        break;
      case 'record':
        this.#answers.push({ type: 'recorded' });
        break;
      case 'load':
        expect(this.#isListed, 'loads what was listed').toBe(true);
        while (!this.#isWorkStopped && this.#underWay < this.#ownDue + this.#othersDue && this.#underWay < 3) {
          this.#underWay++;
          this.#answers.push({ type: 'downloaded', id: `${this.#downloads++}` });
        }
        break;
      case 'merge':
        this.#merging++;
        break;
      case 'startPublisher':
        expect([this.#world.settings.mode, this.#publisher]).toEqual(['sync', 'none']);
        expect([this.#isListed, this.#ownDue], 'I5').toEqual([true, 0]);
        this.#publisher = 'running';
        break;
      case 'publish':
        expect(this.#publisher, 'I5: published by a publisher that runs').toBe('running');
        this.#requested++;
        break;
      case 'wake':
        this.#timerMs = action.atMs;
        break;
      case 'stopWork':
        expect(this.#isWorkStopped).toBe(false);
        this.#isWorkStopped = true;
        break;
      case 'stopPublisher':
        expect(this.#isWorkEndTold, 'the publisher is the last to end').toBe(true);
        this.#publisher = 'stopping';
        break;
      case 'end':
        this.ended++;
        break;
    }
  }

  /** Something happens: an answer, a merge that ends, a store, the timer. @returns false when nothing can */
  move(noise: boolean): boolean {
    const moves: (() => void)[] = [];
    const settle = (): void => {
      this.#merging--;
      this.#underWay--;
      if (this.#ownDue > 0) this.#ownDue--;
      else if (this.#othersDue > 0) this.#othersDue--;
      this.tell({ type: 'merged' });
      this.tell({ type: 'settled', remote: this.#remote });
    };
    if (this.#answers.length > 0) moves.push(() => this.#answer());
    if (this.#merging > 0) moves.push(settle);
    if (this.#publisher === 'running' && this.#stored < this.#requested) {
      moves.push(() => {
        this.#stored = this.#requested;
        this.tell({ type: 'publisher', facts: this.#facts });
      });
    }
    if (this.#timerMs !== undefined && this.ended === 0) {
      moves.push(() => {
        this.#nowMs = Math.max(this.#nowMs, this.#timerMs!);
        this.#timerMs = undefined;
        this.tell({ type: 'timer' });
      });
    }
    if (noise && this.ended === 0) {
      // Who records looks once more when it is stopped, but not in a single pass.
      const records = this.#world.settings.onlyOnce ? !this.#isWorkStopped : !this.#isWorkEndTold;
      if (records) moves.push(() => this.tell({ type: 'localChange' }));
      moves.push(() => this.tell({ type: 'news' }));
      moves.push(() => this.tell({ type: 'looked', sinceFullMs: 100, txnId: 1 }));
    }
    const isIdle = this.#answers.length === 0 && this.#merging === 0;
    if (this.#isWorkStopped && !this.#isWorkEndTold && isIdle && this.#heldBack === 0) {
      moves.push(() => {
        this.#isWorkEndTold = true;
        this.tell({ type: 'workEnded' });
      });
    }
    if (this.#publisher === 'stopping' && this.ended === 0) moves.push(() => this.tell({ type: 'publisherEnded' }));
    if (moves.length === 0) return false;
    moves[this.#choose(moves.length)]!();
    return true;
  }

  get #heldBack(): number {
    return this.state.heldBack.length;
  }

  #answer(): void {
    const [event] = this.#answers.splice(this.#choose(this.#answers.length), 1);
    this.tell(event!.type === 'listed' ? this.#listed() : event!);
  }

  #listed(): DatabaseEvent {
    if (!this.#isListed) {
      if (this.#choose(4) === 0) return { type: 'listFailed' };
      this.#ownDue = this.#world.own;
      this.#othersDue = this.#world.others;
    }
    this.#isListed = true;
    return { type: 'listed', remote: this.#remote };
  }

  get unpublished(): number {
    return this.#requested - this.#stored;
  }

  get waitingFor(): number {
    return this.#ownDue + this.#othersDue;
  }
}

describe('the step of a database, in any order of what happens', () => {
  it('a stop always ends, whenever it comes, and nothing is published before our own newest is merged (I5)', () => {
    fc.assert(
      fc.property(world, fc.nat(150), (given, stopAt) => {
        const model = new Model(given);
        for (let i = 0; i < stopAt; i++) model.move(true);
        model.tell({ type: 'stop' });
        model.tell({ type: 'stop' });
        for (let i = 0; i < MOST_STEPS && model.ended === 0; i++) model.move(false);
        expect([model.ended, model.state.stage]).toEqual([1, 'ended']);
      }),
      RUNS,
    );
  });

  it('what is recorded while it stops is published, where something may be', () => {
    fc.assert(
      fc.property(world, fc.nat(150), (given, stopAt) => {
        const model = new Model(given);
        for (let i = 0; i < stopAt; i++) model.move(true);
        fc.pre(model.state.stage !== 'stopping');
        const { isPublisherRunning } = model.state;
        model.tell({ type: 'stop' });
        const before = model.unpublished;
        model.tell({ type: 'localChange' });
        expect(model.unpublished - before).toBe(isPublisherRunning && model.ended === 0 ? 1 : 0);
      }),
      RUNS,
    );
  });

  it('a single pass ends by itself, with everything merged and published', () => {
    fc.assert(
      fc.property(world, (given) => {
        const model = new Model({ ...given, settings: { ...given.settings, onlyOnce: true } });
        for (let i = 0; i < MOST_STEPS && model.ended === 0; i++) model.move(i < 50);
        expect([model.ended, model.waitingFor, model.unpublished]).toEqual([1, 0, 0]);
      }),
      RUNS,
    );
  });

  it('with a database that holds something, a start publishes, after our own newest object is merged', () => {
    fc.assert(
      fc.property(world, (given) => {
        const mode = { ...given.settings, mode: 'sync', onlyOnce: false } as const;
        const model = new Model({ ...given, hasData: true, settings: mode });
        for (let i = 0; i < MOST_STEPS && (model.unpublished === 0 || model.state.stage !== 'running'); i++) {
          model.move(false);
        }
        expect([model.state.stage, model.unpublished, model.state.remote.ownIsDue]).toEqual(['running', 1, false]);
      }),
      RUNS,
    );
  });

  it('whatever is told after the end changes nothing', () => {
    const ended: DatabaseState = { ...initialState(fc.sample(settings, 1)[0]!), stage: 'ended' };
    for (const type of ['timer', 'stop', 'workEnded', 'publisherEnded', 'checked', 'recorded', 'news'] as const) {
      expect(step(ended, { type }, 0)).toEqual({ state: ended, actions: [] });
    }
  });
});
