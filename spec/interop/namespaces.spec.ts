import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { server } from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { ADDRESSES, Namespaces, noNamespaces } from '../support/namespaces.ts';
import { Daemon } from './daemon.ts';
import type { DialOutcome, DialRequest } from './namespace-child.ts';
import { describePeers, started, startPeer } from './peers.ts';

const CHILD = ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('./namespace-child.ts', import.meta.url))];
const [A, B] = [ADDRESSES.a, ADDRESSES.b];
const ECHO = 7000;
const ECHO_SERVER = `require('node:net').createServer({ allowHalfOpen: true }, (s) => s.on('error', () => {}).pipe(s)).listen(${ECHO})`;
const SOCKS = 1443;
const DNS = 53;
/** An address of the network between both namespaces that no interface has. */
const UNUSED_ADDRESS = '10.77.0.99';
const MiB = 1024 * 1024;

describe.skipIf(noNamespaces !== '')(noNamespaces === '' ? 'network namespaces' : `network namespaces (${noNamespaces})`, () => {
  let both: Namespaces | undefined;
  const spaces = (): Namespaces => {
    if (!both) throw new Error('expected a call in a spec or a hook, got one before the namespaces exist');
    return both;
  };
  beforeAll(() => {
    both = new Namespaces();
    for (const end of ['a', 'b'] as const) both.nameserver(end, B.v4);
  });
  afterAll(() => both?.remove());

  started(() => Daemon.start(spaces().inside('b', process.execPath, '-e', ECHO_SERVER), { ports: [ECHO] }));
  const child = started(() => Daemon.start(spaces().inside('a', process.execPath, ...CHILD), {}));
  /** Connects to all at once, in namespace a. */
  const dialAll = async (...requests: readonly DialRequest[]): Promise<DialOutcome[]> => {
    const { process, stdout } = child();
    process.stdin?.write(`${JSON.stringify(requests)}\n`);
    const before = stdout.length;
    const answer = (): string => child().stdout.subarray(before).toString();
    await child().until(() => answer().endsWith('\n'));
    return JSON.parse(answer()) as DialOutcome[];
  };
  const codes = (outcomes: readonly DialOutcome[]): (string | undefined)[] => outcomes.map(({ code }) => code);

  spec('connects by IPv4 and by IPv6, and carries 1 MiB each way', async () => {
    const outcomes = await dialAll(...[B.v4, B.v6].map((host) => ({ host, port: ECHO, echo: MiB })));
    expect(outcomes.map(({ code, ip, echoed }) => ({ code, ip, echoed }))).toStrictEqual(
      [B.v4, B.v6].map((ip) => ({ code: undefined, ip, echoed: true })),
    );
  });

  spec('fails with EADDRNOTAVAIL if all local ports are in use', async () => {
    spaces().sysctl('a', 'net/ipv4/ip_local_port_range', '50000 50003');
    try {
      const outcomes = await dialAll(...Array.from({ length: 6 }, () => ({ host: B.v4, port: ECHO })));
      expect(codes(outcomes).toSorted()).toStrictEqual([
        ...Array.from({ length: 2 }, () => 'EADDRNOTAVAIL'),
        ...Array.from({ length: 4 }, () => undefined),
      ]);
    } finally {
      spaces().sysctl('a', 'net/ipv4/ip_local_port_range', '32768 60999');
    }
  });

  spec('reports the code of the system for each kind of route that leads nowhere, and for an unused address', async () => {
    const routes = { unreachable: 'EHOSTUNREACH', prohibit: 'EACCES', blackhole: 'EINVAL' };
    Object.keys(routes).forEach((type, at) => spaces().ip('a', 'route', 'add', type, `10.88.${at}.0/24`));
    const hosts = [...Object.keys(routes).map((_, at) => `10.88.${at}.1`), '10.99.0.1', UNUSED_ADDRESS];
    const outcomes = await dialAll(...hosts.map((host) => ({ host, port: ECHO })));
    expect(codes(outcomes), JSON.stringify(outcomes)).toStrictEqual([...Object.values(routes), 'ENETUNREACH', 'EHOSTUNREACH']);
  });

  spec('tries the next address after 250 ms if the first one does not respond', async () => {
    const addresses = [
      { address: 'fd77::99', family: 6 },
      { address: B.v4, family: 4 },
    ];
    // The kernel gives up the first one only after a minute, instead of three seconds.
    spaces().sysctl('a', 'net/ipv6/neigh/veth/mcast_solicit', '60');
    const [outcome] = await dialAll({ host: 'dual.test', port: ECHO, addresses });
    expect([outcome?.code, outcome?.ip]).toStrictEqual([undefined, B.v4]);
    const ms = outcome?.ms ?? 0;
    expect(ms > 240 && ms < 10_000, `after ${ms} ms`).toBe(true);
  });

  describePeers('dnsmasq', ['dnsmasq'], () => {
    const dns = started(() =>
      startPeer(
        [],
        () => {
          const network = [`--listen-address=${B.v4}`, `--port=${DNS}`, '--bind-interfaces', '--user=root', '--pid-file='];
          const quiet = ['--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--log-queries', '--log-facility=-'];
          const names = [`--host-record=echo.test,${B.v4}`, '--local=/test/', `--server=/silent/${UNUSED_ADDRESS}`];
          return spaces().inside('b', 'dnsmasq', '-k', ...network, ...quiet, ...names);
        },
        () => ({ ports: [DNS] }),
      ),
    );
    /** Returns the number of queries from this address. */
    const queries = (from: string): number =>
      [...dns().daemon.output.matchAll(/query\[\w+\] \S+ from (\S+)/g)].filter(([, who]) => who === from).length;

    spec('fails with EDNS and the code of getaddrinfo for an unknown name, a missing family, a refusal, and silence', async () => {
      const names = [{ host: 'no.test' }, { host: 'echo.test', family: 6 }, { host: 'refused.example' }, { host: 'name.silent' }] as const;
      const outcomes = await dialAll(...names.map((name) => ({ ...name, port: ECHO })));
      expect(outcomes.map(({ code, cause }) => [code, cause])).toStrictEqual(
        ['ENOTFOUND', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_AGAIN'].map((cause) => ['EDNS', cause]),
      );
    });

    describePeers('stunnel as a SOCKS server over TLS', ['stunnel'], () => {
      started(() =>
        startPeer(
          [],
          (_, folder) => {
            const pem = folder.file('server.pem', server.cert + server.key, 0o600);
            const service = `[socks]\naccept = ${B.v4}:${SOCKS}\nprotocol = socks\ncert = ${pem}\n`;
            return spaces().inside('b', 'stunnel', folder.file('stunnel.conf', `foreground = yes\npid =\nsyslog = no\n${service}`));
          },
          () => ({ ports: [SOCKS] }),
        ),
      );
      const socks = (version: 4 | 5): Pick<DialRequest, 'proxy'> => ({ proxy: { version, host: B.v4, port: SOCKS } });

      spec.each([4, 5] as const)('connects by SOCKS%i to an address and to a name, and carries 1 MiB each way', async (_h, version) => {
        const outcomes = await dialAll(...[B.v4, 'echo.test'].map((host) => ({ host, port: ECHO, ...socks(version), echo: MiB })));
        expect(outcomes.map(({ code, echoed }) => [code, echoed])).toStrictEqual(outcomes.map(() => [undefined, true]));
      });

      spec('looks up no name that the proxy resolves, and reports no RESOLVED', async () => {
        const [ourQueries, proxyQueries] = [queries(A.v4), queries(B.v4)];
        const outcomes = await dialAll(...([4, 5] as const).map((version) => ({ host: 'echo.test', port: ECHO, ...socks(version) })));
        expect(outcomes.map(({ code, resolved }) => [code, resolved])).toStrictEqual(outcomes.map(() => [undefined, false]));
        await dns().daemon.until(() => queries(B.v4) > proxyQueries);
        expect(queries(A.v4)).toBe(ourQueries);
        // The lookup of a direct connection is seen here, so one by the proxy plugins would have been seen, too.
        const [direct] = await dialAll({ host: 'echo.test', port: ECHO });
        expect([direct?.code, direct?.resolved]).toStrictEqual([undefined, true]);
        await dns().daemon.until(() => queries(A.v4) > ourQueries);
      });
    });
  });
});
