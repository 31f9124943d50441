import type { Command, Option } from 'commander';

export type Shell = 'bash' | 'zsh' | 'fish';

/** A command and what may follow it; flags of every command are kept apart. */
interface Node {
  /** Words after the name of the program: ``, `snapshots`, `snapshots list`. */
  readonly path: string;
  readonly command: Command;
  /** Commands and fixed arguments. */
  readonly words: readonly string[];
  readonly options: readonly Option[];
}

/** A script for `eval` or a file of the shell's completions; it knows the commands and flags of this version. */
export function completionScript(program: Command, shell: Shell): string {
  const nodes = nodesOf(program, '');
  if (shell === 'fish') return fishScript(program, nodes);
  return shell === 'bash' ? bashScript(program, nodes) : zshScript(program, nodes);
}

function nodesOf(command: Command, path: string): Node[] {
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const words = [...command.commands.map((child) => child.name()), ...choices];
  const children = command.commands.flatMap((child) => nodesOf(child, `${path} ${child.name()}`.trim()));
  return [{ path, command, words, options: path === '' ? [] : command.options }, ...children];
}

function flagsOf(options: readonly Option[]): string[] {
  return options.flatMap(({ short, long }) => [long, short]).filter((flag) => flag !== undefined);
}

/** Follows the words typed so far as long as they are commands, then offers what may come next, or file names. */
function bashScript(program: Command, nodes: readonly Node[]): string {
  const name = program.name();
  return `# bash completion of ${name}: eval "$(${name} completion bash)"
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at="" word next=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
${indent(followCases(nodes), 4)}
  done
${indent(nextCases(nodes), 2)}
  next="$next ${flagsOf(program.options).join(' ')} --help"
  COMPREPLY=($(compgen -W "$next" -- "$current"))
}
complete -o default -F _${name} ${name}
`;
}

/** Works in a file of `fpath`, where zsh runs it as the function itself, and under `eval`. */
function zshScript(program: Command, nodes: readonly Node[]): string {
  const name = program.name();
  return `#compdef ${name}
# zsh completion of ${name}: eval "$(${name} completion zsh)"
_${name}() {
  local at="" word next=""
  for word in "\${(@)words[2,CURRENT-1]}"; do
${indent(followCases(nodes), 4)}
  done
${indent(nextCases(nodes), 2)}
  next="$next ${flagsOf(program.options).join(' ')} --help"
  compadd -- \${=next}
  [[ $PREFIX == -* ]] || _files
}
if [[ $funcstack[1] == _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

function followCases(nodes: readonly Node[]): string {
  const paths = nodes.filter(({ path }) => path !== '').map(({ path }) => `"${path}"`);
  return `case "\${at:+$at }$word" in\n  ${paths.join(' | ')}) at="\${at:+$at }$word" ;;\nesac`;
}

function nextCases(nodes: readonly Node[]): string {
  const cases = nodes
    .map(({ path, words, options }) => ({ path, next: [...words, ...flagsOf(options)].join(' ') }))
    .filter(({ next }) => next !== '')
    .map(({ path, next }) => `  "${path}") next="${next}" ;;`);
  return ['case "$at" in', ...cases, 'esac'].join('\n');
}

function fishScript(program: Command, nodes: readonly Node[]): string {
  const name = program.name();
  const lines = nodes.flatMap(({ path, command, words, options }) => {
    const seen = path === '' ? [] : path.split(' ');
    const condition = [
      ...seen.map((word) => `__fish_seen_subcommand_from ${word}`),
      ...(words.length > 0 ? [`not __fish_seen_subcommand_from ${words.join(' ')}`] : []),
    ].join('; and ');
    const start = `complete -c ${name} -n '${condition}'`;
    const describe = (word: string): string =>
      command.commands.find((child) => child.name() === word)?.description() ?? '';
    return [
      ...words.map((word) => `${start} -f -a ${word} -d ${quote(describe(word))}`),
      ...options.map((option) => fishOption(start, option)),
    ];
  });
  const globals = program.options.map((option) => fishOption(`complete -c ${name}`, option));
  return `# fish completion of ${name}: ${name} completion fish | source\n${[...lines, ...globals].join('\n')}\n`;
}

function fishOption(start: string, option: Option): string {
  const flags = [
    option.long && ` -l ${option.long.slice(2)}`,
    option.short && ` -s ${option.short.slice(1)}`,
    option.required && ' -r',
  ];
  return `${start}${flags.filter((flag) => flag).join('')} -d ${quote(option.description)}`;
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function indent(text: string, by: number): string {
  return text.replace(/^/gm, ' '.repeat(by));
}
