import { FAULT_KINDS, type FaultKind, type Limits } from './scenario.ts';
import { type Outcome, simulate } from './simulate.ts';

/** Makes a failing seed smaller while it fails in the same way: fewer machines, fewer steps, fewer kinds of faults. */
export async function shrink(outcome: Outcome, limits: Limits = {}): Promise<{ outcome: Outcome; limits: Limits }> {
  let best = { outcome, limits };
  const attempt = async (smaller: Limits): Promise<boolean> => {
    const next = await simulate(outcome.seed, smaller);
    if (next.violation?.invariant !== outcome.violation?.invariant) return false;
    best = { outcome: next, limits: smaller };
    return true;
  };
  for (const kind of FAULT_KINDS) {
    const without: readonly FaultKind[] = [...(best.limits.without ?? []), kind];
    await attempt({ ...best.limits, without });
  }
  for (let members = best.outcome.scenario.members.length - 1; members >= 2; members--) {
    if (!(await attempt({ ...best.limits, maxMembers: members }))) break;
  }
  for (let steps = best.outcome.scenario.steps >> 1; steps > 0; steps >>= 1) {
    if (!(await attempt({ ...best.limits, maxSteps: steps }))) break;
  }
  return best;
}

/** The command that repeats a run. */
export function commandOf(seed: number, { maxMembers, maxSteps, without = [], store }: Limits = {}): string {
  const options = [
    `--seed ${seed}`,
    ...(maxMembers === undefined ? [] : [`--members ${maxMembers}`]),
    ...(maxSteps === undefined ? [] : [`--steps ${maxSteps}`]),
    ...(without.length === 0 ? [] : [`--without ${without.join(',')}`]),
    ...(store === undefined ? [] : [`--store ${store}`]),
  ];
  return `npm run simulate -- ${options.join(' ')} --trace`;
}
