import { type Command, Option } from 'commander';
import type { ShadowMoveFlags } from '../actions/shadow-move.ts';
import type { SessionRunner } from '../session.ts';

export function addShadowCommand(program: Command, runner: SessionRunner): void {
  const command = program
    .command('shadow')
    .description('Where the times of changes are kept: in the LMDBs, or beside them')
    .command('move')
    .description('Move the shadows of all LMDBs into sidecars, or back, with all times; stop sync first')
    .addOption(new Option('--to <place>', 'sidecar or inline').choices(['sidecar', 'inline']).makeOptionMandatory())
    .action(() =>
      runner.run(async (session) =>
        (await import('../actions/shadow-move.ts')).moveShadows(session, command.opts<ShadowMoveFlags>()),
      ),
    );
}
