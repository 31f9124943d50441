import type { DatabaseAnswer, PeerAnswer, ProblemAnswer } from '../state/status-schema.ts';
import { ago, bytes, count, duration } from './format.ts';
import { type Html, html } from './html.ts';

/** The section of one database. `now`: the time of the answer, RFC 3339. */
export function renderDatabase(database: DatabaseAnswer, now: string, open: boolean): Html {
  const { name, problems, detachedDbis } = database;
  return html`<details class="database" id="db-${name}"${open ? html` open` : undefined}>
<summary><h2>${name}</h2></summary>
${detachedDbis.length > 0 ? html`<p class="note">Dropped by the application, kept in the shadow: ${detachedDbis.join(', ')}</p>` : undefined}
${renderProblems(problems, now)}
${renderPeers(database, now)}
${renderPlots(database)}
${renderDbis(database)}
</details>`;
}

function renderProblems(problems: readonly ProblemAnswer[], now: string): Html | undefined {
  if (problems.length === 0) return undefined;
  const items = problems.slice(0, 5).map(
    (problem) => html`<li class="${problem.over ? 'over' : problem.severity}">
<p><strong>${problem.over ? 'over' : problem.severity}</strong> ${problem.message}</p>
${problem.hint === null ? undefined : html`<p class="hint">${problem.hint}</p>`}
<p class="quiet"><time datetime="${problem.time}">${ago(problem.time, now)}</time>${problem.count > 1 ? `, ${count(problem.count)} times` : ''}</p>
</li>`,
  );
  return html`<h3>Last problems</h3><ul class="problems">${items}</ul>`;
}

function renderPeers({ peers, name }: DatabaseAnswer, now: string): Html {
  if (peers.length === 0)
    return html`<h3>Peers</h3><p class="quiet">No other instance has been seen in the bucket.</p>`;
  return html`<h3 id="peers-${name}">Peers</h3>
<div class="scroll"><table aria-labelledby="peers-${name}">
<thead><tr><th scope="col">Instance</th><th scope="col">State</th><th scope="col" class="n">Lag</th><th scope="col">Last merged</th><th scope="col" class="n">Objects</th><th scope="col" class="n">Changes</th><th scope="col" class="n">Refused</th><th scope="col">Newest object</th></tr></thead>
<tbody>${peers.map((peer) => peerRow(peer, now))}</tbody>
</table></div>`;
}

function peerRow(peer: PeerAnswer, now: string): Html {
  return html`<tr>
<th scope="row">${peer.instance}</th>
<td><span class="state ${peer.behind ? 'joining' : 'running'}"><span class="dot" aria-hidden="true"></span>${peer.behind ? 'behind' : 'in step'}</span></td>
<td class="n">${peer.lagSeconds === null ? '–' : duration(peer.lagSeconds)}</td>
<td>${peer.mergedAt === null ? 'nothing yet' : html`<time datetime="${peer.mergedAt}">${ago(peer.mergedAt, now)}</time>`}</td>
<td class="n">${count(peer.mergedObjects)}</td>
<td class="n">${count(peer.mergedChanges)}</td>
<td class="n">${count(peer.refusedObjects)}</td>
<td class="object">${peer.newestObject}</td>
</tr>`;
}

/** The figures are there without script; the script puts a plot above each. */
function renderPlots({ history, name }: DatabaseAnswer): Html {
  const perMinute = Math.max(1, Math.round(60 / history.stepSeconds));
  const lastMinute = (values: readonly number[]): number[] => values.slice(-perMinute);
  const sum = (values: readonly number[]): string =>
    count(lastMinute(values).reduce((total, value) => total + value, 0));
  const longest = (values: readonly number[]): string => duration(Math.max(...lastMinute(values)) / 1000);
  const plot = (kind: string, title: string, figures: string): Html => html`<figure>
<figcaption><span class="title">${title}</span> <span class="figures">${figures}</span></figcaption>
<div class="plot" data-db="${name}" data-plot="${kind}" role="img" aria-label="${title} of ${name} in the last hour: ${figures}"></div>
</figure>`;
  return html`<h3>Last hour <span class="quiet">figures of the last minute</span></h3>
<div class="plots">
${plot('changes', 'Changes per minute', `${sum(history.recorded)} recorded, ${sum(history.merged)} merged`)}
${plot('lock', 'Write lock', `held ${longest(history.lockHeldMaxMs)}, waited ${longest(history.lockWaitMaxMs)} at most`)}
${plot('latency', 'Latency of remote changes', `${longest(history.mergeLagMaxMs)} at most`)}
</div>`;
}

function renderDbis({ lmdb, name }: DatabaseAnswer): Html {
  if (lmdb === null) return html`<h3>DBIs</h3><p class="quiet">The LMDB has not been opened yet.</p>`;
  const rows = lmdb.dbis.map(
    (dbi) => html`<tr>
<th scope="row">${dbi.name}</th>
<td class="n">${count(dbi.entries)}</td>
<td class="n">${bytes(dbi.usedBytes)}</td>
<td class="n">${dbi.depth}</td>
<td class="n">${count(dbi.branchPages)}</td>
<td class="n">${count(dbi.leafPages)}</td>
<td class="n">${count(dbi.overflowPages)}</td>
<td>${dbi.flags.length === 0 ? '–' : dbi.flags.join(' ')}</td>
</tr>`,
  );
  const { sidecar } = lmdb;
  const beside = sidecar
    ? html`; sidecar ${sidecar.path}, ${bytes(sidecar.fileSizeBytes)} on disk, ${count(sidecar.entries)} entries`
    : undefined;
  return html`<h3 id="dbis-${name}">DBIs <span class="quiet">${lmdb.path}, ${bytes(lmdb.fileSizeBytes)} on disk${beside}</span></h3>
<div class="scroll"><table aria-labelledby="dbis-${name}">
<thead><tr><th scope="col">DBI</th><th scope="col" class="n">Entries</th><th scope="col" class="n">Used</th><th scope="col" class="n">Depth</th><th scope="col" class="n">Branch pages</th><th scope="col" class="n">Leaf pages</th><th scope="col" class="n">Overflow pages</th><th scope="col">Flags</th></tr></thead>
<tbody>${rows}</tbody>
</table></div>`;
}
