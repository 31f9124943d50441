import type { Command, Option } from 'commander';

const TRUE = /^(?:1|t|true)$/i;
const FALSE = /^(?:0|f|false)$/i;

/**
 * Spells the arguments as commander reads them where the reference's parser also takes another spelling, which may
 * stand in somebody's unit file: `--only-once=true`, `--debug=false`, `-c=file`.
 */
export function fromCobraSpelling(argv: readonly string[], program: Command): string[] {
  const end = argv.indexOf('--');
  const flags = end < 0 ? argv : argv.slice(0, end);
  const options = allOptions(program);
  return [...flags.flatMap((argument) => respell(argument, options)), ...(end < 0 ? [] : argv.slice(end))];
}

function respell(argument: string, options: readonly Option[]): string[] {
  const match = /^(--[^=]+|-[a-zA-Z])=(.*)$/s.exec(argument);
  if (match === null) return [argument];
  const [, flag = '', value = ''] = match;
  const named = options.filter(({ long, short }) => flag === long || flag === short);
  if (named.length === 0) return [argument];
  if (named.every((option) => option.isBoolean())) {
    if (TRUE.test(value)) return [flag];
    return FALSE.test(value) ? [] : [argument];
  }
  return flag.startsWith('--') ? [argument] : [flag, value];
}

function allOptions(command: Command): Option[] {
  return [...command.options, ...command.commands.flatMap(allOptions)];
}
