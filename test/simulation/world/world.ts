import type { Timer } from '../../../src/sync/time/index.ts';
import type { Random } from './random.ts';
import type { Trace } from './trace.ts';

interface Planned {
  readonly atUs: number;
  readonly order: number;
  what: (() => void) | undefined;
}

/** What a simulation must never show; `invariant` is its id, or another short name. */
export class Violation extends Error {
  readonly invariant: string;

  constructor(invariant: string, text: string) {
    super(`${invariant}: ${text}`);
    this.invariant = invariant;
  }
}

/** A look at a clock takes so long. */
const LOOK_US = 1;

/**
 * Time, in µs since the beginning, and what is to happen in it. One thing after the other, and between two of them everything
 * that was promised is kept, so that the same seed gives the same story.
 */
export class World {
  readonly random: Random;
  readonly trace: Trace;
  nowUs = 0;
  #violation: Violation | undefined;
  /** A heap by time, then by order of asking. */
  readonly #heap: Planned[] = [];
  #order = 0;

  constructor(random: Random, trace: Trace) {
    this.random = random;
    this.trace = trace;
  }

  get nowMs(): number {
    return this.nowUs / 1000;
  }

  /** Somebody looks at a clock. */
  look(): void {
    this.nowUs += LOOK_US;
  }

  /** A thread is blocked, or slow. */
  spend(ms: number): void {
    this.nowUs += Math.round(ms * 1000);
  }

  at(delayMs: number, then: () => void): Timer {
    if (!Number.isFinite(delayMs)) return { cancel: () => {} };
    const planned: Planned = {
      atUs: this.nowUs + Math.max(1, Math.round(delayMs * 1000)),
      order: this.#order++,
      what: then,
    };
    push(this.#heap, planned);
    return {
      cancel: () => {
        planned.what = undefined;
      },
    };
  }

  /** The first one counts. */
  violated(invariant: string, text: string): void {
    this.#violation ??= new Violation(invariant, text);
  }

  get violation(): Violation | undefined {
    return this.#violation;
  }

  /**
   * Lets happen what is to happen, for so long or until `isOver`.
   * @throws Violation
   */
  async run(ms: number, isOver: () => boolean = () => false): Promise<void> {
    const endUs = this.nowUs + Math.round(ms * 1000);
    for (;;) {
      await settled();
      if (this.#violation) throw this.#violation;
      if (isOver()) return;
      const next = this.#heap[0];
      if (!next || next.atUs > endUs) break;
      pop(this.#heap);
      if (!next.what) continue;
      if (next.atUs > this.nowUs) this.nowUs = next.atUs;
      next.what();
    }
    if (endUs > this.nowUs) this.nowUs = endUs;
  }
}

/** Resolves when no promise is left to be kept without time going on: nothing here waits for the machine. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.atUs !== b.atUs ? a.atUs < b.atUs : a.order < b.order;
}

function push(heap: Planned[], planned: Planned): void {
  heap.push(planned);
  for (let at = heap.length - 1; at > 0; ) {
    const parent = (at - 1) >> 1;
    if (isBefore(heap[parent]!, heap[at]!)) return;
    [heap[parent], heap[at]] = [heap[at]!, heap[parent]!];
    at = parent;
  }
}

function pop(heap: Planned[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  heap[0] = last;
  for (let at = 0; ; ) {
    const left = 2 * at + 1;
    const right = left + 1;
    let first = at;
    if (left < heap.length && isBefore(heap[left]!, heap[first]!)) first = left;
    if (right < heap.length && isBefore(heap[right]!, heap[first]!)) first = right;
    if (first === at) return;
    [heap[first], heap[at]] = [heap[at]!, heap[first]!];
    at = first;
  }
}
