import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { IOStreamError } from '../../src/errors.ts';
import type { ConnectRequest, ConnectState, ProxyChallenge, Tunnel } from '../../src/protocol/connect-request.ts';
import { AUTH_ATTEMPTS, httpConnect, INTERIM_REPLIES } from '../../src/protocol/http-connect.ts';
import { Secrets } from '../../src/protocol/secrets.ts';
import { rechunk } from '../../src/testing/rechunk.ts';
import { runConversation, type ConversationResult } from '../support/run-conversation.ts';

const ASKED = 'CONNECT target.test:443 HTTP/1.1\r\nHost: target.test:443\r\n';
const REFUSED = 'HTTP/1.1 407 Who are you?\r\nProxy-Authenticate: Basic realm="r"\r\nContent-Length: 4\r\n\r\nbody';

interface Try extends ConversationResult<Tunnel | undefined> {
  /** The whole output. */
  readonly text: string;
  readonly state: ConnectState & { readonly bodies: number; readonly asked: readonly boolean[] };
  readonly challenges: readonly ProxyChallenge[];
}

/** Asks for a tunnel; `answers` are what `auth` gives, one after another. */
function asking(
  chunks: readonly (string | Uint8Array)[],
  {
    answers,
    end = false,
    broken,
    ...more
  }: Partial<ConnectRequest> & {
    answers?: unknown[];
    end?: boolean;
    broken?: unknown;
    authorization?: string;
    /** Of the connection before. */
    state?: ConnectState;
  } = {},
): Try {
  const state = {
    authorization: more.authorization,
    attempt: 0,
    challenges: 0,
    connections: 0,
    isAsking: false,
    asked: [] as boolean[],
    secrets: new Secrets(),
    bodies: 0,
    startBodyTimeout: () => (state.bodies++, () => {}),
    ...(more.state && { challenges: more.state.challenges, connections: more.state.connections }),
  };
  if (more.authorization !== undefined) state.secrets.addAuthorization(more.authorization);
  const challenges: ProxyChallenge[] = [];
  const left = [...(answers ?? [])];
  const auth = (challenge: ProxyChallenge): never => {
    challenges.push(challenge);
    state.asked.push(state.isAsking);
    const answer = left.shift();
    if (answer instanceof Error) throw answer;
    return answer as never;
  };
  const request = { authority: 'target.test:443', headers: more.headers ?? [], ...(answers ? { auth } : {}) };
  const run = runConversation((link) => httpConnect(link, request, state), chunks, { end, broken });
  return { ...run, text: run.output.join(''), state, challenges };
}
const errorOf = (made: Try): Record<string, unknown> => {
  expect(made.error).toBeInstanceOf(IOStreamError);
  return made.error as Record<string, unknown>;
};

