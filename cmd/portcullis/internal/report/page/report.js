'use strict';
// The page shows what is in its data, and decides nothing: which operations a cell allows,
// and which ACL decides, was asked of the authorizer when the page was written. All text
// goes into the page as text (textContent), never as markup.
(() => {
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const ROW = 28, COLUMN = 128, HEAD = 46, SIDE = 230; // pixels; the style sheet has them too
const PAGE = 100;    // entries of a list shown at once
const MORE = 50;     // ACLs of an explanation shown before they are asked for
const LETTERS = {Read: 'R', Write: 'W', Create: 'C', Delete: 'X', Alter: 'A', Describe: 'D', ClusterAction: 'K', DescribeConfigs: 'G',
  AlterConfigs: 'F', IdempotentWrite: 'I', CreateTokens: 'T', DescribeTokens: 'O', TwoPhaseCommit: '2'};
const operations = data.operations.map(o => ({bit: 1 << o.code, code: o.code, name: o.name, letter: LETTERS[o.name] || '?'}));
const byCode = new Map(operations.map(o => [o.code, o]));

// element makes an element with properties and children; text is never markup.
function element(tag, properties, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === 'class') e.className = value;
    else if (name === 'onclick') e.addEventListener('click', value);
    else e.setAttribute(name, value);
  }
  e.append(...children);
  return e;
}

const text = i => data.texts[i];
const pattern = p => data.types[p[0]].name + (p[1] ? ' prefix ' : ' ') + text(p[2]);
const principalName = row => row.p < 0 ? 'everyone else' : text(row.p);
const operationNames = mask => operations.filter(o => mask & o.bit).map(o => o.name).join(', ');
const aclText = i => {
  const a = data.acls[i];
  return (a[5] < 0 ? 'DENY ' : 'ALLOW ') + byCode.get(Math.abs(a[5])).name + ' to ' + text(a[3]) + ' from ' + text(a[4]) + ' on ' + pattern(a);
};

// What the filters look at, in lower case.
const rowNames = data.rows.map(r => (r.p < 0 ? 'everyone else User:*' : text(r.p)).toLowerCase());
const columnNames = data.columns.map(c => pattern(c).toLowerCase());
const aclNames = data.acls.map((_, i) => aclText(i).toLowerCase());
const findingNames = data.findings.map(f => [f.level, f.code, f.reason, f.mend, f.removable ? 'removable' : ''].join(' ').toLowerCase());
const rowOf = new Map(data.rows.map((r, i) => [r.p < 0 ? 'User:*' : text(r.p), i]));
const columnOf = new Map(data.columns.map((c, i) => [c.join(), i]));

// runAt returns where in the runs of a row that of a column begins.
function runAt(runs, column) {
  let from = 0, to = runs.length / 2;
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if (runs[2 * middle] <= column) from = middle; else to = middle;
  }
  return 2 * from;
}
const othersAt = column => { const runs = data.rows[0].runs; return data.cells[runs[runAt(runs, column) + 1]]; };
function cellAt(row, column) {
  const runs = data.rows[row].runs, i = runs[runAt(runs, column) + 1];
  return i < 0 ? {cell: othersAt(column), inherited: true} : {cell: data.cells[i], inherited: false};
}

// ---- filters

const state = {rows: [], columns: [], acls: [], findings: [], mask: -1, view: 'matrix', row: 0, column: 0, from: {findings: 0, acls: 0}};
const filters = ['principal', 'resource', 'type', 'operation', 'text'];

function applyFilters() {
  const [who, what, type, operation, words] = filters.map(id => $(id).value.trim().toLowerCase());
  const bit = operation === '' ? 0 : 1 << Number(operation);
  state.mask = bit || -1;
  const aclHit = a => rowHit(a) && typeAndName(a) && (!bit || Math.abs(a[5]) === Number(operation));
  const rowHit = a => text(a[3]).toLowerCase().includes(who);
  const typeAndName = a => (type === '' || a[0] === Number(type)) && pattern(a).toLowerCase().includes(what);
  state.acls = [];
  data.acls.forEach((a, i) => { if (aclNames[i].includes(words) && aclHit(a, i)) state.acls.push(i); });
  state.findings = [];
  data.findings.forEach((f, i) => {
    if (aclHit(data.acls[f.acl]) && (findingNames[i].includes(words) || aclNames[f.acl].includes(words))) state.findings.push(i);
  });
  const rows = new Uint8Array(data.rows.length).fill(1), columns = new Uint8Array(data.columns.length).fill(1);
  if (words !== '') keepWords(words, rows, columns);
  rowNames.forEach((name, i) => { if (!name.includes(who)) rows[i] = 0; });
  data.columns.forEach((c, i) => {
    if (type !== '' && c[0] !== Number(type) || !columnNames[i].includes(what)) columns[i] = 0;
  });
  if (bit) keepOperation(bit, rows, columns);
  state.rows = indexes(rows);
  state.columns = indexes(columns);
  state.row = Math.min(state.row, Math.max(0, state.rows.length - 1));
  state.column = Math.min(state.column, Math.max(0, state.columns.length - 1));
  state.from = {findings: 0, acls: 0};
  layout();
  show();
}

