import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  type YAMLMap,
} from 'yaml';
import { ConfigSyntaxError } from './errors.ts';

/**
 * A scalar as it stands in the file. What it means is decided by the key it belongs to, as in Go: `yes` is a boolean
 * for one key and a text for another.
 */
export class YamlScalar {
  readonly text: string;
  /** Without quotes, block style or an explicit `!!str`. */
  readonly plain: boolean;

  constructor(text: string, plain: boolean) {
    this.text = text;
    this.plain = plain;
  }
}

/** Mappings have no prototype, so that any key is an ordinary one. `null` is an empty or `~` scalar. */
export type YamlTree = YamlScalar | null | readonly YamlTree[] | YamlMapping;
export interface YamlMapping {
  readonly [key: string]: YamlTree;
}

export interface YamlFile {
  readonly root: YamlTree;
  /** Line (from 1) of the key at this path, else of the nearest key above it. */
  lineOf(path: readonly string[]): number | undefined;
}

/** Bounds for aliases: a few lines of them can stand for more nodes than memory holds, or for themselves. */
const MAX_DEPTH = 50;
const MAX_NODES = 100_000;

/**
 * Reads one YAML document with the rules of YAML 1.1 that the reference follows: merge keys (`<<`), no key twice.
 * @throws ConfigSyntaxError with the line
 */
export function readYaml(text: string, file?: string): YamlFile {
  const lineCounter = new LineCounter();
  const parsed = parseAllDocuments(text, {
    schema: 'failsafe',
    version: '1.1',
    merge: false,
    prettyErrors: false,
    lineCounter,
  });
  const documents: readonly Document.Parsed[] = 'empty' in parsed ? [] : parsed;
  const lineAt = (offset: number): number => lineCounter.linePos(offset).line;
  for (const document of documents) {
    const error = document.errors[0];
    if (error !== undefined)
      throw new ConfigSyntaxError(`not valid YAML: ${error.message}`, { file, line: lineAt(error.pos[0]) });
  }
  const second = documents.slice(1).find((document) => !isEmpty(document));
  if (second !== undefined) {
    throw new ConfigSyntaxError(
      'a second YAML document',
      { file, line: lineAt(second.contents!.range[0]) },
      {
        hint: 'the file is one document: remove the line --- and what follows it, or merge the two',
      },
    );
  }
  const document = documents[0];
  if (document === undefined) return { root: null, lineOf: () => undefined };
  return new TreeBuilder(document, file, lineAt).build();
}

function isEmpty(document: Document.Parsed): boolean {
  return document.contents === null || (isScalar(document.contents) && document.contents.value === '');
}

class TreeBuilder {
  readonly #document: Document.Parsed;
  readonly #file: string | undefined;
  readonly #lineAt: (offset: number) => number;
  readonly #lines = new Map<string, number>();
  #nodes = 0;

  constructor(document: Document.Parsed, file: string | undefined, lineAt: (offset: number) => number) {
    this.#document = document;
    this.#file = file;
    this.#lineAt = lineAt;
  }

  build(): YamlFile {
    const root = this.#tree(this.#document.contents, []);
    const lines = this.#lines;
    return {
      root,
      lineOf(path) {
        for (let length = path.length; length > 0; length--) {
          const line = lines.get(JSON.stringify(path.slice(0, length)));
          if (line !== undefined) return line;
        }
        return undefined;
      },
    };
  }

  #tree(node: Node | null, path: readonly string[]): YamlTree {
    if (++this.#nodes > MAX_NODES || path.length > MAX_DEPTH) throw this.#error('too deep or too large', node);
    if (node === null) return null;
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target === undefined) throw this.#error(`the alias *${node.source} has no anchor`, node);
      return this.#tree(target, path);
    }
    if (isMap(node)) return this.#mapping(node, path);
    if (isSeq(node)) return node.items.map((item, index) => this.#tree(item as Node, [...path, String(index)]));
    if (!isScalar(node)) throw this.#error('unexpected content', node);
    const text = String(node.value ?? '');
    const plain = node.type === 'PLAIN' && node.tag !== 'tag:yaml.org,2002:str';
    return plain && /^(?:|~|null|Null|NULL)$/.test(text) ? null : new YamlScalar(text, plain);
  }

  #mapping(map: YAMLMap, path: readonly string[]): YamlMapping {
    const result: Record<string, YamlTree> = Object.create(null);
    const merged: YamlTree[] = [];
    for (const pair of map.items) {
      const key = pair.key as Node;
      if (!isScalar(key)) throw this.#error('a key must be a plain text', key);
      const name = String(key.value);
      const value = pair.value as Node | null;
      if (name === '<<' && key.type === 'PLAIN') {
        merged.push(...this.#mergeSources(value, path));
        continue;
      }
      // zod leaves this one key out without a word.
      if (name === '__proto__') throw this.#error('the key __proto__ is not allowed', key);
      const keyPath = [...path, name];
      if (key.range) this.#lines.set(JSON.stringify(keyPath), this.#lineAt(key.range[0]));
      result[name] = this.#tree(value, keyPath);
    }
    // Keys of the map itself win over merged ones, and an earlier merge over a later one.
    for (const source of merged) {
      for (const [name, value] of Object.entries(source as YamlMapping)) if (!(name in result)) result[name] = value;
    }
    return result;
  }

  #mergeSources(node: Node | null, path: readonly string[]): YamlTree[] {
    const tree = this.#tree(node, path);
    const sources = Array.isArray(tree) ? (tree as readonly YamlTree[]) : [tree];
    if (!sources.every(isYamlMapping)) throw this.#error('<< merges mappings only', node);
    return [...sources];
  }

  #error(what: string, node: Node | null): ConfigSyntaxError {
    const line = node?.range ? this.#lineAt(node.range[0]) : undefined;
    return new ConfigSyntaxError(what, { file: this.#file, line });
  }
}

export function isYamlMapping(tree: unknown): tree is YamlMapping {
  return typeof tree === 'object' && tree !== null && !Array.isArray(tree) && !(tree instanceof YamlScalar);
}

/** For messages. */
export function treeKind(value: unknown): string {
  if (Array.isArray(value)) return 'list';
  return isYamlMapping(value) ? 'mapping' : 'single value';
}
