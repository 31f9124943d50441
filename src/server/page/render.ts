import type { ApiStatus, DatabaseAnswer } from '../state/status-schema.ts';
import { ago, bytes, count, duration, percent } from './format.ts';
import { type Html, html } from './html.ts';
import { renderDatabase } from './render-database.ts';

/** Above this many databases the sections start closed, and the overview leads to them. */
const OPEN_SECTIONS = 4;

/** The whole page, complete without script. */
export function renderPage(status: ApiStatus): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${status.instance} · lmdbstream</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="assets/page.css">
<script type="module" src="assets/page.js"></script>
</head>
<body>
<div id="connection" role="status" hidden></div>
<div id="page">${renderStatus(status)}</div>
</body>
</html>
`.text;
}

/** All that changes; the page's script renders it again from `/api/status`. */
export function renderStatus(status: ApiStatus): Html {
  const open = status.databases.length <= OPEN_SECTIONS;
  return html`<header>
<h1>lmdbstream</h1>
<dl class="facts">
<div><dt>Instance</dt><dd>${status.instance}</dd></div>
<div><dt>Host</dt><dd>${status.hostname}</dd></div>
<div><dt>Storage</dt><dd>${status.storage}</dd></div>
<div><dt>Version</dt><dd>${status.version}</dd></div>
<div><dt>Running for</dt><dd>${duration((Date.parse(status.time) - Date.parse(status.startedAt)) / 1000)}</dd></div>
<div><dt>As of</dt><dd><time datetime="${status.time}">${status.time.slice(11, 19)} UTC</time></dd></div>
</dl>
${renderHealth(status)}
</header>
<main>
${renderAlerts(status)}
<section aria-labelledby="databases">
<h2 id="databases">Databases</h2>
<div class="scroll"><table>
<thead><tr><th scope="col">Database</th><th scope="col">State</th><th scope="col" class="n">Used</th><th scope="col" class="n">Map size</th><th scope="col" class="n">Last transaction</th><th scope="col" class="n">Readers</th><th scope="col" class="n">Recorded</th><th scope="col" class="n">Merged</th><th scope="col">Last published</th><th scope="col" class="n">In the bucket</th></tr></thead>
<tbody>${status.databases.map((database) => overviewRow(database, status.time))}</tbody>
</table></div>
</section>
${status.databases.map((database) => renderDatabase(database, status.time, open))}
</main>
<footer><nav aria-label="Other answers of this server"><a href="healthz">healthz</a> <a href="metrics">metrics</a> <a href="storage">storage</a> <a href="api/status">api/status</a></nav></footer>`;
}

const HEALTH_WORDS = { OK: 'Healthy', Warning: 'Warning', Unavailable: 'Failing' } as const;

function renderHealth({ health }: ApiStatus): Html {
  return html`<p class="health ${health.status}"><span class="dot" aria-hidden="true"></span>${HEALTH_WORDS[health.status]}</p>`;
}

function renderAlerts({ health }: ApiStatus): Html | undefined {
  const failures = Object.entries(health.failures).map(([name, text]) => alert('error', name, text));
  const warnings = Object.entries(health.warnings).map(([name, text]) => alert('warning', name, text));
  if (failures.length + warnings.length === 0) return undefined;
  return html`<section aria-label="Health checks that fail"><ul class="alerts">${[...failures, ...warnings]}</ul></section>`;
}

function alert(severity: string, name: string, text: string): Html {
  return html`<li class="${severity}"><strong>${name}</strong> ${text}</li>`;
}

function overviewRow(database: DatabaseAnswer, now: string): Html {
  const { lmdb, published, inStorage } = database;
  const last = published.last;
  return html`<tr>
<th scope="row"><a href="#db-${database.name}">${database.name}</a></th>
<td>${renderState(database)}</td>
<td class="n">${lmdb ? `${bytes(lmdb.usedBytes)} (${percent(lmdb.usedBytes, lmdb.mapSizeBytes)})` : '–'}</td>
<td class="n">${lmdb ? bytes(lmdb.mapSizeBytes) : '–'}</td>
<td class="n">${lmdb ? count(lmdb.lastTxnId) : '–'}</td>
<td class="n">${lmdb ? `${lmdb.readers} / ${lmdb.maxReaders}` : '–'}</td>
<td class="n">${count(database.recordedChanges)}</td>
<td class="n">${count(database.mergedChanges)}</td>
<td>${last ? html`<time datetime="${last.at}">${ago(last.at, now)}</time> <span class="quiet">${last.kind}, ${bytes(last.sizeBytes)}</span>` : '–'}</td>
<td class="n">${inStorage ? count(inStorage.objects) : '–'}${inStorage?.sizeBytes != null ? html` <span class="quiet">${bytes(inStorage.sizeBytes)}</span>` : undefined}</td>
</tr>`;
}

function renderState({ phase, lockWaitingSeconds }: DatabaseAnswer): Html {
  // A wait of milliseconds is everyday life, and would only flicker.
  if (lockWaitingSeconds !== null && lockWaitingSeconds >= 1) {
    return html`<span class="state waiting"><span class="dot" aria-hidden="true"></span>waiting for the write lock for ${duration(lockWaitingSeconds)}</span>`;
  }
  return html`<span class="state ${phase}"><span class="dot" aria-hidden="true"></span>${phase}</span>`;
}
