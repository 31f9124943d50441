import { type Command, InvalidArgumentError } from 'commander';
import type { VerifyFlags } from '../actions/verify/bucket.ts';
import type { VerifyLmdbsFlags, VerifyObjectsFlags } from '../actions/verify/pair.ts';
import { ExitCode } from '../exit-codes.ts';
import type { SessionRunner } from '../session.ts';

const DEFAULT_LIMIT = 10;
const OPTIONS = { failureCode: ExitCode.unknown, stopsOnSignal: false } as const;

/** Exit codes: 0 equal, 1 different, 3 it could not be found out. */
export function addVerifyCommand(program: Command, runner: SessionRunner): void {
  const verify = program.command('verify').description('Compare LMDBs and the bucket; nothing is written');
  addBucket(verify, runner);
  addLmdbs(verify, runner);
  addObjects(verify, runner);
}

function addBucket(parent: Command, runner: SessionRunner): void {
  const command = parent
    .command('bucket', { isDefault: true })
    .description('Compare the LMDBs of the configuration with the bucket (the default)')
    .option('-d, --database <name>', 'only this database (may be given again)', (name, before: string[] = []) => [
      ...before,
      name,
    ]);
  addCommon(command).action(() =>
    runner.run(
      async (session) =>
        (await import('../actions/verify/bucket.ts')).verifyBucket(session, command.opts<VerifyFlags>()),
      OPTIONS,
    ),
  );
}

function addLmdbs(parent: Command, runner: SessionRunner): void {
  const command = parent
    .command('lmdbs')
    .description('Compare what applications see of two LMDBs')
    .argument('<first>', 'path of a data file, or of the folder that holds data.mdb')
    .argument('<second>', 'another one')
    .option('--native', 'values carry headers (schema_tracks_changes), which are not compared')
    .option('--times', 'with --native: times and deletion marks count as well');
  addCommon(command).action((first: string, second: string) =>
    runner.run(
      async (session) =>
        (await import('../actions/verify/pair.ts')).verifyLmdbs(
          session,
          [first, second],
          command.opts<VerifyLmdbsFlags>(),
        ),
      OPTIONS,
    ),
  );
}

function addObjects(parent: Command, runner: SessionRunner): void {
  const command = parent
    .command('objects')
    .description('Compare two snapshots or deltas, which are held in memory')
    .argument('<first>', 'name of an object in the bucket')
    .argument('<second>', 'another one')
    .option('-l, --local', 'the names are those of local files')
    .option('--times', 'times and deletion marks count as well');
  addCommon(command).action((first: string, second: string) =>
    runner.run(
      async (session) =>
        (await import('../actions/verify/pair.ts')).verifyObjects(
          session,
          [first, second],
          command.opts<VerifyObjectsFlags>(),
        ),
      OPTIONS,
    ),
  );
}

function addCommon(command: Command): Command {
  return command
    .option('--limit <n>', 'how many differences are shown', parseLimit, DEFAULT_LIMIT)
    .option('--json', 'print JSON');
}

function parseLimit(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('a whole number is expected.');
  return Number(text);
}
