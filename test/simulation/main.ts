import { parseArgs } from 'node:util';
import { FAULT_KINDS, type FaultKind, type Limits } from './scenario.ts';
import { commandOf, shrink } from './shrink.ts';
import { type Outcome, simulate } from './simulate.ts';

const HELP = `npm run simulate -- [options]
  --seed N        one seed
  --from N        the first of several (default 1)
  --count N       so many (default 100)
  --trace         print what happened
  --shrink        look for a smaller story that fails as the seed does
  --members N     at most so many
  --steps N       at most so many
  --store NAME    where the shadow lies: inline (default), sidecar
  --without a,b   no faults of these kinds: ${FAULT_KINDS.join(', ')}
  --keep-going    do not stop at the first seed that fails
`;

const OPTIONS = {
  seed: { type: 'string' },
  from: { type: 'string', default: '1' },
  count: { type: 'string', default: '100' },
  trace: { type: 'boolean', default: false },
  shrink: { type: 'boolean', default: false },
  members: { type: 'string' },
  steps: { type: 'string' },
  store: { type: 'string' },
  without: { type: 'string' },
  'keep-going': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** The command line. @returns the exit code */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const limits: Limits = {
    ...(values.members ? { maxMembers: Number(values.members) } : {}),
    ...(values.steps ? { maxSteps: Number(values.steps) } : {}),
    ...(values.store ? { store: values.store } : {}),
    ...(values.without ? { without: values.without.split(',') as FaultKind[] } : {}),
  };
  const from = Number(values.seed ?? values.from);
  const count = values.seed ? 1 : Number(values.count);
  let failed = 0;
  const startedMs = performance.now();
  for (let seed = from; seed < from + count; seed++) {
    const outcome = await simulate(seed, limits, values.trace);
    if (values.trace) printTrace(outcome);
    if (!outcome.violation) continue;
    failed++;
    process.stdout.write(`seed ${seed}: ${outcome.violation.message}\n  ${commandOf(seed, limits)}\n`);
    if (values.shrink) {
      const smaller = await shrink(outcome, limits);
      process.stdout.write(`  ${smaller.outcome.violation!.message}\n  ${commandOf(seed, smaller.limits)}\n`);
    }
    if (!values['keep-going']) break;
  }
  const tookSeconds = (performance.now() - startedMs) / 1000;
  process.stdout.write(`${count} seeds from ${from}, ${failed} failed, ${tookSeconds.toFixed(1)} s\n`);
  return failed > 0 ? 1 : 0;
}

function printTrace({ scenario, trace }: Outcome): void {
  process.stdout.write(`${JSON.stringify(scenario, undefined, 1)}\n${trace.lines.join('\n')}\n`);
}

/**
 * For the mutants: the first seed that fails.
 * @returns undefined when none does
 */
export async function firstFailure(from: number, count: number): Promise<{ seed: number; text: string } | undefined> {
  for (let seed = from; seed < from + count; seed++) {
    const { violation } = await simulate(seed);
    if (violation) return { seed, text: violation.message };
  }
  return undefined;
}
