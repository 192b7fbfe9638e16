'use strict';
// The page turns its fields into flags of the command portcullis, and shows what the command
// prints. It reads no ACL and decides nothing itself. All text goes into the page as text
// (textContent, value), never as markup.
(() => {
const $ = id => document.getElementById(id);
const MAX_SECONDS = 10;        // a question that takes longer is ended
const MAX_TEXT = 4 << 20;      // characters; the engine counts bytes, and refuses more itself
const MAX_LINK = 256 << 10;    // bytes of a state in a link, unpacked: a browser lays out a million lines for minutes
const EXAMPLE = `Current ACLs for resource \`ResourcePattern(resourceType=TOPIC, name=orders., patternType=PREFIXED)\`:
	(principal=User:alice, host=*, operation=READ, permissionType=ALLOW)
	(principal=User:billing, host=10.0.0.0/8, operation=WRITE, permissionType=ALLOW)

Current ACLs for resource \`ResourcePattern(resourceType=TOPIC, name=orders.secret, patternType=LITERAL)\`:
	(principal=User:*, host=*, operation=READ, permissionType=DENY)

Current ACLs for resource \`ResourcePattern(resourceType=GROUP, name=*, patternType=LITERAL)\`:
	(principal=User:*, host=*, operation=READ, permissionType=ALLOW)
`;

// ---- fields and commands

const fields = ['principal', 'operation', 'resource', 'name', 'host', 'groups', 'types', 'kind', 'client', 'dialect', 'realm', 'rules', 'acls', 'format', 'super', 'semantics', 'everyone'];
const value = id => $(id).type === 'checkbox' ? ($(id).checked ? 'yes' : '') : $(id).value;
const initial = Object.fromEntries(fields.map(id => [id, value(id)]));
const lines = text => text.split('\n').map(line => line.trim()).filter(line => line !== '');

// A flag and its value are one argument, so that no value can be taken for a flag.
const flag = (name, text) => `--${name}=${text}`;
const given = (name, text) => text === '' ? [] : [flag(name, text)];

const subject = () => [...given('principal', value('principal').trim()), ...given('host', value('host').trim()), ...lines(value('groups')).map(g => flag('group-principal', g))];
const request = () => [flag('operation', value('operation')), value('resource') === 'cluster' ? '--cluster' : flag(value('resource'), value('name'))];
const acls = () => ['--acls=-', ...(value('format') === 'auto' ? [] : [flag('format', value('format'))]), ...given('super-users', value('super').trim()),
  ...(value('everyone') ? ['--allow-everyone-if-no-acl-found'] : []), ...(value('semantics') === initial.semantics ? [] : [flag('semantics', value('semantics'))])];

function principalFlags() {
  const kerberos = value('kind') === 'name', rules = value('rules');
  const args = [flag(kerberos ? 'name' : 'dn', value('client')), ...(kerberos ? given('realm', value('realm').trim()) : [])];
  if (value('dialect') === 'properties') return [...args, '--properties=-'];
  if (value('dialect') === 'mit') return [...args, '--mit', ...lines(rules).map(r => flag('kerberos-rules', r))];
  return rules.trim() === '' ? args : [...args, flag(kerberos ? 'kerberos-rules' : 'ssl-rules', rules.trim())];
}

// What each command is for, its flags, and what its exit statuses 0 and 1 mean.
const commands = {
  'explain': {about: 'Is it allowed, which ACL decides, and which ACLs nearly match?', flags: () => [...acls(), ...subject(), ...request()], verdicts: ['allowed', 'denied']},
  'check': {about: 'Is it allowed, and which ACL decides?', flags: () => [...acls(), ...subject(), ...request()], verdicts: ['allowed', 'denied']},
  'who-can': {about: 'Who may do this, and from where?', flags: () => [...acls(), ...request()], verdicts: ['somebody may', 'nobody may']},
  'what-can': {about: 'What may this principal do, and from where?', flags: () => [...acls(), ...subject()], verdicts: ['something is allowed', 'nothing is allowed']},
  'lint': {about: 'Which ACLs are not what they seem?', flags: () => [...acls(), ...(lines(value('types')).length ? [flag('principal-type', 'User')] : []), ...lines(value('types')).map(t => flag('principal-type', t))], verdicts: ['no findings', 'findings']},
  'principal': {about: 'To which principal does a broker map the name of a client?', flags: principalFlags, verdicts: ['mapped', 'refused']},
};
let command = 'explain';
const input = () => command === 'principal' ? (value('dialect') === 'properties' ? value('rules') : '') : value('acls');

const quote = arg => /^[\w@%+=:,./*-]+$/.test(arg) && !arg.includes('*') ? arg : "'" + arg.replaceAll("'", "'\\''") + "'";
const commandLine = args => ['portcullis', command, ...args].map(a => quote(a.replace(/^(--acls|--properties)=-$/, '$1=FILE'))).join(' ');

function choose(name) {
  command = name;
  for (const tab of $('commands').children) {
    const selected = tab.dataset.command === name;
    tab.setAttribute('aria-selected', String(selected));
    tab.tabIndex = selected ? 0 : -1;
  }
  $('about').textContent = commands[name].about;
  for (const e of document.querySelectorAll('[data-for]')) e.hidden = !e.dataset.for.split(' ').includes(name);
  adapt();
  $('answer').hidden = $('verdict').textContent === '';
}

// adapt hides fields that have no meaning with the values of others.
function adapt() {
  if (command !== 'principal') $('name-label').hidden = value('resource') === 'cluster' || !$('name-label').dataset.for.split(' ').includes(command);
  const kerberos = value('kind') === 'name';
  $('realm-label').hidden = command !== 'principal' || !kerberos;
  $('dialect').querySelector('[value=mit]').disabled = !kerberos;
  if (!kerberos && value('dialect') === 'mit') $('dialect').value = 'rules';
}

$('commands').addEventListener('click', event => { if (event.target.dataset.command) choose(event.target.dataset.command); });
$('commands').addEventListener('keydown', event => {
  const names = Object.keys(commands), step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (!step) return;
  event.preventDefault();
  choose(names[(names.indexOf(command) + step + names.length) % names.length]);
  $('tab-' + command).focus();
});
for (const id of ['resource', 'kind', 'dialect']) $(id).addEventListener('change', adapt);

// ---- engine

let module = null, worker = null, pending = null;

// unpack returns the engine: base64 of gzip in the page.
async function unpack() {
  const text = atob($('engine').textContent), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  $('engine').remove(); // its text is no longer needed
  return WebAssembly.compile(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer());
}

const workerURL = URL.createObjectURL(new Blob([$('worker').textContent], {type: 'text/javascript'}));

// start makes a worker with an engine whose memory is fresh.
function start() {
  return new Promise((resolve, reject) => {
    worker = new Worker(workerURL);
    worker.onmessage = ({data}) => {
      if (data.ready) resolve();
      else if (pending) finish(data.answer || {status: 2, stdout: '', stderr: 'the engine has ended: the question needs more memory than the page may use; use the command\n'});
      if (data.ended) restart();
    };
    worker.onerror = event => reject(new Error(event.message));
    worker.postMessage({module});
  });
}

function restart() {
  worker.terminate();
  $('ask').disabled = true;
  ready = start().then(enable);
}

function enable() {
  $('ask').disabled = false;
  $('state').textContent = '';
}

function finish(answer) {
  const resolve = pending;
  pending = null;
  resolve(answer);
}

// run asks the engine, and ends a question that takes too long.
function run(args, text) {
  return new Promise(resolve => {
    pending = resolve;
    worker.postMessage({args, input: new TextEncoder().encode(text)});
    const asked = resolve;
    setTimeout(() => {
      if (pending !== asked) return;
      finish({status: 2, stdout: '', stderr: `the question was ended after ${MAX_SECONDS} seconds: use the command for as much\n`});
      restart();
    }, MAX_SECONDS * 1000);
  });
}

async function ask() {
  if ($('ask').disabled) return;
  const text = input(), asked = command;
  const args = commands[command].flags(), line = commandLine(args);
  $('ask').disabled = true;
  $('state').textContent = 'Asking …';
  const answer = text.length > MAX_TEXT ? {status: 2, stdout: '', stderr: `the page takes at most ${MAX_TEXT} characters: use the command for more\n`} : await run([asked, ...args], text);
  await ready;
  enable();
  show(asked, answer, line);
}

function show(asked, answer, line) {
  $('answer').hidden = false;
  $('verdict').textContent = answer.status < 2 ? commands[asked].verdicts[answer.status] : 'no answer';
  $('verdict').className = ['allow', 'deny'][answer.status] || 'error';
  const put = (id, text) => { $(id).textContent = text; $(id).hidden = text === ''; };
  put('stdout', answer.stdout);
  put('stderr', answer.stderr);
  put('command', line);
  $('command-label').hidden = false;
  if (matchMedia('(max-width: 760px)').matches) $('answer-title').focus();
}

$('form').addEventListener('submit', event => { event.preventDefault(); ask(); });
$('example').addEventListener('click', () => {
  for (const [id, text] of Object.entries({acls: EXAMPLE, format: 'auto', principal: 'User:alice', operation: 'Read', resource: 'topic', name: 'orders.secret', host: ''})) $(id).value = text;
  adapt();
});
$('file').addEventListener('change', async () => {
  const file = $('file').files[0];
  $('file').value = '';
  if (!file) return;
  if (file.size > 2 * MAX_TEXT) { $('state').textContent = `The file is too large: the page takes at most ${MAX_TEXT} characters.`; return; }
  const bytes = new Uint8Array(await file.arrayBuffer());
  const coding = {'255,254': 'utf-16le', '254,255': 'utf-16be'}[bytes.slice(0, 2).join()] || 'utf-8';
  $('acls').value = new TextDecoder(coding).decode(bytes);
});

// ---- links: the state is in the fragment, which a browser sends to no server

const base64 = bytes => { let text = ''; for (const b of bytes) text += String.fromCharCode(b); return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''); };
const through = (bytes, stream) => new Blob([bytes]).stream().pipeThrough(stream);

async function pack() {
  const state = {command};
  for (const id of fields) if (value(id) !== initial[id]) state[id] = value(id);
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  if (bytes.length > MAX_LINK) return '';
  return '#' + base64(new Uint8Array(await new Response(through(bytes, new CompressionStream('deflate-raw'))).arrayBuffer()));
}

// unpackLink returns the state of a fragment, or null. It reads no more than MAX_LINK bytes,
// whatever a few bytes would unpack to.
async function unpackLink(fragment) {
  try {
    const packed = Uint8Array.from(atob(fragment.slice(1).replaceAll('-', '+').replaceAll('_', '/')), c => c.charCodeAt(0));
    const reader = through(packed, new DecompressionStream('deflate-raw')).getReader();
    const parts = [];
    for (let size = 0; ;) {
      const {done, value: part} = await reader.read();
      if (done) break;
      size += part.length;
      if (size > MAX_LINK) { reader.cancel(); return null; }
      parts.push(part);
    }
    const state = JSON.parse(await new Blob(parts).text());
    return state !== null && typeof state === 'object' ? state : null;
  } catch {
    return null;
  }
}

// restore sets the fields from a link. Only known fields and choices count.
async function restore() {
  if (location.hash.length < 2) return;
  const state = await unpackLink(location.hash);
  if (!state) { $('state').textContent = 'The link has no question that can be read.'; return; }
  for (const id of fields) {
    const text = Object.hasOwn(state, id) && typeof state[id] === 'string' ? state[id] : initial[id];
    const e = $(id);
    if (e.type === 'checkbox') e.checked = text !== '';
    else if (e.tagName !== 'SELECT' || [...e.options].some(o => o.value === text)) e.value = text;
  }
  choose(Object.hasOwn(commands, state.command) ? state.command : 'explain');
  $('notice').hidden = false;
  await ready;
  await ask();
}

$('link').addEventListener('click', async () => {
  const fragment = await pack();
  if (fragment === '') { $('state').textContent = 'These ACLs are too many for a link.'; return; }
  history.replaceState(null, '', fragment);
  try {
    await navigator.clipboard.writeText(location.href);
    $('state').textContent = 'The link is copied. It holds the ACLs and the question.';
  } catch {
    $('state').textContent = 'The link is in the address bar. It holds the ACLs and the question.';
  }
});
addEventListener('hashchange', restore);

// ---- start

choose('explain');
let ready = unpack().then(m => { module = m; return start(); }).then(enable, err => { $('state').textContent = 'This browser cannot run the engine: ' + err.message; throw err; });
ready.then(restore).then(() => performance.mark('ready'));
})();
