import { inspect } from 'node:util';
import { EMPTY, of, Subject, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import type { ProxyAuth } from '../../../src/plugins/proxy/http-proxy-options.ts';
import { httpProxy } from '../../../src/plugins/proxy/http-proxy.ts';
import { IOStreamError } from '../../../src/errors.ts';
import { testDial } from '../../../src/testing/test-dial.ts';
import { END, PAUSE, RESUME } from '../../../src/wire/signal.ts';
import { data, inWords, sent, textOf } from '../../support/signal-text.ts';
import { PluginDriver } from '../../support/plugin-driver.ts';
import { PROXY, ASKED, OPENED, WHO, WHO_CLOSES, drive, talking } from './http-proxy-tools.ts';

describe('httpProxy', () => {
  describe('auth', () => {
    const bearer: ProxyAuth = ({ attempt }) => `Bearer ${attempt}`;

    it.each<[string, ProxyAuth]>([
      ['a string', () => 'Bearer 1'],
      ['an Observable', () => of('Bearer 1', 'Bearer 2')],
      ['an Observable that does not end', () => new Subject<string>().pipe(() => of('Bearer 1'))],
    ])('answers with %s', (_, auth) => {
      const made = talking({ auth });
      made.wire.emit(data(WHO), data(`${OPENED}left`));
      expect(textOf(made.wire.down).split('\r\n')).toContain('Proxy-Authorization: Bearer 1');
      expect([inWords(made.up), made.wire.subscriptions]).toEqual([['connected', 'data left'], 1]);
    });

    it('answers with a Promise', async () => {
      const made = talking({ auth: async () => 'Bearer 1' });
      made.wire.emit(data(WHO));
      await new Promise(setImmediate);
      made.wire.emit(data(OPENED));
      expect([textOf(made.wire.down).includes('Bearer 1'), inWords(made.up)]).toEqual([true, ['connected']]);
    });

    it.each<[string, ProxyAuth]>([
      ['undefined', () => undefined],
      ['an empty string', () => ''],
      ['an Observable of nothing', () => EMPTY],
    ])('gives up with %s: EPROXYAUTH', (_, auth) => {
      const made = talking({ auth });
      made.wire.emit(data(WHO));
      expect(made.error).toMatchObject({ code: 'EPROXYAUTH', status: 407, layer: 'proxy' });
    });

    it.each<[string, ProxyAuth]>([
      [
        'throws',
        () => {
          throw new Error('vault');
        },
      ],
      ['errors', () => throwError(() => new Error('vault'))],
    ])('that %s is EPROXYAUTH with its cause', (_, auth) => {
      const made = talking({ auth, user: 'me', pass: 'secret' });
      made.wire.emit(data(WHO));
      expect(made.error).toMatchObject({ code: 'EPROXYAUTH', layer: 'proxy', cause: new Error('vault') });
      expect(inspect(made.error, { depth: 9 })).not.toContain('secret');
    });

    it('is asked after `user` and `pass` were refused', () => {
      const made = talking({ auth: bearer, user: 'me', pass: 'pw' });
      made.wire.emit(data(WHO), data(OPENED));
      expect(textOf(made.wire.down).match(/Proxy-Authorization: \w+/g)).toEqual([
        'Proxy-Authorization: Basic',
        'Proxy-Authorization: Bearer',
      ]);
    });

    it.each([
      ['HTTP/1.1', ''],
      ['HTTP/1.0', 'Proxy-Connection: keep-alive\r\n'],
    ])('goes on over the same connection of %s, however late the body of the 407 comes', (version, header) => {
      const scheduler = new TestScheduler(() => {});
      scheduler.maxFrames = Infinity;
      const made = talking({ auth: bearer }, { scheduler });
      made.wire.emit(data(`${version} 407 Who\r\n${header}Content-Length: 4\r\n\r\n`));
      scheduler.schedule(() => made.wire.emit(data('body')), 20_000);
      scheduler.schedule(() => made.wire.emit(data(OPENED)), 20_001);
      scheduler.flush();
      expect([made.wire.subscriptions, inWords(made.up)]).toEqual([1, ['connected']]);
      expect(textOf(made.wire.down).match(/Bearer \d/g)).toEqual(['Bearer 1']);
    });

    it('waits for the body of a 407 no longer than the handshake may take', () => {
      const scheduler = new TestScheduler(() => {});
      scheduler.maxFrames = Infinity;
      const made = talking({ auth: bearer }, { scheduler, timeouts: { handshake: 5000 } });
      made.wire.emit(data('HTTP/1.1 407 Who\r\nContent-Length: 4\r\n\r\n'));
      scheduler.flush();
      expect(made.error).toMatchObject({ code: 'ETOHANDSHAKE' });
    });

    it('reports that each challenge came on a new connection, where that is so', () => {
      const made = drive({ auth: ({ attempt }) => (attempt < 3 ? 'NTLM type1' : undefined) });
      for (let round = 0; round < 3; round += 1) {
        made.wire.connect();
        made.wire.emit(data(WHO_CLOSES), END);
      }
      expect((made.error as Error).message).toBe(
        'proxy: the proxy refused to connect to target.test:443: 407 Who; it requires Basic; each of its 3 challenges came on a new connection, so no scheme that is bound to one, such as NTLM, can succeed here [EPROXYAUTH]',
      );
    });

    it('dials again where the proxy closes, without losing a pause or a byte', () => {
      const made = drive({ auth: bearer });
      made.app.next(PAUSE);
      made.wire.connect();
      made.wire.emit(PAUSE, data(WHO_CLOSES));
      expect([made.wire.subscriptions, made.wire.dials.length, made.state]).toEqual([2, 2, 'open']);
      made.wire.connect();
      made.wire.emit(data(`${OPENED}left`));
      expect(inWords(made.wire.down)).toEqual([
        `data ${ASKED}`,
        `data ${ASKED.slice(0, -2)}Proxy-Authorization: Bearer 1\r\n\r\n`,
        'pause',
      ]);
      expect(inWords(made.up)).toEqual(['pause', 'resume', 'connected', 'data left']);
      made.app.next(RESUME);
      made.app.next(data('1234'));
      made.wire.emit(sent(ASKED.length + 'Proxy-Authorization: Bearer 1\r\n'.length), sent(4));
      expect(inWords(made.wire.down).slice(3)).toEqual(['resume', 'data 1234']);
      expect(inWords(made.up).slice(4)).toEqual(['sent 4']);
      made.app.complete();
      made.wire.complete();
      expect([made.wire.flow, made.state, made.app.observed]).toEqual(['complete', 'complete', false]);
    });

    it('dials again when a kept connection ends just then', () => {
      const made = talking({ auth: bearer });
      made.wire.emit(data(WHO), END);
      made.wire.connect();
      made.wire.emit(data(OPENED));
      expect([made.wire.subscriptions, inWords(made.up)]).toEqual([2, ['resume', 'connected']]);
      expect(textOf(made.wire.down).match(/Bearer \d/g)).toEqual(['Bearer 1', 'Bearer 1']);
    });

    describe('when the connection is reset after a 407', () => {
      const reset = (): IOStreamError => new IOStreamError('ECONNRESET', { phase: 'read', errno: -104 });

      it.each([
        ['that closes', WHO_CLOSES],
        ['that keeps it', WHO],
      ])('%s, while it is still asked: dials again with its answer', (_, reply) => {
        const answer = new Subject<string>();
        let asks = 0;
        const made = talking({ auth: () => (asks++, answer) });
        made.wire.emit(data(reply));
        made.wire.fail(reset());
        expect([made.wire.freed, made.state]).toEqual([true, 'open']);
        answer.next('Bearer 1');
        made.wire.connect();
        made.wire.emit(data(`${OPENED}left`));
        expect([asks, made.wire.subscriptions, inWords(made.up)]).toEqual([1, 2, ['resume', 'connected', 'data left']]);
        expect(textOf(made.wire.down)).toBe(`${ASKED}${ASKED.slice(0, -2)}Proxy-Authorization: Bearer 1\r\n\r\n`);
      });

      it.each(['', 'HTTP/1.1 20'])('by the second request, after %j: dials again', (begun) => {
        const made = talking({ auth: bearer });
        made.wire.emit(data(WHO));
        if (begun) made.wire.emit(data(begun));
        made.wire.fail(reset());
        made.wire.connect();
        made.wire.emit(data(OPENED));
        expect([made.wire.subscriptions, inWords(made.up)]).toEqual([2, ['resume', 'connected']]);
      });

      it('each time: is called at most five times', () => {
        const made = drive({ auth: bearer });
        for (let round = 0; round < 9 && made.state === 'open'; round += 1) {
          made.wire.connect();
          made.wire.emit(data(WHO));
          made.wire.fail(reset());
        }
        expect(made.error).toMatchObject({ code: 'EPROXYAUTH', status: 407 });
        expect(made.wire.subscriptions).toBe(6);
      });

      it('and it gives up: is EPROXYAUTH all the same', () => {
        const made = talking({ auth: () => undefined });
        made.wire.emit(data(WHO.replace('Length: 0', 'Length: 9')), data('why'));
        made.wire.fail(reset());
        expect(made.error).toMatchObject({ code: 'EPROXYAUTH', status: 407, body: 'why' });
      });

      it.each<[string, (made: PluginDriver) => void, string]>([
        ['closed', (made) => made.app.complete(), 'complete'],
        ['reset', (made) => made.app.error(new Error('why')), 'error'],
        ['left', (made) => made.unsubscribe(), 'unsubscribed'],
      ])('can be %s while it is still asked', (_, leave, state) => {
        const answer = new Subject<string>();
        const made = talking({ auth: () => answer });
        made.wire.emit(data(WHO));
        made.wire.fail(reset());
        leave(made);
        expect([made.state, answer.observed, made.app.observed, made.wire.subscriptions]).toEqual([state, false, false, 1]);
      });

      it('but not when it was dialled again and no reply came, when it is through, or when we close', () => {
        const stages: ((made: PluginDriver) => void)[] = [
          (made) => {
            made.wire.emit(data(WHO_CLOSES));
            made.wire.connect();
          },
          (made) => made.wire.emit(data(WHO), data(OPENED)),
          (made) => {
            made.wire.emit(data(WHO));
            made.app.complete();
          },
        ];
        for (const stage of stages) {
          const made = talking({ auth: bearer });
          stage(made);
          const { subscriptions } = made.wire;
          made.wire.fail(reset());
          expect(made.error).toMatchObject({ code: 'ECONNRESET' });
          expect(made.wire.subscriptions).toBe(subscriptions);
        }
      });
    });

    it('does not dial again when we reset while it answers or is read to its end', () => {
      for (const reply of [WHO, WHO.replace('Length: 0', 'Length: 9')]) {
        const made = talking({ auth: bearer });
        const reason = new Error('why');
        made.wire.emit(data(reply));
        made.app.error(reason);
        expect([made.error, made.wire.error, made.wire.subscriptions]).toEqual([reason, reason, 1]);
      }
    });

    it('gives the last of what came from above to the connection that is dialled again', () => {
      const made = drive({ auth: bearer });
      made.app.next(PAUSE);
      made.wire.connect();
      made.app.next(RESUME);
      made.wire.emit(data(WHO_CLOSES));
      made.wire.connect();
      made.wire.emit(data(OPENED));
      expect(inWords(made.wire.down)).not.toContain('pause');
    });

    it('is called at most five times over all connections', () => {
      const made = drive({ auth: bearer });
      for (let round = 0; round < 9 && made.state === 'open'; round += 1) {
        made.wire.connect();
        made.wire.emit(data(WHO_CLOSES), END);
      }
      expect(made.error).toMatchObject({ code: 'EPROXYAUTH', status: 407 });
      expect(made.wire.subscriptions).toBe(6);
    });

    it('starts from the beginning for each subscription', () => {
      const plugin = httpProxy({ ...PROXY, auth: bearer });
      for (let round = 0; round < 2; round += 1) {
        const { wire } = new PluginDriver(plugin, { dial: testDial({ to: { host: 'target.test', port: 443 } }) });
        wire.connect();
        expect(textOf(wire.down)).toBe(ASKED);
        wire.emit(data(WHO), data(WHO));
        expect(textOf(wire.down)).toContain('Bearer 2');
      }
    });

    it.each<[string, (made: PluginDriver) => void]>([
      ['unsubscribe', (made) => made.unsubscribe()],
      ['reset', (made) => made.app.error(new Error('why'))],
      [
        'close',
        (made) => {
          made.app.complete();
          made.wire.complete();
        },
      ],
    ])('is left by %s, in each stage', (_, leave) => {
      const answer = new Subject<string>();
      const stages: ((made: PluginDriver) => void)[] = [
        () => {},
        (made) => made.wire.connect(),
        (made) => made.wire.emit(data(WHO_CLOSES)),
        () => answer.next('Bearer 1'),
        (made) => made.wire.connect(),
      ];
      for (let last = 0; last <= stages.length; last += 1) {
        const made = drive({ auth: () => answer });
        for (const stage of stages.slice(0, last)) stage(made);
        leave(made);
        expect([made.app.observed, answer.observed, made.state === 'open'], `stage ${last}`).toEqual([false, false, false]);
        const said = made.wire.down.length;
        answer.next('Bearer 2');
        made.wire.emit(data(OPENED));
        expect([made.wire.down.length, inWords(made.up).filter((word) => word !== 'resume')], `stage ${last}`).toEqual([said, []]);
      }
    });
  });
});