describe('httpConnect', () => {
  describe('its request', () => {
    it('is CONNECT with the authority, and Host', () => expect(asking([]).text).toBe(`${ASKED}\r\n`));

    it('carries credentials and headers, in order', () => {
      const headers = [
        ['User-Agent', 'me/1'],
        ['X-A', 'ä'],
      ] as const;
      expect(asking([], { authorization: 'Basic eDp5', headers }).text).toBe(
        `${ASKED}Proxy-Authorization: Basic eDp5\r\nUser-Agent: me/1\r\nX-A: ${Buffer.from('ä').toString('latin1')}\r\n\r\n`,
      );
    });
  });

  describe('a 2xx', () => {
    it.each(['HTTP/1.1 200', 'HTTP/1.0 200 OK', 'HTTP/1.1 201 Created', 'HTTP/1.1 299 '])('%j opens the tunnel', (line) => {
      expect(asking([`${line}\r\n\r\npayload`])).toMatchObject({ result: { status: Number(line.slice(9, 12)) }, unread: 'payload' });
    });

    it('returns status, reply and headers of the proxy', () => {
      expect(asking(['HTTP/1.1 200 All right\r\nVia: 1.1 p\r\n\r\n']).result).toEqual({
        status: 200,
        reply: 'All right',
        headers: { via: '1.1 p' },
      });
      expect(asking(['HTTP/1.1 200\r\n\r\n']).result).toEqual({ status: 200, headers: {} });
    });

    it('has no body, whatever its headers announce', () => {
      const reply = 'HTTP/1.1 200 OK\r\nContent-Length: 123\r\nTransfer-Encoding: chunked\r\n\r\n';
      for (const { name, chunks } of rechunk(`${reply}5\r\npayload`, { empty: true }))
        expect(asking(chunks), name).toMatchObject({ result: { status: 200 }, unread: '5\r\npayload' });
    });

    it('comes after interim replies, each with a limit of its own', () => {
      const interim = `HTTP/1.1 100 Continue\r\nX: ${'x'.repeat(16_000)}\r\n\r\n`;
      expect(asking([`${interim.repeat(INTERIM_REPLIES)}HTTP/1.1 200 OK\r\n\r\nleft`])).toMatchObject({
        result: { status: 200 },
        unread: 'left',
      });
    });

    it('comes after 16 interim replies, and not after 17', () => {
      const reply = (interim: number): string => `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(interim)}HTTP/1.1 200 OK\r\n\r\n`;
      expect(asking([reply(16)])).toMatchObject({ result: { status: 200 } });
      expect(errorOf(asking([reply(17)]))).toMatchObject({
        code: 'EPROTOCOL',
        message: 'the proxy sent more than 16 interim replies [EPROTOCOL]',
      });
    });

    it('is required after that number', () => {
      expect(errorOf(asking(['HTTP/1.1 102 Processing\r\n\r\n'.repeat(INTERIM_REPLIES + 1)]))).toMatchObject({ code: 'EPROTOCOL' });
    });
  });

  describe('a refusal', () => {
    it.each([101, 300, 302, 400, 401, 403, 405, 500, 502, 503, 504, 999])('of %i is EPROXY with the text of the proxy', (status) => {
      const reply = `HTTP/1.1 ${status} No way\r\nContent-Length: 3\r\nX: y\r\n\r\nwhy`;
      for (const { name, chunks } of rechunk(reply, { random: 5, empty: true }))
        expect(errorOf(asking(chunks)), name).toMatchObject({
          code: 'EPROXY',
          phase: 'handshake',
          status,
          reply: 'No way',
          headers: { 'content-length': '3', x: 'y' },
          body: 'why',
        });
    });

    it('without body or reason is EPROXY, too', () => {
      expect(errorOf(asking(['HTTP/1.1 502\r\nContent-Length: 0\r\n\r\n']))).toMatchObject({ code: 'EPROXY', status: 502, body: '' });
      expect(errorOf(asking(['HTTP/1.1 502\r\n\r\n'], { end: true }))).toMatchObject({ code: 'EPROXY', status: 502, body: '' });
    });

    it('states in its message the target and the reply', () => {
      const { message } = errorOf(asking(['HTTP/1.0 403 Forbidden\r\n\r\n'], { end: true }));
      expect(message).toBe('the proxy refused to connect to target.test:443: 403 Forbidden [EPROXY]');
    });

    it('has the first KiB of a body that ends with the connection, or has been cut off', () => {
      for (const head of ['', 'Content-Length: 5000\r\n'])
        expect(errorOf(asking([`HTTP/1.1 500 Oh\r\n${head}\r\nwhy`], { end: true }))).toMatchObject({ status: 500, body: 'why' });
      const { body } = errorOf(asking([`HTTP/1.1 500 Oh\r\n\r\n${'x'.repeat(1023)}\u00c3\u00a9${'y'.repeat(9)}`]));
      expect(body).toBe('x'.repeat(1023)); // The character that was cut in two is left out.
    });

    it('waits for its body with a limit of time, which ends with it', () => {
      expect(asking(['HTTP/1.1 500 Oh\r\n\r\nwhy']).state.bodies).toBe(1);
    });
  });

  describe('a 407', () => {
    it.each([
      ['Basic', 'Proxy-Authenticate: Basic realm="r"\r\n', [{ scheme: 'Basic', params: { realm: 'r' } }]],
      [
        'Basic and Digest',
        'Proxy-Authenticate: Basic realm="r"\r\nproxy-authenticate: Digest nonce="n"\r\n',
        [
          { scheme: 'Basic', params: { realm: 'r' } },
          { scheme: 'Digest', params: { nonce: 'n' } },
        ],
      ],
      ['nothing', '', []],
    ])('with %s is EPROXYAUTH with the challenge and the first KiB of the body', (_, challenge, challenges) => {
      const reply = `HTTP/1.1 407 Who\r\n${challenge}Content-Length: 3000\r\n\r\n${'x'.repeat(3000)}`;
      expect(errorOf(asking([reply], { authorization: 'Basic eDp5' }))).toMatchObject({
        code: 'EPROXYAUTH',
        status: 407,
        reply: 'Who',
        body: 'x'.repeat(1024),
        challenges,
      });
    });

    it('asks `auth`, and again with its answer over the same connection', () => {
      for (const { name, chunks } of rechunk(`${REFUSED}HTTP/1.1 200 OK\r\n\r\nleft`, { empty: true })) {
        const made = asking(chunks, { answers: ['Custom secret'] });
        expect(made, name).toMatchObject({ result: { status: 200 }, unread: 'left', state: { attempt: 1, bodies: 0 } });
        expect(made.text, name).toBe(`${ASKED}\r\n${ASKED}Proxy-Authorization: Custom secret\r\n\r\n`);
        expect(made.challenges, name).toEqual([
          {
            status: 407,
            headers: { 'proxy-authenticate': 'Basic realm="r"', 'content-length': '4' },
            challenges: [{ scheme: 'Basic', params: { realm: 'r' } }],
            attempt: 1,
          },
        ]);
      }
    });

    it('asks it so often and no more', () => {
      const made = asking([REFUSED.repeat(AUTH_ATTEMPTS + 1)], { answers: Array.from({ length: 9 }, (_, at) => `Custom ${at}`) });
      expect(made.challenges.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
      expect(errorOf(made)).toMatchObject({ code: 'EPROXYAUTH', status: 407, body: 'body' });
    });

    it.each([
      ['HTTP/1.0 with Connection: keep-alive', REFUSED.replace('1.1', '1.0').replace('Content', 'Connection: Keep-Alive\r\nContent')],
      [
        'HTTP/1.0 with Proxy-Connection: keep-alive',
        REFUSED.replace('1.1', '1.0').replace('Content', 'Proxy-Connection: keep-alive\r\nContent'),
      ],
      ['chunks', `${REFUSED.replace('Content-Length: 4', 'Transfer-Encoding: chunked').replace(/body$/, '')}4\r\nbody\r\n0\r\n\r\n`],
    ])('with %s keeps the connection: three steps of NTLM go over it', (_, reply) => {
      const third = `${reply.replace('Basic realm="r"', 'NTLM Y2g=')}HTTP/1.1 200 OK\r\n\r\nleft`;
      for (const { name, chunks } of rechunk(reply.replace('Basic realm="r"', 'NTLM') + third, { random: 5 })) {
        const made = asking(chunks, { answers: ['NTLM type1', 'NTLM type3'] });
        expect(made, name).toMatchObject({ result: { status: 200 }, unread: 'left' });
        expect(made.text.match(/NTLM type\d/g), name).toEqual(['NTLM type1', 'NTLM type3']);
        expect(
          made.challenges.map(({ challenges: [each] }) => each?.token68),
          name,
        ).toEqual([undefined, 'Y2g=']);
      }
    });

    it('reports when each of several challenges came on a new connection, and only then', () => {
      const closes = REFUSED.replace('1.1', '1.0');
      const first = asking([closes], { answers: ['NTLM type1'] });
      const again = (reply: string): unknown => errorOf(asking([reply], { answers: [undefined], state: first.state })).message;
      expect(again(closes)).toContain(
        'each of its 2 challenges came on a new connection, so no scheme that is bound to one, such as NTLM,',
      );
      expect(errorOf(asking([closes], { answers: [undefined] })).message).not.toContain('new connection');
      expect(errorOf(asking([REFUSED, REFUSED], { answers: ['NTLM type1', undefined] })).message).not.toContain('new connection');
    });

    it.each([
      ['over HTTP/1.0', REFUSED.replace('1.1', '1.0')],
      ['with Connection: close', REFUSED.replace('Content', 'Connection: close\r\nContent')],
      ['with Proxy-Connection: close', REFUSED.replace('Content', 'Proxy-Connection: close\r\nContent')],
      ['with a body up to the end', REFUSED.replace('Content-Length', 'X')],
      ['with a body too long to read', REFUSED.replace('Length: 4', 'Length: 70000') + 'x'.repeat(70_000)],
      ['with malformed chunks', `${REFUSED.replace('Content-Length: 4', 'Transfer-Encoding: chunked')}\r\n`],
    ])('%s wants to be dialled again', (_, reply) => {
      const made = asking([reply], { answers: ['Custom secret'] });
      expect([made.error, made.result, made.isWaiting]).toEqual([undefined, undefined, false]);
      expect(made).toMatchObject({ text: `${ASKED}\r\n`, state: { authorization: 'Custom secret', attempt: 1 } });
    });

    it('wants to be dialled again when the connection ends within its body, or when it is used again', () => {
      const whole = `${REFUSED}HTTP/1.1 200 OK\r\n\r\n`;
      for (let length = REFUSED.length - 4; length < whole.length; length += 1) {
        const made = asking([whole.slice(0, length)], { answers: ['Custom secret'], end: true });
        expect([made.error, made.result, made.isWaiting], `${length}`).toEqual([undefined, undefined, false]);
      }
    });

    it.each([undefined, null, ''])('is EPROXYAUTH when `auth` answers %j', (answer) => {
      expect(errorOf(asking([REFUSED], { answers: [answer] }))).toMatchObject({ code: 'EPROXYAUTH', status: 407, body: 'body' });
    });

    it.each<unknown>(['Custom secret\r\nEvil: yes', 'secret\0', 'secret\n', 7, { secret: 'secret' }])(
      'is EPROXYAUTH if `auth` returns %j, without that value',
      (answer) => {
        const made = asking([REFUSED], { answers: [answer] });
        expect(errorOf(made)).toMatchObject({ code: 'EPROXYAUTH' });
        expect(inspect(made.error, { depth: 9 })).not.toContain('secret');
        expect(made.text).toBe(`${ASKED}\r\n`);
      },
    );

    it('is EPROXYAUTH with the cause when `auth` throws', () => {
      const cause = new Error('the vault is closed');
      expect(errorOf(asking([REFUSED], { answers: [cause], authorization: 'Basic eDp5' }))).toMatchObject({ code: 'EPROXYAUTH', cause });
    });
  });

  describe('secrets', () => {
    const told =
      'HTTP/1.1 STATUS You said Basic bWU6c2VjcmV0, secret\r\nEcho: Basic bWU6c2VjcmV0\r\nProxy-Authenticate: X r="secret"\r\nContent-Length: 24\r\n\r\nauth=bWU6c2VjcmV0;secret';
    const known = { authorization: 'Basic bWU6c2VjcmV0' };

    it.each([407, 403])('are in no error, even if the proxy repeats them: %i', (status) => {
      const { error } = asking([told.replace('STATUS', String(status))], known);
      expect(error).toMatchObject({ reply: 'You said ***, ***', headers: { echo: '***' }, body: 'auth=***;***' });
      expect(inspect(error, { depth: 9 })).not.toMatch(/secret|bWU6/);
    });

    it('are in no detail', () => {
      const { result } = asking([told.replace('STATUS', '200')], known);
      expect(result).toMatchObject({ status: 200, headers: { echo: '***' } });
      expect(inspect(result)).not.toMatch(/secret|bWU6/);
    });

    it.each(['HTTP/1.1 bad auth secret', 'HTTP/1.1 secret', 'secret of HTTP'])('are not quoted from an invalid reply: %j', (line) => {
      const { error } = asking([`${line}\r\n\r\n`], known);
      expect(error).toMatchObject({ code: 'EPROTOCOL', message: expect.stringContaining('***') as string });
      expect(inspect(error, { depth: 9 })).not.toContain('secret');
    });

    it('are in no name of a header, which has no case', () => {
      const { error } = asking(['HTTP/1.1 403 No\r\nX-SeCret: 1\r\nY-BWU6C2vjcmv0: 2\r\n\r\n'], { ...known, end: true });
      expect(error).toMatchObject({ headers: { 'x-***': '1', 'y-***': '2' } });
      const proxy = asking([REFUSED], { authorization: `Basic ${btoa('proxy:proxy')}` });
      expect(proxy.error).toMatchObject({ headers: { 'proxy-authenticate': 'Basic realm="r"' }, challenges: [{ scheme: 'Basic' }] });
    });

    it('have no head at the end of a body that was cut off', () => {
      const body = (text: string): unknown =>
        (asking([`HTTP/1.1 403 No\r\n\r\n${text}`], { ...known, end: true }).error as IOStreamError).body;
      expect(body(`${'x'.repeat(1020)}secret`)).toBe(`${'x'.repeat(1020)}***`);
      expect(body('it is secr')).toBe('it is ***');
      expect(body('as')).toBe('as');
    });

    it('are what `auth` gave, too: of Basic also the password', () => {
      const again = REFUSED + told.replace('STATUS', '403');
      expect(inspect(asking([again], { answers: ['Basic bWU6c2VjcmV0'] }).error, { depth: 9 })).not.toMatch(/secret|bWU6/);
    });

    it('are no part of a password', () => {
      const authorization = `Basic ${btoa('me:pass e')}`;
      expect(asking(['HTTP/1.1 403 the end of pass e\r\n\r\n'], { authorization, end: true }).error).toMatchObject({
        reply: 'the end of ***',
      });
    });

    it('stay so when others took their place', () => {
      const again = REFUSED + told.replace('STATUS', '403').replaceAll('secret', 'hush');
      expect(inspect(asking([again], { ...known, answers: ['Custom hush'] }).error, { depth: 9 })).not.toMatch(/hush|bWU6/);
    });
  });

  it('knows whether `auth` is asked', () => {
    for (const answer of ['Custom secret', undefined, new Error('the vault is closed')])
      expect(asking([REFUSED], { answers: [answer] }).state, String(answer)).toMatchObject({ isAsking: false, asked: [true] });
  });

  describe('a connection that breaks', () => {
    const broken = new IOStreamError('ECONNRESET', { phase: 'read' });

    it.each([
      ['HTTP/1.1 403 No', 'EPROXY', 403],
      ['HTTP/1.1 407 Who', 'EPROXYAUTH', 407],
    ])('within the body of %s is the refusal, with what came of it and the cause', (line, code, status) => {
      for (const [head, body, came = body] of [
        ['Content-Length: 9', 'why'],
        ['Content-Length: 9', ''],
        ['X: y', 'why'],
        ['Transfer-Encoding: chunked', '3\r\nwhy\r\n', 'why'],
      ] as const) {
        const error = errorOf(asking([`${line}\r\n${head}\r\n\r\n${body}`], { broken }));
        expect(error).toMatchObject({ code, phase: 'handshake', status, body: came, cause: broken });
      }
    });

    it('behind it is nothing, and an end is no cause', () => {
      const whole = 'HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nwhy';
      expect(errorOf(asking([whole], { broken }))).not.toHaveProperty('cause');
      expect(errorOf(asking([whole.slice(0, -1)], { end: true }))).not.toHaveProperty('cause');
    });

    it('within the head is the error of the wire', () => {
      const head = 'HTTP/1.1 403 No\r\nX: y\r\n\r\n';
      for (let length = 0; length < head.length; length += 1) expect(asking([head.slice(0, length)], { broken }).error).toBe(broken);
    });

    it('after `auth` has answered wants to be dialled again, whatever it breaks with', () => {
      const whole = `${REFUSED}HTTP/1.1 200 OK\r\n\r\n`;
      for (const why of [broken, new Error('why')])
        for (let length = REFUSED.length - 4; length < whole.length; length += 1) {
          const made = asking([whole.slice(0, length)], { answers: ['Custom secret'], broken: why });
          expect([made.error, made.result, made.isWaiting], `${length}`).toEqual([undefined, undefined, false]);
        }
    });

    it('is not what a malformed reply to the second request is', () => {
      expect(errorOf(asking([`${REFUSED}garbage\r\n\r\n`], { answers: ['Custom secret'] }))).toMatchObject({ code: 'EPROTOCOL' });
    });

    it('contains no secret', () => {
      const { error } = asking(['HTTP/1.1 403 secret\r\nContent-Length: 99\r\n\r\nsecret'], {
        authorization: 'Basic bWU6c2VjcmV0',
        broken,
      });
      expect(error).toMatchObject({ reply: '***', body: '***', cause: broken });
      expect(inspect(error, { depth: 9 })).not.toMatch(/secret|bWU6/);
    });
  });

  describe('an early end', () => {
    const reply = 'HTTP/1.1 200 OK\r\nVia: x\r\n\r\n';
    it.each(Array.from({ length: reply.length }, (_, length) => length))(
      'after %i bytes of the reply is EPROXY with that number',
      (length) => {
        const error = errorOf(asking([reply.slice(0, length)], { end: true }));
        expect(error).toMatchObject({ code: 'EPROXY', phase: 'handshake' });
        expect(error.message).toContain(`(${length} bytes received)`);
      },
    );
  });
});
