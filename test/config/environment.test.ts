// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the subject
import { describe, expect, it } from 'vitest';
import { ConfigSyntaxError, expandEnvironment } from '../../src/config/index.ts';
import { parse, problemOf } from './support.ts';

const env = { NAME: 'value', N1_a: 'odd', EMPTY: '', LINES: 'a: 1\nb: 2', DOLLAR: '$NAME' };
const expand = (text: string): string => expandEnvironment(text, env).text;

describe('environment variables', () => {
  it.each([
    ['$NAME', 'value'],
    ['${NAME}', 'value'],
    ['x${NAME}y', 'xvaluey'],
    ['$NAME.y', 'value.y'],
    ['$N1_a', 'odd'],
    ['$NAMEx', ''],
    ['$EMPTY', ''],
    ['$NOPE', ''],
    ['${NAME:-other}', ''],
    ['${}', ''],
    ['$1x', 'x'],
    ['a$-b$*c$#d$@e$!f$?g', 'abcdefg'],
    ['5 $ ', '5 $ '],
    ['$', '$'],
    ['$.', '$.'],
    ['$LINES', 'a: 1\nb: 2'],
    ['$DOLLAR', '$NAME'],
  ])('%s as the reference reads it', (text, expected) => {
    expect(expand(text)).toBe(expected);
  });

  it.each([
    ['pa$$word', 'pa$word'],
    ['$$NAME', '$NAME'],
    ['$$$NAME', '$value'],
    ['$$$$', '$$'],
    ['$${NAME}', '${NAME}'],
  ])('%s: two dollar signs are one (ours)', (text, expected) => {
    expect(expand(text)).toBe(expected);
  });

  it('an escape of YAML is one too, and works in the reference as well', () => {
    const text = 'lmdbs: {main: {path: "/a\\x24NAME"}}\nstorage: {type: memory}\n';
    expect(parse(text, env).lmdbs.get('main')?.path).toBe('/a$NAME');
  });

  it('warns of a variable that is not set, by line, without the name, and not in comments', () => {
    const { warnings } = expandEnvironment('# $NOPE\na: 1\nsecret: pa$word$1\n  # $X\nb: $EMPTY\n', env, 'a.yaml');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^a\.yaml:3: /);
    expect(warnings[0]).not.toContain('word');
  });

  it.each(['a: ${NAME\nb: 1', 'a: 1\nb: ${NAME\nc: }'])('an open brace is refused: %j', (text) => {
    const problem = problemOf(() => expandEnvironment(text, env, 'a.yaml'));
    expect(problem).toBeInstanceOf(ConfigSyntaxError);
    expect(problem.place.line).toBe(text.indexOf('$') > 4 ? 2 : 1);
  });

  it('an open brace in a comment is nobody’s business', () => {
    expect(expand('# ${NAME\na: $NAME')).toBe('# ${NAME\na: value');
  });
});