const indexes = kept => { const list = []; kept.forEach((k, i) => { if (k) list.push(i); }); return list; };

// keepWords keeps the principals and the patterns of ACLs that have the words.
function keepWords(words, rows, columns) {
  const r = new Uint8Array(rows.length), c = new Uint8Array(columns.length);
  data.acls.forEach((a, i) => {
    if (!aclNames[i].includes(words)) return;
    const row = rowOf.get(text(a[3])), column = columnOf.get(a.slice(0, 3).join());
    if (row !== undefined) r[row] = 1;
    if (column !== undefined) c[column] = 1;
  });
  rows.set(r);
  columns.set(c);
}

// keepOperation keeps the rows and columns with a cell of its own that allows or denies the
// operation.
function keepOperation(bit, rows, columns) {
  const selected = new Uint32Array(columns.length + 1);
  columns.forEach((k, i) => { selected[i + 1] = selected[i] + k; });
  const edges = new Int32Array(columns.length + 1);
  data.rows.forEach((row, i) => {
    if (!rows[i]) return;
    let any = false;
    for (let run = 0; run < row.runs.length; run += 2) {
      const cell = data.cells[row.runs[run + 1]];
      const from = row.runs[run], to = run + 2 < row.runs.length ? row.runs[run + 2] : columns.length;
      if (!cell || !((cell.a | cell.s | cell.d | cell.h) & bit) || selected[to] === selected[from]) continue;
      any = true;
      edges[from]++;
      edges[to]--;
    }
    if (!any) rows[i] = 0;
  });
  let depth = 0;
  columns.forEach((k, i) => { depth += edges[i]; if (!depth) columns[i] = 0; });
}

// ---- matrix: only what is visible is in the page

const scroller = element('div', {class: 'scroller', tabindex: '-1'});
const canvas = element('div', {class: 'canvas'});
const table = element('table', {'aria-label': 'Operations by principal and resource pattern'});
const pane = element('div', {class: 'pane'}, table); // it stays where it is while the canvas scrolls below
canvas.append(pane);
scroller.append(canvas);
$('matrix').append(scroller);

const fits = () => ({rows: Math.max(1, Math.floor((scroller.clientHeight - HEAD) / ROW)), columns: Math.max(1, Math.floor((scroller.clientWidth - SIDE) / COLUMN))});
const origin = () => ({row: Math.round(scroller.scrollTop / ROW), column: Math.round(scroller.scrollLeft / COLUMN)});

// layout gives the canvas its size: the last row and column can be scrolled to.
function layout() {
  const fit = fits();
  canvas.style.height = scroller.clientHeight + Math.max(0, state.rows.length - fit.rows) * ROW + 'px';
  pane.style.height = scroller.clientHeight + 'px';
  pane.style.width = scroller.clientWidth + 'px';
  canvas.style.width = scroller.clientWidth + Math.max(0, state.columns.length - fit.columns) * COLUMN + 'px';
}

function drawMatrix() {
  const at = origin(), fit = fits();
  // A scroll that the browser has not yet limited to a smaller canvas must show something.
  at.row = Math.min(at.row, Math.max(0, state.rows.length - fit.rows));
  at.column = Math.min(at.column, Math.max(0, state.columns.length - fit.columns));
  const rows = state.rows.slice(at.row, at.row + fit.rows + 1), columns = state.columns.slice(at.column, at.column + fit.columns + 1);
  const head = element('tr', {}, element('th', {class: 'corner'}, 'principal \\ resource'));
  for (const c of columns) {
    const p = data.columns[c];
    head.append(element('th', {scope: 'col', title: pattern(p)}, element('small', {}, data.types[p[0]].name + (p[1] ? ' · prefix' : '')),
      element('b', {}, text(p[2]))));
  }
  const body = element('tbody', {});
  rows.forEach((r, i) => {
    const row = data.rows[r];
    const line = element('tr', {'aria-rowindex': String(at.row + i + 2)}, element('th', {scope: 'row', title: principalName(row)}, principalName(row) + (row.super ? ' (super user)' : '')));
    columns.forEach((c, j) => line.append(element('td', {}, drawCell(r, c, at.row + i, at.column + j))));
    body.append(line);
  });
  const focused = table.contains(document.activeElement);
  table.setAttribute('aria-rowcount', String(state.rows.length + 1));
  table.setAttribute('aria-colcount', String(state.columns.length + 1));
  table.replaceChildren(element('thead', {}, head), body);
  if (focused) focusCell();
}

