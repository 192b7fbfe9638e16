'use strict';
// The page shows what is in its data, and decides nothing: which operations a cell allows,
// and which ACL decides, was asked of the authorizer when the page was written. All text
// goes into the page as text (textContent), never as markup.
(() => {
const $ = id => document.getElementById(id);
const data = JSON.parse($('data').textContent);
const ROW = 30, COLUMN = 132, HEAD = 50; // pixels; the style sheet has them too
const PAGE = 100;        // entries of a list shown at once
const PEOPLE = 25;       // principals shown at once
const MORE = 50;         // ACLs or patterns shown before more are asked for
const PRINTED = 500;     // principals, and findings, on paper
const MANY = 200;        // columns from which the page begins with a search
const SOME_NAMES = 6;    // patterns named in a line
const small = matchMedia('(max-width: 760px)');
const side = () => small.matches ? 130 : 240; // the width of the names of principals
const LETTERS = {All: '*', Read: 'R', Write: 'W', Create: 'C', Delete: 'X', Alter: 'A', Describe: 'D', ClusterAction: 'K', DescribeConfigs: 'G',
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
const button = (label, onclick, properties) => element('button', {type: 'button', onclick, ...properties}, label);

const text = i => data.texts[i];
// truth returns a name as it is: what is shown may be quoted and escaped.
function truth(i) {
  if (!Object.hasOwn(data.raw, i)) return text(i);
  try { return decodeURIComponent(data.raw[i]); } catch { return text(i); }
}
const pattern = p => data.types[p[0]].name + (p[1] ? ' prefix ' : ' ') + text(p[2]);
const principalName = row => row.p < 0 ? 'everyone else' : text(row.p);
const operationNames = mask => operations.filter(o => mask & o.bit).map(o => o.name).join(', ');
const rolesText = i => (data.roles[i] || []).map(r => ', ' + text(r)).join('');
const aclText = i => {
  const a = data.acls[i];
  return (a[5] < 0 ? 'DENY ' : 'ALLOW ') + byCode.get(Math.abs(a[5])).name + ' to ' + text(a[3]) + ' from ' + text(a[4]) + ' on ' + pattern(a) + rolesText(i);
};
const number = n => n.toLocaleString('en');
const counted = (n, one, many) => number(n) + ' ' + (n === 1 ? one : many);

// copyButton copies a true name. A page from a file or from http may lack the clipboard of
// today's browsers; then the old command does it.
function copyButton(i) {
  const copy = button('Copy', async () => {
    try {
      await navigator.clipboard.writeText(truth(i));
    } catch {
      const area = element('textarea', {});
      area.value = truth(i);
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    copy.textContent = 'Copied';
    copy.focus();
  }, {class: 'copy', 'aria-label': 'Copy ' + text(i)});
  return copy;
}

// What the filters look at, in lower case.
const rowNames = data.rows.map(r => (r.p < 0 ? 'everyone else User:*' : text(r.p) + ' ' + truth(r.p)).toLowerCase());
const columnNames = data.columns.map(c => pattern(c).toLowerCase());
const aclNames = data.acls.map((_, i) => aclText(i).toLowerCase());
const findingNames = data.findings.map(f => [f.level, f.code, f.reason, f.mend, f.removable ? 'removable' : '', data.dangers[f.danger].name].join(' ').toLowerCase());
const rowOf = new Map(data.rows.map((r, i) => [r.p < 0 ? 'User:*' : text(r.p), i]));
const columnOf = new Map(data.columns.map((c, i) => [c.join(), i]));

// ---- cells. A look is what a cell shows: its operations, without the ACLs behind them.

const looks = [], lookOf = new Int32Array(data.cells.length);
{
  const known = new Map();
  data.cells.forEach((cell, i) => {
    const key = [cell.a, cell.s, cell.d, cell.h].join();
    if (!known.has(key)) { known.set(key, looks.length); looks.push({a: cell.a | 0, s: cell.s | 0, d: cell.d | 0, h: cell.h | 0}); }
    lookOf[i] = known.get(key);
  });
}

// runAt returns where in the runs of a row that of a column begins.
function runAt(runs, column) {
  let from = 0, to = runs.length / 2;
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if (runs[2 * middle] <= column) from = middle; else to = middle;
  }
  return 2 * from;
}
// eachRun calls f with the columns from, to and the cell, or -1, of each run of a row.
function eachRun(row, f) {
  const runs = data.rows[row].runs;
  for (let i = 0; i < runs.length; i += 2) f(runs[i], i + 2 < runs.length ? runs[i + 2] : data.columns.length, runs[i + 1]);
}
const everyone = new Int32Array(data.columns.length); // the cells of everyone else
eachRun(0, (from, to, cell) => everyone.fill(cell, from, to));
function cellAt(row, column) {
  const runs = data.rows[row].runs, i = runs[runAt(runs, column) + 1];
  return i < 0 ? {cell: data.cells[everyone[column]], inherited: true} : {cell: data.cells[i], inherited: false};
}

// level returns how an operation of a cell looks.
const level = (cell, o) => cell.a & o.bit ? 'all' : cell.s & o.bit ? (cell.h & o.bit ? 'some hole' : 'some') : cell.d & o.bit ? 'denied' : cell.h & o.bit ? 'none hole' : 'none';
const WORDS = {'all': 'allowed', 'some': 'allowed in part', 'some hole': 'allowed in part, a DENY refuses a part', 'denied': 'denied by a DENY', 'none hole': 'not allowed, a DENY refuses a part', 'none': 'not allowed'};

// limits says in which respect an operation is decided in part, where that is certain: rulings
// with names and addresses may be split by either.
function limits(cell, o) {
  if (!((cell.s | cell.h) & o.bit)) return '';
  let names = false, hosts = false;
  for (const r of cell.r) if (r[0] & o.bit) { names = names || r[4] >= 0; hosts = hosts || r[5] >= 0; }
  return names === hosts ? '' : hosts ? ' (by address)' : ' (by name)';
}

// describe returns what a cell says, in words: of one pattern, or of several that look the same.
function describe(cell, supported, one) {
  const told = [];
  for (const o of operations) {
    if (!(supported & o.bit & state.mask)) continue;
    const look = level(cell, o);
    if (look !== 'none') told.push(o.name + ' ' + WORDS[look] + (one ? limits(cell, o) : ''));
  }
  return told.join('; ') || 'nothing allowed';
}

// ---- filters

const state = {rows: [], groups: [], kept: null, acls: [], findings: [], mask: -1, view: 'matrix', row: 0, column: 0, from: {principals: 0, findings: 0, acls: 0}};
const filters = ['principal', 'resource', 'type', 'operation', 'access', 'text'];
const indexes = kept => { const list = []; kept.forEach((k, i) => { if (k) list.push(i); }); return list; };

// covers reports whether a pattern covers a resource with this name.
const covers = (p, name) => name !== '' && (p[1] ? name.startsWith(truth(p[2])) : truth(p[2]) === '*' || truth(p[2]) === name);

function applyFilters() {
  const [who, what, type, operation, access, words] = filters.map(id => $(id).value.trim().toLowerCase());
  const name = $('resource').value.trim();
  state.mask = operation === '' ? -1 : 1 << Number(operation);
  const columns = Uint8Array.from(data.columns, (c, i) => (type === '' || c[0] === Number(type)) && (columnNames[i].includes(what) || covers(c, name)) ? 1 : 0);
  // Who is not named by an ACL has the access of everyone else, so that its row always applies.
  const rows = Uint8Array.from(data.rows, (r, i) => i === 0 || rowNames[i].includes(who) ? 1 : 0);
  const aclHit = a => (text(a[3]).toLowerCase().includes(who) || truth(a[3]).toLowerCase().includes(who)) && (type === '' || a[0] === Number(type)) &&
    (pattern(a).toLowerCase().includes(what) || covers(a, name)) && (state.mask < 0 || Math.abs(a[5]) === Number(operation) || Math.abs(a[5]) === 2) &&
    (access === '' || (a[5] < 0) === (access === 'denied'));
  state.acls = [];
  data.acls.forEach((a, i) => { if (aclNames[i].includes(words) && aclHit(a)) state.acls.push(i); });
  state.findings = [];
  data.findings.forEach((f, i) => {
    if (aclHit(data.acls[f.acl]) && (findingNames[i].includes(words) || aclNames[f.acl].includes(words))) state.findings.push(i);
  });
  if (words !== '') keepWords(words, rows, columns);
  if (operation !== '' || access !== '') keepAccess(access, rows, columns);
  state.rows = indexes(rows);
  state.kept = columns;
  state.groups = $('grouped').checked ? groupColumns(columns) : indexes(columns).map(c => [c]);
  state.row = Math.min(state.row, Math.max(0, state.rows.length - 1));
  state.column = Math.min(state.column, Math.max(0, state.groups.length - 1));
  state.from = {principals: 0, findings: 0, acls: 0};
  layout();
  show();
}

// keepWords keeps the principals and the patterns of ACLs that have the words, and everyone
// else.
function keepWords(words, rows, columns) {
  const r = new Uint8Array(rows.length), c = new Uint8Array(columns.length);
  data.acls.forEach((a, i) => {
    if (!aclNames[i].includes(words)) return;
    const row = rowOf.get(text(a[3])), column = columnOf.get(a.slice(0, 3).join());
    if (row !== undefined) r[row] = 1;
    if (column !== undefined) c[column] = 1;
  });
  rows.forEach((_, i) => { if (i > 0) rows[i] &= r[i]; });
  columns.forEach((_, i) => { columns[i] &= c[i]; });
}

// keepAccess keeps the rows and columns with a cell that allows or denies the operation,
// whether it is a cell of the principal or that of everyone else, whose row is among them.
function keepAccess(access, rows, columns) {
  const hit = cell => ((access !== 'denied' ? cell.a | cell.s : 0) | (access !== 'allowed' ? cell.d | cell.h : 0)) & state.mask;
  const others = Uint8Array.from(columns, (_, c) => hit(data.cells[everyone[c]]) ? 1 : 0);
  const all = new Uint32Array(columns.length + 1), inherited = new Uint32Array(columns.length + 1); // kept columns before each
  columns.forEach((k, i) => { all[i + 1] = all[i] + k; inherited[i + 1] = inherited[i] + (k & others[i]); });
  const edges = new Int32Array(columns.length + 1); // where rows with such a cell begin and end
  data.rows.forEach((_, i) => {
    if (!rows[i]) return;
    let any = false;
    eachRun(i, (from, to, cell) => {
      const before = cell < 0 ? inherited : all;
      if (before[to] === before[from] || cell >= 0 && !hit(data.cells[cell])) return;
      any = true;
      if (cell < 0) return; // the row of everyone else keeps these columns
      edges[from]++;
      edges[to]--;
    });
    if (!any) rows[i] = 0;
  });
  let depth = 0;
  columns.forEach((_, i) => { depth += edges[i]; if (!depth) columns[i] = 0; });
}

// groupColumns puts patterns of one type together whose cells look the same in all rows. Each
// row splits the groups further, so that no two columns are taken for equal by chance.
function groupColumns(columns) {
  const id = new Int32Array(columns.length);
  let next = 0;
  const first = new Map();
  columns.forEach((k, c) => {
    if (!k) return;
    const key = data.columns[c][0] + ',' + lookOf[everyone[c]];
    if (!first.has(key)) first.set(key, next++);
    id[c] = first.get(key);
  });
  for (const r of state.rows) {
    if (r === 0) continue;
    const split = new Map();
    eachRun(r, (from, to, cell) => {
      if (cell < 0) return; // as everyone else, by whose looks the groups began
      for (let c = from; c < to; c++) {
        if (!columns[c]) continue;
        const key = id[c] * looks.length + lookOf[cell];
        let group = split.get(key);
        if (group === undefined) split.set(key, group = next++);
        id[c] = group;
      }
    });
  }
  const groups = new Map();
  columns.forEach((k, c) => {
    if (!k) return;
    const group = groups.get(id[c]);
    if (group) group.push(c); else groups.set(id[c], [c]);
  });
  return [...groups.values()];
}

// ---- matrix: only what is visible is in the page

const scroller = element('div', {class: 'scroller', tabindex: '-1'});
const canvas = element('div', {class: 'canvas'});
const table = element('table', {role: 'grid', 'aria-label': 'Operations by principal and resource pattern'});
const pane = element('div', {class: 'pane'}, table); // it stays where it is while the canvas scrolls below
canvas.append(pane);
scroller.append(canvas);
$('matrix').append(scroller);

const fits = () => ({rows: Math.max(1, Math.floor((scroller.clientHeight - HEAD) / ROW)), columns: Math.max(1, Math.floor((scroller.clientWidth - side()) / COLUMN))});
const origin = () => ({row: Math.round(scroller.scrollTop / ROW), column: Math.round(scroller.scrollLeft / COLUMN)});

// layout gives the canvas its size: the last row and column can be scrolled to.
function layout() {
  const fit = fits();
  canvas.style.height = scroller.clientHeight + Math.max(0, state.rows.length - fit.rows) * ROW + 'px';
  pane.style.height = scroller.clientHeight + 'px';
  pane.style.width = scroller.clientWidth + 'px';
  table.style.setProperty('--side', side() + 'px');
  canvas.style.width = scroller.clientWidth + Math.max(0, state.groups.length - fit.columns) * COLUMN + 'px';
}

// at are the properties of a part of the grid. Row and column -1 are the names.
const at = (i, j) => ({'data-row': String(i), 'data-column': String(j), tabindex: i === state.row && j === state.column ? '0' : '-1'});

function drawHead(group, j) {
  const p = data.columns[group[0]], more = group.length > 1 ? ` and ${group.length - 1} more` : '';
  return element('th', {scope: 'col', 'aria-colindex': String(j + 2)}, element('button', {type: 'button', ...at(-1, j), 'aria-label': pattern(p) + more, title: pattern(p) + more, onclick: () => explainColumn(group)},
    element('small', {}, data.types[p[0]].name + (more ? ' · ' + counted(group.length, 'pattern', 'patterns') : p[1] ? ' · prefix' : '')), element('b', {}, text(p[2]) + (more && ' …'))));
}

function drawMatrix() {
  const from = origin(), fit = fits();
  // A scroll that the browser has not yet limited to a smaller canvas must show something.
  from.row = Math.min(from.row, Math.max(0, state.rows.length - fit.rows));
  from.column = Math.min(from.column, Math.max(0, state.groups.length - fit.columns));
  const rows = state.rows.slice(from.row, from.row + fit.rows + 1), groups = state.groups.slice(from.column, from.column + fit.columns + 1);
  const head = element('tr', {'aria-rowindex': '1'}, element('th', {class: 'corner', 'aria-colindex': '1'}, 'principal \\ resource'));
  groups.forEach((group, j) => head.append(drawHead(group, from.column + j)));
  const body = element('tbody', {});
  rows.forEach((r, i) => {
    const row = data.rows[r], index = from.row + i;
    const name = button(principalName(row), () => explainRow(r), {...at(index, -1), title: principalName(row)});
    if (row.super) name.append(element('span', {class: 'super'}, 'super user'));
    const line = element('tr', {'aria-rowindex': String(index + 2)}, element('th', {scope: 'row', 'aria-colindex': '1'}, name));
    groups.forEach((group, j) => line.append(element('td', {role: 'gridcell', 'aria-colindex': String(from.column + j + 2)}, drawCell(r, group, index, from.column + j))));
    body.append(line);
  });
  const focused = table.contains(document.activeElement);
  table.setAttribute('aria-rowcount', String(state.rows.length + 1));
  table.setAttribute('aria-colcount', String(state.groups.length + 1));
  table.replaceChildren(element('thead', {}, head), body);
  if (!table.querySelector('[tabindex="0"]')) table.querySelector('.cell')?.setAttribute('tabindex', '0'); // the focus can always enter
  if (focused) focusCell();
}

function drawCell(r, group, i, j) {
  const {cell, inherited} = cellAt(r, group[0]);
  const supported = data.types[data.columns[group[0]][0]].supported & state.mask;
  const more = group.length > 1 ? ` and ${group.length - 1} more` : '', words = describe(cell, supported, group.length === 1);
  const box = element('button', {type: 'button', class: inherited && r > 0 ? 'cell inherited' : 'cell', ...at(i, j), onclick: () => explain(r, group, 0),
    'aria-label': principalName(data.rows[r]) + ', ' + pattern(data.columns[group[0]]) + more + ': ' + words, title: words.replaceAll('; ', '\n')});
  if (supported & (cell.a | cell.s | cell.d | cell.h)) {
    for (const o of operations) {
      if (!(supported & o.bit)) continue;
      const look = level(cell, o);
      box.append(element('span', {class: 'chip ' + look, 'data-op': o.name}, look.startsWith('none') ? '·' : o.letter));
    }
  }
  return box;
}

function focusCell() {
  const cell = table.querySelector(`[data-row="${state.row}"][data-column="${state.column}"]`);
  if (cell) cell.focus({preventScroll: true});
}

// moveTo makes a cell, or a name, the one that keys act on, and scrolls to it.
function moveTo(row, column) {
  state.row = Math.max(-1, Math.min(state.rows.length - 1, row));
  state.column = Math.max(-1, Math.min(state.groups.length - 1, column));
  if (state.row < 0 && state.column < 0) state.column = 0; // the corner has no name
  const from = origin(), fit = fits();
  if (state.row >= 0 && state.row < from.row) scroller.scrollTop = state.row * ROW;
  if (state.row >= from.row + fit.rows) scroller.scrollTop = (state.row - fit.rows + 1) * ROW;
  if (state.column >= 0 && state.column < from.column) scroller.scrollLeft = state.column * COLUMN;
  if (state.column >= from.column + fit.columns) scroller.scrollLeft = (state.column - fit.columns + 1) * COLUMN;
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
    Home: [0, -state.groups.length - 1], End: [0, state.groups.length]}[event.key];
  if (!step) return;
  event.preventDefault();
  moveTo(state.row + step[0], state.column + step[1]);
});

// ---- explanation

let before = null; // what had the focus before the explanation opened

function closeExplanation() {
  if ($('explanation').hidden) return;
  $('explanation').hidden = true;
  layout();
  show();
  if (state.view === 'matrix') focusCell();
  else if (before && before.isConnected) before.focus();
}

function openExplanation(...parts) {
  if ($('explanation').hidden) before = document.activeElement;
  $('explanation').replaceChildren(button('×', closeExplanation, {class: 'close', 'aria-label': 'Close the explanation'}), ...parts);
  $('explanation').hidden = false;
  $('explanation').scrollTop = 0;
  layout();
  show();
  $('explanation').focus({preventScroll: true});
}

function aclLine(i, tag, note) {
  const a = data.acls[i], deny = a[5] < 0;
  return element(tag, {class: (tag === 'li' ? 'item ' : 'acl ') + (deny ? 'deny' : 'allow')}, element('span', {class: 'verb'}, deny ? 'DENY' : 'ALLOW'),
    ` ${byCode.get(Math.abs(a[5])).name} to ${text(a[3])} on ${pattern(a)} `, element('span', {class: 'note'}, 'from ' + (text(a[4]) === '*' ? 'every address' : text(a[4])) + rolesText(i) + (note || '')));
}

// several returns a list of entries, of which the first MORE are shown at first.
function several(list, item) {
  const items = element('ul', {}, ...list.slice(0, MORE).map(item));
  if (list.length <= MORE) return [items];
  const more = button(`Show all ${list.length.toLocaleString('en')}`, () => { items.append(...list.slice(MORE).map(item)); more.remove(); });
  return [items, more];
}

const title = (name, copied) => element('h2', {}, name, ...(copied === undefined ? [] : [copyButton(copied)]));

function explain(r, group, n) {
  const c = group[n], {cell, inherited} = cellAt(r, c), others = data.cells[everyone[c]], row = data.rows[r], p = data.columns[c];
  const deciding = new Set(cell.r.map(ruling => ruling[3]));
  const parts = [title(principalName(row), row.p < 0 ? undefined : row.p), element('p', {}, 'on ' + pattern(p), copyButton(p[2]))];
  if (group.length > 1) {
    const choice = element('select', {'aria-label': 'Pattern'});
    group.slice(0, 1000).forEach((other, k) => choice.append(element('option', {value: String(k)}, pattern(data.columns[other]))));
    choice.value = String(n);
    choice.addEventListener('change', () => { explain(r, group, Number(choice.value)); $('explanation').querySelector('select').focus(); });
    parts.push(element('p', {}, `One of ${counted(group.length, 'pattern', 'patterns')} that look the same: `, choice));
  }
  if (inherited && row.p >= 0) parts.push(element('p', {class: 'note'}, 'No ACL of this principal covers a name of the pattern: it has the access of everyone else.'));
  const rulings = element('ul', {class: 'rulings'});
  for (const [mask, allowed, reason, by, names, hosts] of cell.r) {
    const verdict = allowed ? 'allow' : by < 0 ? '' : 'deny';
    const line = element('li', {class: 'item ' + verdict}, element('b', {class: verdict}, operationNames(mask) + ': ' + ({allow: 'allowed', deny: 'denied'}[verdict] || 'not allowed')));
    if (names >= 0) line.append(element('div', {}, 'on ' + text(names)));
    if (hosts >= 0) line.append(element('div', {class: 'note'}, 'from ' + text(hosts)));
    line.append(by < 0 ? element('div', {class: 'note'}, 'because: ' + text(reason)) : element('div', {}, text(reason) + ': ', aclLine(by, 'span')));
    rulings.append(line);
  }
  parts.push(element('h3', {}, 'What is decided, and by which ACL'), rulings,
    element('p', {class: 'note'}, 'On all names of the pattern and from every address, unless it says otherwise.'));
  const item = i => aclLine(i, 'li', deciding.has(i) ? ' – decides' : '');
  const own = inherited || row.p < 0 ? [] : cell.o || [], all = others.o || [];
  if (row.p >= 0) parts.push(element('h3', {}, `ACLs for the principal on these names: ${own.length}`), ...several(own, item));
  parts.push(element('h3', {}, `ACLs for User:* on these names: ${all.length}`), ...several(all, item));
  openExplanation(...parts);
}

function explainColumn(group) {
  const item = c => element('li', {class: 'item'}, pattern(data.columns[c]), copyButton(data.columns[c][2]));
  openExplanation(title(group.length > 1 ? counted(group.length, 'pattern', 'patterns') : pattern(data.columns[group[0]])),
    element('p', {class: 'note'}, group.length > 1 ? 'All shown principals may do the same on these patterns.' : 'The pattern of this column.'), ...several(group, item));
}

function explainRow(r) {
  const row = data.rows[r];
  const parts = [title(principalName(row), row.p < 0 ? undefined : row.p)];
  if (row.super) parts.push(element('p', {}, element('span', {class: 'super'}, 'super user'), ' allowed everything: no ACL is looked at'));
  openExplanation(...parts, drawPerson(r, false));
}

// ---- by principal: the same cells as in the matrix, as sentences

// grantsOf returns what is shown of a principal: patterns of one type with the same cell look,
// its own and those of everyone else apart.
function grantsOf(r) {
  const grants = new Map();
  const hit = $('access').value;
  eachRun(r, (from, to, own) => {
    for (let c = from; c < to; c++) {
      if (!state.kept[c]) continue;
      const cell = data.cells[own < 0 ? everyone[c] : own], type = data.columns[c][0];
      const told = (hit === 'denied' ? 0 : cell.a | cell.s) | (hit === 'allowed' ? 0 : cell.d | cell.h);
      if (!(told & data.types[type].supported & state.mask)) continue;
      const inherited = own < 0 && r > 0, key = [type, lookOf[own < 0 ? everyone[c] : own], inherited].join();
      if (grants.has(key)) grants.get(key).columns.push(c); else grants.set(key, {columns: [c], cell, inherited, type});
    }
  });
  return [...grants.values()].sort((a, b) => a.inherited - b.inherited);
}

function drawGrant(r, g, onPaper) {
  const names = g.columns.slice(0, onPaper ? 40 : SOME_NAMES).map(c => pattern(data.columns[c]).slice(data.types[g.type].name.length + 1)).join(', ');
  const rest = g.columns.length - (onPaper ? 40 : SOME_NAMES);
  const says = element('div', {});
  for (const look of ['all', 'some', 'some hole', 'denied', 'none hole']) {
    const list = operations.filter(o => data.types[g.type].supported & o.bit & state.mask && level(g.cell, o) === look);
    if (list.length === 0) continue;
    const parts = new Set(g.columns.length === 1 ? list.map(o => limits(g.cell, o)) : []);
    says.append(element('span', {class: 'level ' + look.split(' ')[0]}, (look === 'denied' ? '✕ ' : look.startsWith('none') ? '◌ ' : look === 'all' ? '✓ ' : '◐ ') + list.map(o => o.name).join(', '),
      look === 'all' ? '' : element('span', {class: 'note'}, ' ' + WORDS[look] + (parts.size === 1 ? [...parts][0] : ''))));
  }
  const line = element('div', {class: 'grant'}, element('div', {class: 'names'}, element('b', {}, data.types[g.type].name + ' '), names + (rest > 0 ? ` and ${rest.toLocaleString('en')} more ` : ' '),
    ...(g.inherited ? [element('span', {class: 'tag'}, 'as everyone else')] : [])), says);
  if (!onPaper) line.firstChild.append(button('Why', () => explain(r, g.columns, 0), {class: 'why', 'aria-label': 'Why: ' + principalName(data.rows[r]) + ', ' + names}));
  return line;
}

function drawPerson(r, heading, onPaper) {
  const row = data.rows[r], grants = grantsOf(r);
  const box = element('div', {class: heading ? 'person' : ''});
  if (heading) {
    box.append(element('h3', {}, principalName(row), ...(row.super ? [element('span', {class: 'super'}, 'super user')] : []), ...(row.p < 0 || onPaper ? [] : [copyButton(row.p)])));
  }
  box.append(...grants.map(g => drawGrant(r, g, onPaper)));
  if (grants.length === 0) box.append(element('p', {class: 'note'}, 'Nothing on the shown patterns.'));
  return box;
}

// ---- lists

// drawPages shows a page of a list, made by draw from the entries of the page.
function drawPages(view, list, size, draw) {
  const from = state.from[view], shown = list.slice(from, from + size);
  const go = step => () => { state.from[view] = from + step; show(); $(view).scrollTop = 0; $(view).focus(); };
  const pages = element('div', {class: 'pages'});
  if (from > 0) pages.append(button('Previous', go(-size)));
  pages.append(list.length === 0 ? 'none' : `${number(from + 1)} to ${number(from + shown.length)} of ${number(list.length)}`);
  if (from + size < list.length) pages.append(button('Next', go(size)));
  $(view).replaceChildren(element('div', {class: 'panel'}, pages, ...draw(shown)));
}

function findingItem(i) {
  const f = data.findings[i];
  return element('li', {class: 'item'}, element('b', {}, f.code), ...(f.removable ? [element('span', {class: 'tag'}, 'removable')] : []), aclLine(f.acl, 'div'),
    element('div', {}, f.reason), element('div', {}, element('span', {class: 'note'}, 'Fix: '), f.mend), ...(f.others || []).map(o => aclLine(o, 'div', ' – another ACL involved')));
}

// findingGroups returns findings under headings, by danger. The data has them in this order.
function findingGroups(list) {
  return data.dangers.map((danger, d) => [danger, list.filter(i => data.findings[i].danger === d), d]).filter(([, part]) => part.length > 0)
    .map(([danger, part, d]) => element('div', {class: 'group d' + d}, element('h3', {}, `${danger.name} (${part.length})`), element('p', {class: 'note'}, danger.meaning), element('ul', {}, ...part.map(findingItem))));
}

// ---- views

const views = {
  matrix: () => { drawMatrix(); return keptText() + (state.groups.length < indexes(state.kept).length ? `, in ${counted(state.groups.length, 'column', 'columns')}` : ''); },
  principals: () => { drawPages('principals', state.rows, PEOPLE, list => list.map(r => drawPerson(r, true, false))); return keptText(); },
  findings: () => { drawPages('findings', state.findings, PAGE, findingGroups); return `${number(state.findings.length)} of ${counted(data.findings.length, 'finding', 'findings')}`; },
  acls: () => { drawPages('acls', state.acls, PAGE, list => [element('ul', {}, ...list.map(i => aclLine(i, 'li')))]); return `${number(state.acls.length)} of ${counted(data.acls.length, 'ACL', 'ACLs')}`; },
};

// keptText says how much is shown, and what it means if nothing is.
function keptText() {
  const named = state.rows.filter(r => r > 0).length, columns = indexes(state.kept).length;
  let note = '';
  if (named === 0 && $('principal').value.trim() !== '' && state.rows.length > 0) note = '. No ACL names this principal: it has the access of everyone else';
  if (columns === 0 && $('resource').value.trim() !== '') note = '. No such pattern: ' + data.uncovered;
  return `${number(named)} of ${counted(data.rows.length - 1, 'principal', 'principals')}, ${number(columns)} of ${counted(data.columns.length, 'pattern', 'patterns')}${note}`;
}

function show() {
  for (const view of Object.keys(views)) {
    $(view).hidden = view !== state.view;
    $('tab-' + view).setAttribute('aria-selected', String(view === state.view));
    $('tab-' + view).tabIndex = view === state.view ? 0 : -1;
  }
  $('grouping').hidden = state.view !== 'matrix';
  const told = views[state.view]();
  if ($('count').textContent !== told) $('count').textContent = told; // a reader repeats what is set
}

function chooseView(view) {
  state.view = view;
  show();
  if (view === 'matrix') { layout(); drawMatrix(); }
}

for (const view of Object.keys(views)) $('tab-' + view).addEventListener('click', () => chooseView(view));
$('views').addEventListener('keydown', event => {
  const names = Object.keys(views), step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!step) return;
  event.preventDefault();
  chooseView(names[(names.indexOf(state.view) + step + names.length) % names.length]);
  $('tab-' + state.view).focus();
});

