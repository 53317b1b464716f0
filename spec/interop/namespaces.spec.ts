import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { server } from '../support/certificates.ts';
import { spec } from '../support/spec.ts';
import { ADDRESSES, Namespaces, noNamespaces } from '../support/namespaces.ts';
import { Daemon } from './daemon.ts';
import type { DialOutcome, DialRequest } from './namespace-child.ts';
import { describePeers, started, startPeer } from './peers.ts';

const DIALLER = ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('./namespace-child.ts', import.meta.url))];
const [A, B] = [ADDRESSES.a, ADDRESSES.b];
const ECHO = 7000;
const ECHO_SERVER = `require('node:net').createServer({ allowHalfOpen: true }, (s) => s.on('error', () => {}).pipe(s)).listen(${ECHO})`;
const SOCKS = 1443;
const DNS = 53;
/** An address of the cable's network that nobody has. */
const NOBODY = '10.77.0.99';
const MiB = 1024 * 1024;

describe.skipIf(noNamespaces !== '')(noNamespaces === '' ? 'network namespaces' : `network namespaces (${noNamespaces})`, () => {
  let both: Namespaces | undefined;
  const spaces = (): Namespaces => {
    if (!both) throw new Error('expected the namespaces to be asked for in a spec or a hook');
    return both;
  };
  beforeAll(() => {
    both = new Namespaces();
    for (const end of ['a', 'b'] as const) both.nameserver(end, B.v4);
  });
  afterAll(() => both?.remove());

  started(() => Daemon.start(spaces().inside('b', process.execPath, '-e', ECHO_SERVER), { ports: [ECHO] }));
  const dialler = started(() => Daemon.start(spaces().inside('a', process.execPath, ...DIALLER), {}));
  /** Does these dials at once, in namespace a. */
  const dialled = async (...diallings: readonly DialRequest[]): Promise<DialOutcome[]> => {
    const { process, stdout } = dialler();
    process.stdin?.write(`${JSON.stringify(diallings)}\n`);
    const before = stdout.length;
    const answer = (): string => dialler().stdout.subarray(before).toString();
    await dialler().until(() => answer().endsWith('\n'));
    return JSON.parse(answer()) as DialOutcome[];
  };
  const codes = (outcomes: readonly DialOutcome[]): (string | undefined)[] => outcomes.map(({ code }) => code);

  spec('connects over the cable, both families', async () => {
    const outcomes = await dialled(...[B.v4, B.v6].map((host) => ({ host, port: ECHO, echo: MiB })));
    expect(outcomes.map(({ code, ip, echoed }) => ({ code, ip, echoed }))).toStrictEqual(
      [B.v4, B.v6].map((ip) => ({ code: undefined, ip, echoed: true })),
    );
  });

  spec('F8: with four ports to dial from, four of six connect and two are EADDRNOTAVAIL', async () => {
    spaces().sysctl('a', 'net/ipv4/ip_local_port_range', '50000 50003');
    try {
      const outcomes = await dialled(...Array.from({ length: 6 }, () => ({ host: B.v4, port: ECHO })));
      expect(codes(outcomes).toSorted()).toStrictEqual([
        ...Array.from({ length: 2 }, () => 'EADDRNOTAVAIL'),
        ...Array.from({ length: 4 }, () => undefined),
      ]);
    } finally {
      spaces().sysctl('a', 'net/ipv4/ip_local_port_range', '32768 60999');
    }
  });

  spec('F9: each kind of route that leads nowhere has its code, and so has an address that nobody has', async () => {
    const routes = { unreachable: 'EHOSTUNREACH', prohibit: 'EACCES', blackhole: 'EINVAL' };
    Object.keys(routes).forEach((type, at) => spaces().ip('a', 'route', 'add', type, `10.88.${at}.0/24`));
    const hosts = [...Object.keys(routes).map((_, at) => `10.88.${at}.1`), '10.99.0.1', NOBODY];
    const outcomes = await dialled(...hosts.map((host) => ({ host, port: ECHO })));
    expect(codes(outcomes), JSON.stringify(outcomes)).toStrictEqual([...Object.values(routes), 'ENETUNREACH', 'EHOSTUNREACH']);
  });

  spec('J2: when the first address is dead, the next one is tried after 250 ms and wins', async () => {
    const addresses = [
      { address: 'fd77::99', family: 6 },
      { address: B.v4, family: 4 },
    ];
    const [outcome] = await dialled({ host: 'dual.test', port: ECHO, addresses });
    expect([outcome?.code, outcome?.ip]).toStrictEqual([undefined, B.v4]);
    const ms = outcome?.ms ?? 0;
    expect(ms > 240 && ms < 1500, `after ${ms} ms`).toBe(true);
  });

  describePeers('dnsmasq', ['dnsmasq'], () => {
    const dns = started(() =>
      startPeer(
        [],
        () => {
          const network = [`--listen-address=${B.v4}`, `--port=${DNS}`, '--bind-interfaces', '--user=root', '--pid-file='];
          const quiet = ['--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--log-queries', '--log-facility=-'];
          const names = [`--host-record=echo.test,${B.v4}`, '--local=/test/', `--server=/silent/${NOBODY}`];
          return spaces().inside('b', 'dnsmasq', '-k', ...network, ...quiet, ...names);
        },
        () => ({ ports: [DNS] }),
      ),
    );
    /** How many questions came from this address. */
    const queries = (from: string): number =>
      [...dns().daemon.output.matchAll(/query\[\w+\] \S+ from (\S+)/g)].filter(([, who]) => who === from).length;

    spec('J1: no such name, no address of the family, a refusal, silence: EDNS, and the cause is what getaddrinfo says', async () => {
      const names = [{ host: 'no.test' }, { host: 'echo.test', family: 6 }, { host: 'refused.example' }, { host: 'name.silent' }] as const;
      const outcomes = await dialled(...names.map((name) => ({ ...name, port: ECHO })));
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
      const via = (version: 4 | 5): Pick<DialRequest, 'proxy'> => ({ proxy: { version, host: B.v4, port: SOCKS } });

      spec.each([4, 5] as const)('SOCKS%i to an address and to a name: 1 MiB each way', async (_h, version) => {
        const outcomes = await dialled(...[B.v4, 'echo.test'].map((host) => ({ host, port: ECHO, ...via(version), echo: MiB })));
        expect(outcomes.map(({ code, echoed }) => [code, echoed])).toStrictEqual(outcomes.map(() => [undefined, true]));
      });

      spec('C12: a name for the proxy is asked of no resolver here, and tells no RESOLVED', async () => {
        const [ours, proxys] = [queries(A.v4), queries(B.v4)];
        const outcomes = await dialled(...([4, 5] as const).map((version) => ({ host: 'echo.test', port: ECHO, ...via(version) })));
        expect(outcomes.map(({ code, resolved }) => [code, resolved])).toStrictEqual(outcomes.map(() => [undefined, false]));
        await dns().daemon.until(() => queries(B.v4) > proxys);
        expect(queries(A.v4)).toBe(ours);
        // Who dials a name himself asks: it would have been seen.
        const [direct] = await dialled({ host: 'echo.test', port: ECHO });
        expect([direct?.code, direct?.resolved]).toStrictEqual([undefined, true]);
        await dns().daemon.until(() => queries(A.v4) > ours);
      });
    });
  });
});