// level returns how a chip looks, and what that means.
function level(cell, o) {
  const hole = cell.h & o.bit ? [' hole', '; a DENY refuses some'] : ['', ''];
  if (cell.a & o.bit) return ['all', 'allowed'];
  if (cell.s & o.bit) return ['some' + hole[0], 'allowed on some' + hole[1]];
  if (cell.d & o.bit) return ['denied', 'denied by a DENY'];
  return ['none' + hole[0], 'not allowed' + hole[1]];
}

function drawCell(r, c, i, j) {
  const {cell, inherited} = cellAt(r, c), told = [];
  const supported = data.types[data.columns[c][0]].supported;
  const button = element('button', {type: 'button', class: inherited ? 'cell inherited' : 'cell', 'data-row': String(i), 'data-column': String(j),
    tabindex: i === state.row && j === state.column ? '0' : '-1', onclick: () => { explain(r, c); moveTo(i, j); }});
  for (const o of operations) {
    if (!(supported & o.bit & state.mask)) continue;
    const [look, words] = level(cell, o);
    if (look !== 'none') told.push(o.name + ' ' + words);
    button.append(element('span', {class: 'chip op' + o.code + ' ' + look}, o.letter));
  }
  button.setAttribute('aria-label', principalName(data.rows[r]) + ', ' + pattern(data.columns[c]) + ': ' + (told.join('; ') || 'nothing allowed'));
  button.title = told.join('\n') || 'nothing allowed';
  return button;
}

function focusCell() {
  const cell = table.querySelector(`[data-row="${state.row}"][data-column="${state.column}"]`);
  if (cell) cell.focus({preventScroll: true});
}

// moveTo makes a cell the one that keys act on, and scrolls to it.
function moveTo(row, column) {
  state.row = Math.max(0, Math.min(state.rows.length - 1, row));
  state.column = Math.max(0, Math.min(state.columns.length - 1, column));
  const at = origin(), fit = fits();
  if (state.row < at.row) scroller.scrollTop = state.row * ROW;
  if (state.row >= at.row + fit.rows) scroller.scrollTop = (state.row - fit.rows + 1) * ROW;
  if (state.column < at.column) scroller.scrollLeft = state.column * COLUMN;
  if (state.column >= at.column + fit.columns) scroller.scrollLeft = (state.column - fit.columns + 1) * COLUMN;
  drawMatrix();
  focusCell();
}

// A cell that has the focus, by whatever means, is the one that keys act on.
table.addEventListener('focusin', event => {
  if (event.target.dataset.row === undefined) return;
  state.row = Number(event.target.dataset.row);
  state.column = Number(event.target.dataset.column);
});
table.addEventListener('keydown', event => {
  const fit = fits();
  const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-fit.rows, 0], PageDown: [fit.rows, 0],
    Home: [0, -state.columns.length], End: [0, state.columns.length]}[event.key];
  if (!step) return;
  event.preventDefault();
  moveTo(state.row + step[0], state.column + step[1]);
});

// ---- explanation

function aclItems(list, deciding) {
  const items = element('ul', {});
  const add = until => {
    for (const i of list.slice(items.childElementCount, until)) {
      items.append(element('li', {class: data.acls[i][5] < 0 ? 'deny' : 'allow'}, aclText(i) + (deciding.has(i) ? ' – decides' : '')));
    }
  };
  add(MORE);
  if (list.length <= MORE) return [items];
  const more = element('button', {type: 'button', onclick: () => { add(list.length); more.remove(); }}, `Show all ${list.length}`);
  return [items, more];
}

