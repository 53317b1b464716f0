import { builtinModules } from 'node:module';

// Imports go one way. Each place below names all it may import; what is not named is an error.

const RXJS = '^node_modules/rxjs/';
const NODE_MODULE = `^(node:)?(${builtinModules.join('|')})$`;
const EVENTS = '^src/events\\.ts$';
const ERRORS = '^src/errors\\.ts$';
const UTIL = '^src/util/';
const PROTOCOL = '^src/protocol/';
const WIRE = '^src/wire/';
const MESSAGES = '^src/messages/';
const LAYERS = '^src/layers/';
const PLUGINS = '^src/plugins/';
const STREAM = '^src/stream/';
const CODECS = '^src/codecs/';
const RELAY = '^src/relay/';
const RECONNECT = '^src/reconnect/';
const POOL = '^src/pool/';
const MUX = '^src/mux/';
const NATS = '^src/nats/';
/** The user's client: its types, and JetStream at its first use. */
const NATS_CLIENT = '^node_modules/@nats-io/';
const ADAPTERS = '^src/adapters/';
const DIAGNOSTICS = '^src/diagnostics/';
const OPENTELEMETRY = '^src/opentelemetry/';
const OPENTELEMETRY_API = '^node_modules/@opentelemetry/api/';
const WEB = '^src/web\\.ts$';
const TESTING = '^src/testing/';
const INSPECT = '^src/inspect/';

/** place → what it may import besides rxjs and its own neighbours. */
const places = {
  'src/events.ts': { path: EVENTS, may: [] },
  'src/errors.ts': { path: ERRORS, may: [UTIL] },
  'src/util': { path: UTIL, may: [] },
  'src/protocol': { path: PROTOCOL, may: [UTIL, ERRORS], rxjs: false, node: false },
  'src/wire': { path: WIRE, may: [PROTOCOL, UTIL, EVENTS, ERRORS] },
  'src/messages': { path: MESSAGES, may: [WIRE, PROTOCOL, UTIL, ERRORS], node: false },
  'src/layers': { path: LAYERS, may: [WIRE, PROTOCOL, UTIL, ERRORS], node: false },
  'src/plugins': { path: PLUGINS, may: [LAYERS, WIRE, PROTOCOL, UTIL, ERRORS] },
  'src/stream': { path: STREAM, may: [PLUGINS, LAYERS, WIRE, PROTOCOL, UTIL, EVENTS, ERRORS] },
  'src/relay': { path: RELAY, may: [STREAM, WIRE, UTIL, ERRORS] },
  'src/reconnect': { path: RECONNECT, may: [STREAM, WIRE, UTIL, ERRORS] },
  'src/pool': { path: POOL, may: [STREAM, WIRE, UTIL, EVENTS, ERRORS], node: false },
  'src/mux': { path: MUX, may: [STREAM, WIRE, PROTOCOL, UTIL, ERRORS], node: false },
  'src/nats': { path: NATS, may: [MESSAGES, STREAM, LAYERS, WIRE, PROTOCOL, UTIL, ERRORS, NATS_CLIENT], node: false },
  'src/codecs': { path: CODECS, may: [RECONNECT, STREAM, PROTOCOL, UTIL, ERRORS], node: false },
  'src/adapters': { path: ADAPTERS, may: [RELAY, STREAM, PLUGINS, WIRE, UTIL, EVENTS, ERRORS] },
  'src/testing': { path: TESTING, may: [LAYERS, WIRE, UTIL, ERRORS], node: false },
  'src/diagnostics': { path: DIAGNOSTICS, may: [MUX, NATS, POOL, RECONNECT, STREAM, UTIL] },
  'src/inspect': { path: INSPECT, may: [DIAGNOSTICS, TESTING, STREAM, WIRE, PROTOCOL, UTIL] },
  'src/index.ts': {
    path: '^src/index\\.ts$',
    may: [WEB, DIAGNOSTICS, ADAPTERS, MUX, NATS, POOL, RECONNECT, STREAM, PLUGINS, LAYERS, WIRE],
  },
  'src/codecs.ts': { path: '^src/codecs\\.ts$', may: [CODECS, ERRORS] },
  'src/nats.ts': { path: '^src/nats\\.ts$', may: [NATS] },
  'src/web.ts': {
    path: WEB,
    may: [ADAPTERS, CODECS, MUX, RECONNECT, POOL, RELAY, STREAM, PLUGINS, LAYERS, MESSAGES, WIRE, PROTOCOL, EVENTS, ERRORS],
    node: false,
  },
  'src/opentelemetry': { path: OPENTELEMETRY, may: [DIAGNOSTICS, STREAM, UTIL, OPENTELEMETRY_API] },
  'src/opentelemetry.ts': { path: '^src/opentelemetry\\.ts$', may: [OPENTELEMETRY] },
  'src/testing.ts': { path: '^src/testing\\.ts$', may: [TESTING] },
  'src/inspect.ts': { path: '^src/inspect\\.ts$', may: [INSPECT] },
  'src/cli': { path: '^src/cli(/|\\.ts$)', may: ['^src/(index|testing)\\.ts$'] },
};

