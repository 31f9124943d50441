import { Fleet } from './fleet.ts';
import type { Member } from './member/member.ts';
import { checkPublished } from './oracle/checks.ts';
import { type Limits, type Scenario, scenarioOf } from './scenario.ts';
import { SLOWEST_MS } from './world/bucket.ts';
import { Random } from './world/random.ts';
import { Trace } from './world/trace.ts';
import { Violation, World } from './world/world.ts';

export interface Outcome {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly violation: Violation | undefined;
  readonly trace: Trace;
  /** Where time and chance stood at the end: the same of the same story. */
  readonly end: string;
}

const NANO_PER_MS = 1_000_000n;
/** Beside the polls: retries, the turn of a full snapshot, what is on its way. */
const SLACK_MS = 10_000;
const POLLS = 3;

/** Lives one seed to its end. Never rejects for what the code under test does. */
export async function simulate(seed: number, limits: Limits = {}, keepsTrace = false): Promise<Outcome> {
  const scenario = scenarioOf(seed, limits);
  const trace = new Trace(keepsTrace);
  const world = new World(new Random(seed), trace);
  const fleet = new Fleet(scenario, world);
  let violation: Violation | undefined;
  try {
    await live(fleet);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
    trace.add(world.nowUs, '', () => `VIOLATION ${violation?.message}`);
  } finally {
    await fleet.dispose();
  }
  return { seed, scenario, violation, trace, end: `${world.nowUs} µs, ${world.random.next()}` };
}

async function live(fleet: Fleet): Promise<void> {
  const { scenario, world, members } = fleet;
  for (const member of members) {
    for (let count = member.settings.writesBefore; count > 0; count--) member.write();
    fleet.comeBack(member, world.random.between(1, 5000));
  }
  for (let step = 0; step < scenario.steps; step++) {
    await world.run(world.random.between(0, 2 * scenario.pauseMs));
    takeStep(fleet);
  }
  await lastWords(fleet);
  await endEqual(fleet);
  await forget(fleet);
  await join(fleet);
  await stop(fleet);
}

function takeStep(fleet: Fleet): void {
  const { scenario, world, members } = fleet;
  const { random } = world;
  const member = random.pick(members);
  if (random.chance(scenario.crash)) member.crash();
  else if (random.chance(scenario.restart)) member.stop();
  else if (random.chance(scenario.clockStep)) stepClock(member, world, scenario.skewMs);
  else if (random.chance(scenario.readerCleared)) member.clearReaders();
  else if (random.chance(scenario.garbage)) fleet.addGarbage();
  else for (let count = random.chance(0.2) ? 2 + random.below(4) : 1; count > 0; count--) member.write();
}

function stepClock({ clock, name }: Member, { random, trace, nowUs }: World, stepMs: number): void {
  if (clock.strobeNano !== 0n || random.chance(0.3)) {
    clock.strobeNano = clock.strobeNano === 0n ? BigInt(Math.round(random.between(-2e9, 2e9))) : 0n;
    trace.add(nowUs, name, () => `its clock strobes by ${clock.strobeNano} ns`);
    return;
  }
  clock.offsetNano = BigInt(Math.round(random.between(-stepMs, stepMs))) * NANO_PER_MS;
  trace.add(nowUs, name, () => `its clock is off by ${clock.offsetNano} ns`);
}

/** Nothing comes after the last change of an instance that would carry it along: it is often made while that is busy. */
async function lastWords({ world, members }: Fleet): Promise<void> {
  const { random } = world;
  for (const member of members) {
    for (let count = random.below(4); count > 0; count--)
      world.at(random.between(0, 200), () => member.isQuiet || member.write());
  }
  await world.run(random.between(0, 300));
}

/** The faults have ended: within three polls all are equal, and what the last writer of each key wrote. */
async function endEqual(fleet: Fleet): Promise<void> {
  const { scenario, world } = fleet;
  fleet.quieten();
  for (const member of fleet.members) member.clock.strobeNano = 0n;
  world.trace.add(world.nowUs, '', () => 'the faults have ended');
  // A call that was slow is still on its way, and a start waits for it.
  const underWayMs = scenario.bucket.slow > 0 ? SLOWEST_MS : 0;
  await world.run(underWayMs + POLLS * scenario.storagePollMs + SLACK_MS);
  checkEqual(fleet, 'I2');
}

function checkEqual(fleet: Fleet, invariant: string): void {
  const { ledger, world, members, forgottenBeforeNano } = fleet;
  const failed = (name: string, text: string): never => {
    throw new Violation(invariant, `${name}: ${text}`);
  };
  for (const member of members) {
    const { name, model, state } = member;
    if (state !== 'running') failed(name, `it is ${state}`);
    if (model.pendingIds.length > 0) failed(name, `never recorded: ${model.pendingIds.join(', ')} (I3)`);
    const difference = ledger.difference(model.entries, forgottenBeforeNano);
    if (difference) failed(name, difference);
    checkPublished(member, fleet.context);
  }
  if (world.violation) throw world.violation;
}

/** Deletions grow old and are swept, and nothing comes back. */
async function forget(fleet: Fleet): Promise<void> {
  const { scenario, world } = fleet;
  if (scenario.retentionMs === undefined) return;
  await world.run(scenario.retentionMs + 60_000);
  checkEqual(fleet, 'sweep');
  for (const { name, model } of fleet.members) {
    const left = [...model.entries.values()].filter(({ deleted }) => deleted).length;
    if (left > 0) throw new Violation('sweep', `${name} still has ${left} deletion marks`);
  }
}

/** The bucket holds everything: an empty LMDB gets all of it. */
async function join(fleet: Fleet): Promise<void> {
  const { scenario, world } = fleet;
  if (!scenario.joins) return;
  const settings = { ...scenario.members[0]!, name: 'joiner', writesBefore: 0, skewMs: 0 };
  const joiner = fleet.join(settings);
  joiner.isQuiet = true;
  joiner.start();
  await world.run(POLLS * scenario.storagePollMs + SLACK_MS);
  checkEqual(fleet, 'bucket');
}

/** A stop that is asked for is done at once, for nothing is left to be published. */
async function stop(fleet: Fleet): Promise<void> {
  fleet.isEnding = true;
  for (const member of fleet.members) member.stop();
  await fleet.world.run(5000);
  const left = fleet.members.filter(({ state }) => state !== 'down');
  if (left.length > 0) throw new Violation('alive', `${left.map(({ name }) => name).join(', ')} did not stop`);
}
