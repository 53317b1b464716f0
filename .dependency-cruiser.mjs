// Imports go one way. Each place below names all it may import; what is not named is an error.

const RXJS = '^node_modules/rxjs/';
const EVENTS = '^src/events\\.ts$';
const ERRORS = '^src/errors\\.ts$';
const OWN_OPTIONS = '^src/wire/own-options\\.ts$';
const PROTOCOL = '^src/protocol/';
const WIRE = '^src/wire/';
const PLUGIN_TOOLS = '^src/plugins/(transform|transform-lane|ledger|handshake|map-bytes|tls-\\w+|throttle-bytes-\\w+)\\.ts$';
const PLUGINS = '^src/plugins/';
const STREAM = '^src/stream/';
const UPPER = '^src/(faces|flow|codecs)/';
const TESTING = '^src/testing/';

/** place → what it may import besides rxjs and its own neighbours; `neighbours: false` takes those away too. */
const places = {
  'src/events.ts': { path: EVENTS, may: [] },
  'src/errors.ts': { path: ERRORS, may: [OWN_OPTIONS] },
  'src/protocol': { path: PROTOCOL, may: [ERRORS], rxjs: false, node: false },
  'src/wire': { path: WIRE, may: [EVENTS, ERRORS] },
  'src/plugins': { path: PLUGINS, may: [PLUGIN_TOOLS, WIRE, PROTOCOL, EVENTS, ERRORS], neighbours: false },
  'src/stream': { path: STREAM, may: [PLUGINS, WIRE, PROTOCOL, EVENTS, ERRORS] },
  'src/{faces,flow,codecs}': { path: UPPER, may: [STREAM, PLUGINS, WIRE, PROTOCOL, EVENTS, ERRORS] },
  'src/testing': { path: TESTING, may: [PLUGIN_TOOLS, WIRE, EVENTS, ERRORS], node: false },
  'src/index.ts': { path: '^src/index\\.ts$', may: [UPPER, STREAM, PLUGINS, WIRE, PROTOCOL, EVENTS, ERRORS] },
  'src/testing.ts': { path: '^src/testing\\.ts$', may: [TESTING, PLUGIN_TOOLS, WIRE, EVENTS, ERRORS], node: false },
};

/** Files of the Node-free core: a door for the browser is to open on them. */
const NODE_FREE = [
  '^src/wire/(signal|stack)\\.ts$',
  '^src/plugins/(transform|transform-lane|ledger|handshake|map-bytes|passthrough)\\.ts$',
  '^src/codecs/',
  '^src/stream/io-stream\\.ts$',
];

const oneWay = Object.entries(places).map(([name, { path, may, rxjs = true, node = true, neighbours = true }]) => ({
  name: `imports of ${name}`,
  comment: `May import only ${[
    ...may.map((path) => path.replace(/[\\^$]/g, '')),
    ...(neighbours ? ['its own neighbours'] : []),
    ...(rxjs ? ['rxjs'] : []),
    ...(node ? ['node:'] : []),
  ].join(', ')}.`,
  severity: 'error',
  from: { path },
  to: {
    pathNot: [...may, ...(neighbours ? [path] : []), ...(rxjs ? [RXJS] : [])],
    ...(node ? { dependencyTypesNot: ['core'] } : {}),
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...oneWay,
    {
      name: 'no node: here',
      comment: 'This file belongs to the core that a browser door will use; Node parts come in through a wire.',
      severity: 'error',
      from: { path: NODE_FREE },
      to: { dependencyTypes: ['core'] },
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
      comment: 'Two files that need each other at run time are one idea or lack a third file. A type may point back at its user.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
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