// On paper there are sentences: a matrix would be cut off.
function preparePrint() {
  const rows = state.rows.slice(0, PRINTED), findings = state.findings.slice(0, PRINTED);
  const cut = (shown, all, what) => shown < all ? [element('p', {}, `The first ${shown} of ${all} ${what}: filter for the others.`)] : [];
  const asked = filters.filter(id => $(id).value !== '').map(id => $(id).closest('label').firstChild.textContent.trim() + ' ' + ($(id).selectedOptions ? $(id).selectedOptions[0].text : $(id).value));
  $('print').replaceChildren(...(asked.length ? [element('p', {}, 'Only: ' + asked.join('; '))] : []), element('h2', {}, 'Access'), ...cut(rows.length, state.rows.length, 'principals'),
    ...rows.map(r => drawPerson(r, true, true)), element('h2', {}, 'Findings'), ...cut(findings.length, state.findings.length, 'findings'), ...findingGroups(findings));
}
addEventListener('beforeprint', preparePrint);
addEventListener('afterprint', () => $('print').replaceChildren());

// ---- start

$('tab-findings').textContent = `Findings (${number(data.findings.length)})`;
$('tab-acls').textContent = `ACLs (${number(data.acls.length)})`;
$('totals').textContent = `${counted(data.acls.length, 'ACL', 'ACLs')}, ${counted(data.rows.length - 1, 'principal', 'principals')}, ${counted(data.columns.length, 'pattern', 'patterns')}, ` +
  `${counted(data.findings.length, 'finding', 'findings')} · ${data.source} · made ${data.made}`;
