import { type Clock, sleepOn, type Timer } from '../../../src/sync/time/index.ts';
import type { Life } from './life.ts';
import type { World } from './world.ts';

/** Before the machine's own time, so that a file that nobody has dated is "never above now". */
const BEGIN_NANO = 1_700_000_000_000_000_000n;
/** 1/512 s, which a double holds exactly; `utimes` then cuts it to µs. */
const FILE_STEP_NANO = 1_953_125n;
const NANO_PER_SECOND = 1_000_000_000n;

/** The wall clock of one machine: off, stepped, or strobing between two times. */
export class MachineClock {
  /** Ahead of the true time by so much. */
  offsetNano = 0n;
  /** Every other look is so much later; 0: it stands well. */
  strobeNano = 0n;
  /** The latest time that anybody has read. */
  highestNano = 0n;
  /** Told of every look by the instance. */
  onLook: (nowNano: bigint) => void = () => {};
  readonly #world: World;
  #looks = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Without a look: what the kernel writes into a file. */
  get nano(): bigint {
    const strobed = this.strobeNano !== 0n && this.#looks % 2 === 1 ? this.strobeNano : 0n;
    return BEGIN_NANO + BigInt(this.#world.nowUs) * 1000n + this.offsetNano + strobed;
  }

  /** As a file system keeps it, which is behind by up to 2 ms. */
  get fileSeconds(): number {
    return Number(this.nano / FILE_STEP_NANO) / 512;
  }

  get fileNano(): bigint {
    const { nano } = this;
    const stepped = nano - (nano % FILE_STEP_NANO);
    return stepped - (stepped % 1000n);
  }

  read(): bigint {
    this.#world.look();
    this.#looks++;
    const { nano } = this;
    if (nano > this.highestNano) this.highestNano = nano;
    this.onLook(nano);
    return nano;
  }
}

/** How the code under test sees time, for one life of its process. */
export function clockOf(world: World, machine: MachineClock, life: Life, hooks: ClockHooks): Clock {
  const timer = (ms: number, then: () => void): Timer =>
    world.at(ms, () => {
      if (!life.isOver) then();
    });
  return {
    nowNano: () => {
      if (!life.isOver) hooks.onLook();
      return machine.read();
    },
    monotonicMs: () => {
      if (!life.isOver) hooks.onLook();
      world.look();
      return world.nowMs;
    },
    timer,
    sleep: (ms, signal) => sleepOn(timer, ms, signal),
    pause: (ms) => {
      world.spend(ms);
      hooks.onPause();
    },
  };
}

export interface ClockHooks {
  /** Before a look. */
  readonly onLook: () => void;
  readonly onPause: () => void;
}

export const seconds = (nano: bigint): string => (Number(nano) / Number(NANO_PER_SECOND)).toFixed(3);
