import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from '../processes.mjs';
import { pause } from './clock.mjs';
import { compare } from './compare.mjs';
import { Application, startSync, until } from './processes.mjs';
import { bad, dim, good, heading, latencies, milliseconds, note, showComplaints, step } from './terminal.mjs';

const DBI = 'fruits';
/** So that a person can follow; nothing waits for it. */
const READING_PAUSE_MS = 350;
const WITHIN_MS = 30_000;
/** Records of the one large transaction. */
const MANY = 1_000;
const LAST_CHANGES = 16;

/** A machine of the fleet: an application, and lmdbstream beside it. They share nothing but the LMDB. */
class Machine {
  name;
  path;
  application;
  sync;
  #config;

  constructor(folder, bucket, name) {
    this.name = name;
    this.path = join(folder, name.toLowerCase());
    this.#config = join(folder, `${name.toLowerCase()}.yaml`);
    writeFileSync(
      this.#config,
      `lmdbs: {main: {path: ${this.path}}}\nstorage: {type: fs, options: {root_path: ${bucket}}}\n`,
    );
  }

  async start() {
    this.application = new Application(`application on ${this.name}`);
    await this.application.ask({ do: 'open', path: this.path });
    this.startSync();
  }

  startSync() {
    this.sync = startSync(this.#config, this.name);
  }

  write(entries) {
    return this.application.ask({ do: 'write', dbi: DBI, entries });
  }

  /** Waits until the application of this machine reads one of the values. */
  see(key, ...values) {
    return this.application.ask({ do: 'see', dbi: DBI, key, values, withinMs: WITHIN_MS });
  }
}

/** @param {string} folder to work in; removed by the caller @returns {Promise<boolean>} whether both LMDBs are equal at the end */
export async function runDemo(folder) {
  const bucket = join(folder, 'bucket');
  mkdirSync(bucket);
  const machines = [new Machine(folder, bucket, 'A'), new Machine(folder, bucket, 'B')];
  const [a, b] = machines;
  heading('Two machines, and nothing between them but a bucket');
  for (const machine of machines) {
    await machine.start();
    const { application, sync } = machine;
    step(
      `${machine.name}  ${machine.path}`,
      dim(`application: pid ${application.child.pid}, lmdbstream: pid ${sync.child.pid}`),
    );
  }
  step(`   ${bucket}`, dim('the bucket; here a folder, elsewhere S3 or Azure'));

  const shown = [];
  /** One change on one machine, seen by the application of the other. */
  const travel = async (from, to, verb, key, value) => {
    const [changedMs, seen] = await Promise.all([from.write({ [key]: value }), to.see(key, value)]);
    shown.push(seen.atMs - changedMs);
    const what = `${from.name} ${verb.padEnd(6)} ${key}${value === null ? '' : ` = ${value}`}`;
    step(what, `${value === null ? 'gone' : 'seen'} on ${to.name} after ${milliseconds(shown.at(-1))}`);
    await pause(READING_PAUSE_MS);
  };

  heading('Changes travel both ways');
  await travel(a, b, 'put', 'apple', 'red');
  // The first one waited for lmdbstream to start.
  shown.pop();
  note('the first one waited for both lmdbstreams to start');
  await travel(b, a, 'put', 'plum', 'blue');
  await travel(b, a, 'update', 'apple', 'green');
  await travel(a, b, 'update', 'plum', 'purple');
  await travel(a, b, 'put', 'pear', 'yellow');
  await travel(b, a, 'delete', 'pear', null);
  await travel(a, b, 'delete', 'apple', null);
  await manyAtOnce(a, b);
  await conflict(a, b);
  await crash(a, b);

  heading('And on: whatever either side does');
  for (let number = 0; number < LAST_CHANGES; number++) {
    const [from, to] = number % 2 === 0 ? [a, b] : [b, a];
    if (number % 8 > 5) await travel(from, to, 'delete', `melon-${number - 6}`, null);
    else await travel(from, to, 'put', `melon-${number}`, `ripe ${number}`);
  }
  note('from the commit of one application to the read of the other, over LMDB → bucket → LMDB');
  console.log(`  ${latencies(shown)}`);
  const equal = await expectEqual(a, b);
  showComplaints(machines);
  if (equal) howToGoOn();
  return equal;
}

async function manyAtOnce(a, b) {
  const entries = Object.fromEntries(Array.from({ length: MANY }, (_, number) => [`grape-${number}`, 'sweet']));
  const before = (await b.see('plum', 'purple')).count;
  const [changedMs, seen] = await Promise.all([a.write(entries), b.see(`grape-${MANY - 1}`, 'sweet')]);
  step(
    `A puts ${MANY} grapes in one transaction`,
    `${seen.count - before} at once on B after ${milliseconds(seen.atMs - changedMs)}`,
  );
  await pause(READING_PAUSE_MS);
}

async function conflict(a, b) {
  heading('Both write the same key before they hear of each other');
  await Promise.all([a.write({ cherry: 'black' }), b.write({ cherry: 'white' })]);
  /** @type {(string | null)[]} */
  let values = [];
  const read = (machine) => machine.application.ask({ do: 'read', dbi: DBI, key: 'cherry' });
  await until(
    async () => {
      values = await Promise.all([read(a), read(b)]);
      return values[0] === values[1];
    },
    'one winner of a conflict',
    { watch: [a.sync, b.sync] },
  );
  step('A put    cherry = black,  B put    cherry = white', `both read ${values[0]}: the later commit won`);
  await pause(READING_PAUSE_MS);
}

async function crash(a, b) {
  heading('kill -9 of lmdbstream on B, changes on both sides meanwhile');
  await b.sync.kill();
  await b.write({ quince: 'golden', 'grape-0': null });
  await a.write({ plum: 'dark', 'grape-1': null });
  step('B put    quince = golden,  delete grape-0', dim('nobody told A'));
  step('A update plum = dark,      delete grape-1', dim('nobody told B'));
  b.startSync();
  await Promise.all([a.see('quince', 'golden'), a.see('grape-0', null), b.see('plum', 'dark'), b.see('grape-1', null)]);
  step('lmdbstream on B starts again', 'all four changes are on both sides');
  await pause(READING_PAUSE_MS);
}

async function expectEqual(a, b) {
  heading('Both LMDBs compared, entry by entry');
  let result;
  await until(
    async () => {
      result = compare(...(await Promise.all([a, b].map((machine) => machine.application.ask({ do: 'entries' })))));
      return result.differences.length === 0;
    },
    'equality',
    { everyMs: 200, withinMs: 10_000, watch: [a.sync, b.sync] },
  ).catch(() => {});
  if (result.differences.length === 0) {
    console.log(`  ${good('equal')}: ${result.entries} entries`);
    return true;
  }
  console.log(`  ${bad('NOT equal')}: ${result.differences.length} differences`);
  for (const difference of result.differences.slice(0, 10)) note(difference);
  return false;
}

function howToGoOn() {
  heading('Your own LMDB');
  const here = relative(process.cwd(), root);
  console.log(`  lightningstream.yaml, the same on every machine:

    lmdbs:
      main:
        path: /var/lib/myapp/lmdb        # the folder of data.mdb; for a file: options: {no_subdir: true}
    storage:
      type: s3                           # or fs, azure: see examples/
      options: {bucket: my-bucket, region: eu-central-1}

  and on each, beside the application, with a name of its own:

    node ${join(here, 'bin/lmdbstream.js')} --config lightningstream.yaml --instance $(hostname) sync

  docs/getting-started.md goes through it; npm run demo -- --pdns shows it with two PowerDNS servers.`);
}
