import type { Argument, Command, Option } from 'commander';
import type { Output } from '../output.ts';

export function addDocsCommand(program: Command, out: Output): void {
  program
    .command('docs')
    .description('Print the reference of all commands as Markdown')
    .action(() => out.write(commandsAsMarkdown(program)));
}

/** One section a command, with its flags; the global ones once, at the top. */
function commandsAsMarkdown(program: Command): string {
  const sections = [
    `# ${program.name()}\n`,
    `${program.description()}.\n`,
    '## Global flags\n',
    'They may stand before or after the command.\n',
    optionTable(program.options),
    ...program.commands.flatMap((command) => describeCommand(command, program.name(), 2)),
  ];
  return sections.filter((section) => section !== '').join('\n');
}

function describeCommand(command: Command, parentPath: string, depth: number): string[] {
  const path = `${parentPath} ${command.name()}`;
  const words = command.registeredArguments.map((argument) => ` ${usageOf(argument)}`).join('');
  const flags = command.options.length > 0 ? ' [flags]' : '';
  return [
    `${'#'.repeat(depth)} ${path}\n`,
    `${command.description()}.\n`,
    command.commands.length > 0 ? '' : `    ${path}${words}${flags}\n`,
    optionTable(command.options),
    ...command.commands.flatMap((child) => describeCommand(child, path, depth + 1)),
  ];
}

function usageOf(argument: Argument): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionTable(options: readonly Option[]): string {
  if (options.length === 0) return '';
  const rows = options.map(({ flags, description, defaultValue }) => {
    const text = description.replaceAll('|', '\\|');
    return `| \`${flags}\` | ${defaultValue === undefined ? text : `${text} (default \`${defaultValue}\`)`} |`;
  });
  return ['| Flag | Meaning |', '|---|---|', ...rows, ''].join('\n');
}
