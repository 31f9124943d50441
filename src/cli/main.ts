import { Command } from 'commander';
import { fromCobraSpelling } from './cobra-arguments.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addDocsCommand } from './commands/docs.ts';
import { addDropShadowCommand } from './commands/drop-shadow.ts';
import { addDumpCommand } from './commands/dump.ts';
import { addExperimentalCommand } from './commands/experimental.ts';
import { addHelpCommand } from './commands/help.ts';
import { addInitCommand } from './commands/init.ts';
import { addMigrateCommand } from './commands/migrate.ts';
import { addShadowCommand } from './commands/shadow.ts';
import { addSnapshotsCommand } from './commands/snapshots/command.ts';
import { addStatsCommand } from './commands/stats.ts';
import { addDoctorCommand, addStatusCommand } from './commands/status.ts';
import { addReceiveCommand, addSyncCommand } from './commands/sync.ts';
import { addVerifyCommand } from './commands/verify.ts';
import { addVersionCommand } from './commands/version.ts';
import { addWatchCommand } from './commands/watch.ts';
import { ExitCode } from './exit-codes.ts';
import { addGlobalFlags } from './global-flags.ts';
import { type Io, processIo } from './io.ts';
import { Output } from './output.ts';
import { reportError } from './report.ts';
import { SessionRunner } from './session.ts';
import { version } from './version.ts';

/**
 * The command line. Never throws and never ends the process, except where it was told to end at once, or a thread is blocked
 * in LMDB. Nothing but the words themselves is loaded here; a command loads what it works with when it runs.
 *
 * @param argv the words after the name of the program
 * @returns the exit code: `ExitCode`
 */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  const out = new Output(io.stdout);
  const program = new Command('lmdbstream');
  const runner = new SessionRunner(io, out, program);
  // Help asked for by leaving out the command comes through writeErr; what is wrong is told by `reportError`.
  const write = (text: string): void => out.write(text);
  program
    .description('Keeps LMDB databases on many machines in step, with nothing between them but a bucket')
    .version(`lmdbstream version ${version()}`, '-v, --version', 'print the version')
    .configureOutput({ writeOut: write, writeErr: write, outputError: () => {} })
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  addGlobalFlags(program);
  addSyncCommand(program, runner);
  addReceiveCommand(program, runner);
  addDumpCommand(program, runner);
  addStatsCommand(program, runner);
  addInitCommand(program, out, io);
  addStatusCommand(program, runner);
  addDoctorCommand(program, runner);
  addWatchCommand(program, runner);
  addVerifyCommand(program, runner);
  addSnapshotsCommand(program, runner);
  addDropShadowCommand(program, runner);
  addShadowCommand(program, runner);
  addMigrateCommand(program, runner);
  addExperimentalCommand(program, runner);
  addCompletionCommand(program, out);
  addDocsCommand(program, out);
  addVersionCommand(program, out);
  addHelpCommand(program);

  const report = (error: unknown): number => {
    const { machineLog, databaseLog, debug } = runner;
    const code = reportError(error, { stderr: io.stderr, machineLog, databaseLog, debug });
    return code === ExitCode.failed ? runner.failureCode : code;
  };
  let exitCode: number;
  try {
    await program.parseAsync(fromCobraSpelling(argv, program), { from: 'user' });
    exitCode = runner.exitCode;
  } catch (error) {
    exitCode = report(error);
  }
  // Also after a failure: what was printed before it counts, and help arrives as an error.
  try {
    await out.flush();
  } catch (error) {
    exitCode ||= report(error);
  }
  if (runner.mustEndAtOnce) io.exit(exitCode);
  return exitCode;
}
