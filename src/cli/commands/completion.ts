import { Argument, type Command } from 'commander';
import { completionScript, type Shell } from '../completion-script.ts';
import type { Output } from '../output.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const satisfies readonly Shell[];

/** Needs no configuration: it runs when a shell starts. */
export function addCompletionCommand(program: Command, out: Output): void {
  program
    .command('completion')
    .description('Print a script that completes commands and flags in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: Shell) => out.write(completionScript(program, shell)));
}