function explain(r, c) {
  const {cell, inherited} = cellAt(r, c), others = othersAt(c), row = data.rows[r], p = data.columns[c];
  const deciding = new Set(cell.r.map(ruling => ruling[3]));
  const close = element('button', {type: 'button', class: 'close', 'aria-label': 'Close the explanation', onclick: () => { $('explanation').hidden = true; layout(); show(); focusCell(); }}, '×');
  const rulings = element('ul', {class: 'rulings'});
  for (const [mask, allowed, reason, by, names, hosts] of cell.r) {
    rulings.append(element('li', {class: allowed ? 'allow' : 'deny'},
      element('b', {}, operationNames(mask) + ': ' + (allowed ? 'allowed' : 'denied')),
      element('div', {}, 'on ' + (names < 0 ? 'all names of the pattern' : text(names)) + ', from ' + (hosts < 0 ? 'every address' : text(hosts))),
      element('div', {}, by < 0 ? 'because: ' + text(reason) : text(reason) + ': ' + aclText(by))));
  }
  const own = inherited || row.p < 0 ? [] : cell.o || [];
  const parts = [close, element('h2', {}, principalName(row)), element('p', {}, 'on ' + pattern(p)),
    element('h3', {}, 'What is decided, and by which ACL'), rulings];
  if (row.p >= 0) parts.push(element('h3', {}, `ACLs for the principal on these names: ${own.length}`), ...aclItems(own, deciding));
  const all = others.o || [];
  parts.push(element('h3', {}, `ACLs for User:* on these names: ${all.length}`), ...aclItems(all, deciding));
  $('explanation').replaceChildren(...parts);
  $('explanation').hidden = false;
  layout();
}

// ---- lists

function drawList(view, list, item) {
  const from = state.from[view], shown = list.slice(from, from + PAGE);
  const go = step => () => { state.from[view] = from + step; show(); $(view).scrollTop = 0; };
  const pages = element('p', {class: 'pages'});
  if (from > 0) pages.append(element('button', {type: 'button', onclick: go(-PAGE)}, 'Previous'));
  pages.append(list.length === 0 ? ' none ' : ` ${from + 1} to ${from + shown.length} of ${list.length} `);
  if (from + PAGE < list.length) pages.append(element('button', {type: 'button', onclick: go(PAGE)}, 'Next'));
  $(view).replaceChildren(pages, element('ul', {class: 'list'}, ...shown.map(item)));
}

function findingItem(i) {
  const f = data.findings[i];
  const others = (f.others || []).map(o => element('div', {}, 'other: ' + aclText(o)));
  return element('li', {}, element('b', {}, f.level + ': ' + f.code + (f.removable ? ' (removable)' : '')), element('div', {class: data.acls[f.acl][5] < 0 ? 'deny' : 'allow'}, aclText(f.acl)),
    element('div', {}, f.reason), element('div', {}, 'Fix: ' + f.mend), ...others);
}

const aclItem = i => element('li', {class: data.acls[i][5] < 0 ? 'deny' : 'allow'}, aclText(i));

// ---- views

const views = {
  matrix: () => { drawMatrix(); return `${state.rows.length} of ${data.rows.length} principals, ${state.columns.length} of ${data.columns.length} patterns`; },
  findings: () => { drawList('findings', state.findings, findingItem); return `${state.findings.length} of ${data.findings.length} findings`; },
  acls: () => { drawList('acls', state.acls, aclItem); return `${state.acls.length} of ${data.acls.length} ACLs`; },
};

function show() {
  for (const view of Object.keys(views)) {
    $(view).hidden = view !== state.view;
    $('tab-' + view).setAttribute('aria-selected', String(view === state.view));
  }
  $('count').textContent = views[state.view]();
}

for (const view of Object.keys(views)) $('tab-' + view).addEventListener('click', () => { state.view = view; show(); if (view === 'matrix') { layout(); drawMatrix(); } });
$('tab-findings').textContent = `Findings (${data.findings.length})`;
$('tab-acls').textContent = `ACLs (${data.acls.length})`;
$('config').textContent = data.config.join('; ') + '.';
data.types.forEach((t, i) => $('type').append(element('option', {value: String(i)}, t.name)));
const used = data.types.reduce((mask, t) => mask | t.supported, 0);
const legend = element('p', {id: 'legend'});
for (const o of operations) {
  if (!(used & o.bit)) continue;
  $('operation').append(element('option', {value: String(o.code)}, o.name));
  legend.append(element('span', {class: 'chip all op' + o.code}, o.letter), ' ' + o.name + ' ');
}
$('meaning').after(legend);
for (const id of filters) $(id).addEventListener('input', applyFilters);
$('filters').addEventListener('reset', () => setTimeout(applyFilters));
$('filters').addEventListener('submit', event => event.preventDefault());
scroller.addEventListener('scroll', () => requestAnimationFrame(drawMatrix));
addEventListener('resize', () => { layout(); drawMatrix(); });
document.addEventListener('keydown', event => {
  if (event.key === 'Escape' && !$('explanation').hidden) $('explanation').querySelector('.close').click();
});
applyFilters();
performance.mark('ready');
})();
