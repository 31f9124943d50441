// Writes the parts of docs/ that are made of the code: `npm run docs`. Tests compare them with the code.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { metricsAsMarkdown } from '../dist/server/index.js';
import { apiStatusJsonSchema } from '../dist/server/state/status-schema.js';
import { root } from './processes.mjs';

const MARK = 'src/server/metrics/definitions.ts. -->\n\n';

const metricsPage = join(root, 'docs/metrics.md');
const page = readFileSync(metricsPage, 'utf8');
writeFileSync(metricsPage, page.slice(0, page.indexOf(MARK) + MARK.length) + metricsAsMarkdown());
writeFileSync(join(root, 'docs/api-status.schema.json'), apiStatusJsonSchema());
