import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { server } from '../support/certificates.ts';
import { invariants } from '../support/harness.ts';
import { ADDRESSES, Namespaces, noNamespaces } from '../support/namespaces.ts';
import { Daemon } from './daemon.ts';
import type { Dialled, Dialling } from './namespace-child.ts';
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
  const dialled = async (...diallings: readonly Dialling[]): Promise<Dialled[]> => {
    const { process, stdout } = dialler();
    process.stdin?.write(`${JSON.stringify(diallings)}\n`);
    const before = stdout.length;
    const answer = (): string => dialler().stdout.subarray(before).toString();
    await dialler().until(() => answer().endsWith('\n'));
    return JSON.parse(answer()) as Dialled[];
  };
  const codes = (outcomes: readonly Dialled[]): (string | undefined)[] => outcomes.map(({ code }) => code);

  it(
    'connects over the cable, both families',
    invariants(async () => {
      const outcomes = await dialled(...[B.v4, B.v6].map((host) => ({ host, port: ECHO, echo: MiB })));
      assert.deepEqual(
        outcomes.map(({ code, ip, echoed }) => ({ code, ip, echoed })),
        [B.v4, B.v6].map((ip) => ({ code: undefined, ip, echoed: true })),
      );
    }),
  );

  it(
    'F8: with four ports to dial from, four of six connect and two are EADDRNOTAVAIL',
    invariants(async () => {
      spaces().sysctl('a', 'net/ipv4/ip_local_port_range', '50000 50003');
      try {
        const outcomes = await dialled(...Array.from({ length: 6 }, () => ({ host: B.v4, port: ECHO })));
        assert.deepEqual(codes(outcomes).toSorted(), [
          ...Array.from({ length: 2 }, () => 'EADDRNOTAVAIL'),
          ...Array.from({ length: 4 }, () => undefined),
        ]);
      } finally {
        spaces().sysctl('a', 'net/ipv4/ip_local_port_range', '32768 60999');
      }
    }),
  );

  it(
    'F9: each kind of route that leads nowhere has its code, and so has an address that nobody has',
    invariants(async () => {
      const routes = { unreachable: 'EHOSTUNREACH', prohibit: 'EACCES', blackhole: 'EINVAL' };
      Object.keys(routes).forEach((type, at) => spaces().ip('a', 'route', 'add', type, `10.88.${at}.0/24`));
      const hosts = [...Object.keys(routes).map((_, at) => `10.88.${at}.1`), '10.99.0.1', NOBODY];
      const outcomes = await dialled(...hosts.map((host) => ({ host, port: ECHO })));
      assert.deepEqual(codes(outcomes), [...Object.values(routes), 'ENETUNREACH', 'EHOSTUNREACH'], JSON.stringify(outcomes));
    }),
  );

  it(
    'J2: when the first address is dead, the next one is tried after 250 ms and wins',
    invariants(async () => {
      const addresses = [
        { address: 'fd77::99', family: 6 },
        { address: B.v4, family: 4 },
      ];
      const [outcome] = await dialled({ host: 'dual.test', port: ECHO, addresses });
      assert.deepEqual([outcome?.code, outcome?.ip], [undefined, B.v4]);
      const ms = outcome?.ms ?? 0;
      assert.ok(ms > 240 && ms < 1500, `after ${ms} ms`);
    }),
  );

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

    it(
      'J1: no such name, no address of the family, a refusal, silence: EDNS, and the cause is what getaddrinfo says',
      invariants(async () => {
        const names = [
          { host: 'no.test' },
          { host: 'echo.test', family: 6 },
          { host: 'refused.example' },
          { host: 'name.silent' },
        ] as const;
        const outcomes = await dialled(...names.map((name) => ({ ...name, port: ECHO })));
        assert.deepEqual(
          outcomes.map(({ code, cause }) => [code, cause]),
          ['ENOTFOUND', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_AGAIN'].map((cause) => ['EDNS', cause]),
        );
      }),
    );

    describePeers('stunnel as a SOCKS server over TLS', ['stunnel'], () => {
      started(() =>
        startPeer(
          [],
          (_, room) => {
            const pem = room.file('server.pem', server.cert + server.key, 0o600);
            const service = `[socks]\naccept = ${B.v4}:${SOCKS}\nprotocol = socks\ncert = ${pem}\n`;
            return spaces().inside('b', 'stunnel', room.file('stunnel.conf', `foreground = yes\npid =\nsyslog = no\n${service}`));
          },
          () => ({ ports: [SOCKS] }),
        ),
      );
      const via = (version: 4 | 5): Pick<Dialling, 'via'> => ({ via: { version, host: B.v4, port: SOCKS } });

      it.each([4, 5] as const)('SOCKS%i to an address and to a name: 1 MiB each way', (version) =>
        invariants(async () => {
          const outcomes = await dialled(...[B.v4, 'echo.test'].map((host) => ({ host, port: ECHO, ...via(version), echo: MiB })));
          assert.deepEqual(
            outcomes.map(({ code, echoed }) => [code, echoed]),
            outcomes.map(() => [undefined, true]),
          );
        })(),
      );

      it(
        'C12: a name for the proxy is asked of no resolver here, and tells no RESOLVED',
        invariants(async () => {
          const [ours, proxys] = [queries(A.v4), queries(B.v4)];
          const outcomes = await dialled(...([4, 5] as const).map((version) => ({ host: 'echo.test', port: ECHO, ...via(version) })));
          assert.deepEqual(
            outcomes.map(({ code, resolved }) => [code, resolved]),
            outcomes.map(() => [undefined, false]),
          );
          await dns().daemon.until(() => queries(B.v4) > proxys);
          assert.equal(queries(A.v4), ours);
          // Who dials a name himself asks: it would have been seen.
          const [direct] = await dialled({ host: 'echo.test', port: ECHO });
          assert.deepEqual([direct?.code, direct?.resolved], [undefined, true]);
          await dns().daemon.until(() => queries(A.v4) > ours);
        }),
      );
    });
  });
});