/** Plugins do not know each other; two of one folder are one idea. `composed` is not listed: it makes stacks of other plugins. */
const PLUGIN_FOLDERS = ['tls', 'proxy', 'proxy-protocol', 'throttle-bytes'];

/** The codecs that need no stream: all files directly in the folder. */
const CODEC_FILES = '^src/codecs/[^/]+\\.ts$';

/** Files that stand in for those of Node beside them, in rxjs-io-stream/web. */
const WEB_FILES = '\\.web\\.ts$';

/** Files that run in a browser: no file that they reach, at any distance, imports a module of Node. */
const WEB_SAFE = [
  PROTOCOL,
  LAYERS,
  MESSAGES,
  '^src/wire/(signal|stack|layer|flow-control|web-connection|medium-error)\\.ts$',
  '^src/wire/web-(socket|streams)/',
  '^src/plugins/(passthrough|pcapng|rc4|throttle-bytes/.*)\\.ts$',
  CODEC_FILES,
  TESTING,
];

const oneWay = Object.entries(places).map(([name, { path, may, rxjs = true, node = true }]) => ({
  name: `imports of ${name}`,
  comment: `May import only ${[
    ...may.map((path) => path.replace(/[\\^$]/g, '')),
    'its own neighbours',
    ...(rxjs ? ['rxjs'] : []),
    ...(node ? ['node:'] : []),
  ].join(', ')}.`,
  severity: 'error',
  from: { path },
  to: {
    pathNot: [...may, path, ...(rxjs ? [RXJS] : [])],
    ...(node ? { dependencyTypesNot: ['core'] } : {}),
  },
}));

const pluginsApart = [
  ...PLUGIN_FOLDERS.map((folder) => ({
    name: `src/plugins/${folder} stands alone`,
    comment: 'A plugin may not import another; what two of them need belongs to src/layers.',
    severity: 'error',
    from: { path: `^src/plugins/${folder}/` },
    to: { path: PLUGINS, pathNot: `^src/plugins/${folder}/` },
  })),
  {
    name: 'plugins stand alone',
    comment: 'A plugin may not import another; what two of them need belongs to src/layers.',
    severity: 'error',
    from: { path: '^src/plugins/[^/]+\\.ts$' },
    to: { path: PLUGINS },
  },
];

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...oneWay,
    ...pluginsApart,
    {
      name: 'web-safe',
      comment: 'This file runs in a browser, too: nothing that it reaches may import a module of Node.',
      severity: 'error',
      from: { path: WEB_SAFE },
      to: { path: NODE_MODULE, reachable: true },
    },
    {
      name: 'files for the Web',
      comment: 'A file `x.web.ts` runs in a browser. tsconfig.web.json checks the same for all that rxjs-io-stream/web reaches.',
      severity: 'error',
      from: { path: WEB_FILES },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'files for the Web stand in',
      comment: 'Import `x.ts`: the build takes `x.web.ts` instead for rxjs-io-stream/web.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: WEB_FILES },
    },
    {
      name: 'codecs without a stream',
      comment: 'Codecs work on any Observable of bytes: what needs a stream belongs to a folder below src/codecs.',
      severity: 'error',
      from: { path: CODEC_FILES },
      to: { path: [STREAM, RECONNECT, WIRE], reachable: true },
    },
    {
      name: 'known places only',
      comment: 'A new folder or file directly below src/ needs its line in .dependency-cruiser.mjs.',
      severity: 'error',
      from: { path: '^src/', pathNot: Object.values(places).map(({ path }) => path) },
      to: {},
    },
    {
      name: 'no cycles',
      comment: 'Two files that need each other are one idea or lack a third file. A type counts like a value.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no rxjs internals',
      comment: 'Only public names of RxJS 7: version 9 moves everything else.',
      severity: 'error',
      from: {},
      to: { path: '(^|/)rxjs/.*internal/' },
    },
    {
      name: 'resolvable',
      comment: 'The import leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Type-only imports count as imports.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.check.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  },
};
