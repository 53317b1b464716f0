// The one table of what a runtime cannot do. `refused`: the package refuses it there, with the reason in its error. `cannot`: the runtime
// fails, with an error that matches `error`. run.mjs fails if a listed check holds, and if one that is not listed does not.
//
// `runtime` is the name of a runtime, or with its major version ('Node 20'); `checks` matches 'group › check'.

export const KNOWN_LIMITS = [
  {
    runtime: 'Bun',
    outcome: 'refused',
    checks: /TLS/,
    what: 'TLS, as a client and as a server',
    why: 'its TLS ends both directions when the peer ends one, and drops what is written then',
    see: 'https://github.com/oven-sh/bun/pull/35535',
  },
  {
    runtime: 'Deno',
    outcome: 'refused',
    checks: /^TLS: .*mutual/,
    what: 'certificates of clients (`requestCert`)',
    why: 'it does not report whether the certificate of a client is verified',
    see: 'https://github.com/denoland/deno/issues/34366',
  },
  {
    runtime: 'Deno',
    outcome: 'refused',
    checks: /pre-shared key/,
    what: 'pre-shared keys (`pskCallback`)',
    why: 'its TLS library, rustls, has none',
  },
  {
    runtime: 'Deno',
    outcome: 'cannot',
    checks: /resumes a session/,
    error: /the second handshake was a full one/,
    what: 'resume TLS sessions: each connection makes a full handshake',
    why: 'its `node:tls` has no real sessions',
    see: 'https://github.com/denoland/deno/issues/30305',
  },
  {
    runtime: 'Deno',
    outcome: 'cannot',
    checks: /counts the connections that it drops/,
    error: /`dropped\$` to emit 1/,
    what: 'count connections over `maxConnections` (`server.dropped$`); they are dropped',
    why: "its `node:net` emits no `'drop'`",
  },
  {
    runtime: 'Deno',
    outcome: 'cannot',
    checks: /answers on a connection of `Deno\.listen` after EOF/,
    error: /'' !== 'after EOF'|closed or consumed/,
    what: 'answer on a `Deno.Conn` after the peer has ended its direction; sockets of `node:net` can',
    why: 'its `readable` closes the connection at EOF',
    see: 'https://github.com/denoland/deno/issues/27510',
  },
];

/** The limit that a check of a runtime is known for, if any. */
export function limitOf(runtime, version, check) {
  const names = [runtime, `${runtime} ${version.split('.')[0]}`];
  return KNOWN_LIMITS.find((limit) => names.includes(limit.runtime) && limit.checks.test(check));
}