$('config').textContent = data.config.join('; ') + '.';
data.types.forEach((t, i) => $('type').append(element('option', {value: String(i)}, t.name)));
const used = data.types.reduce((mask, t) => mask | t.supported, 0);
for (const o of operations) {
  if (!(used & o.bit)) continue;
  $('operation').append(element('option', {value: String(o.code)}, o.name));
  $('legend').append(element('span', {class: 'chip all'}, o.letter), ` ${o.name} \u2003`);
}
for (const id of [...filters, 'grouped']) $(id).addEventListener('input', applyFilters);
$('filters').addEventListener('reset', () => setTimeout(applyFilters));
$('filters').addEventListener('submit', event => event.preventDefault());
$('help').addEventListener('toggle', () => { layout(); show(); });
scroller.addEventListener('scroll', () => requestAnimationFrame(drawMatrix));
addEventListener('resize', () => { layout(); if (state.view === 'matrix') drawMatrix(); });
document.addEventListener('keydown', event => {
  if (event.key === 'Escape') closeExplanation();
  if (event.key === '/' && !event.target.closest('input, select, textarea')) { event.preventDefault(); $('principal').focus(); }
});
if (small.matches) state.view = 'principals'; // a matrix needs a wide screen
applyFilters();
if (state.groups.length > MANY && !small.matches) $('principal').focus(); // too much to read: a search comes first
performance.mark('ready');
})();
