/** Length of a step of the plots, and how many are kept: one hour. */
export const STEP_MS = 10_000;
export const STEPS = 360;

/** What happened within one step. Times are the largest of the step, 0 when there was none. */
export interface Step {
  recorded: number;
  merged: number;
  lockWaitMaxMs: number;
  lockHeldMaxMs: number;
  /** From the time of a peer's object to its merge here. */
  mergeLagMaxMs: number;
}

/** The last hour of a database in equal steps, for the plots. A quiet step costs nothing until it is read. */
export class History {
  /** By number of the step since 1970. */
  readonly #steps = new Map<number, Step>();

  /** The step of that moment, to be added to. */
  at(atMs: number): Step {
    const number = Math.floor(atMs / STEP_MS);
    const found = this.#steps.get(number);
    if (found !== undefined) return found;
    const step: Step = { recorded: 0, merged: 0, lockWaitMaxMs: 0, lockHeldMaxMs: 0, mergeLagMaxMs: 0 };
    this.#steps.set(number, step);
    // Insertion order is the order of time, unless the clock was set back; then the oldest entry is as good as any.
    if (this.#steps.size > STEPS) this.#steps.delete(this.#steps.keys().next().value!);
    return step;
  }

  /** The hour before `nowMs`: every step, quiet ones included, the current one last. */
  read(nowMs: number): { readonly firstMs: number; readonly steps: readonly Readonly<Step>[] } {
    const last = Math.floor(nowMs / STEP_MS);
    const first = last - STEPS + 1;
    const steps = Array.from({ length: STEPS }, (_, index) => this.#steps.get(first + index) ?? QUIET);
    return { firstMs: first * STEP_MS, steps };
  }
}

const QUIET: Readonly<Step> = { recorded: 0, merged: 0, lockWaitMaxMs: 0, lockHeldMaxMs: 0, mergeLagMaxMs: 0 };
