import { setTimeout as wait } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { expect } from 'vitest';
import { NEVER, type Observable } from 'rxjs';
import { rooms } from '../../src/nats/rooms.ts';
import type { RoomEvent, RoomsOptions } from '../../src/nats/rooms-types.ts';
import { describePeer, started } from '../interop/peers.ts';
import { startBroker, startNats } from '../interop/peers/nats.ts';
import type { Harness } from '../support/harness.ts';
import { holesIn, shownEvents } from '../support/room-events.ts';
import { spec } from '../support/spec.ts';
import { natsClient } from './nats-tools.ts';

describePeer('rooms over a real broker', 'nats-server', () => {
  const broker = started(startBroker);
  let count = 0;

  /** Options of a stream of its own for each spec. */
  function own(options: RoomsOptions = {}): RoomsOptions {
    count += 1;
    return { stream: `S${count}`, subject: `s${count}`, ...options };
  }

  const dial = (h: Harness): Promise<NatsConnection> => natsClient(h, broker().url);

  const hasMessage = (events: readonly RoomEvent[], text: string): boolean =>
    shownEvents(events).some((shown) => shown.endsWith(` ${text}`));

  spec('carries messages between two nodes, and keeps them for those who resume', async (h) => {
    const options = own();
    const [one, two] = [rooms(await dial(h), options), rooms(await dial(h), options)];
    const lobby = h.observed(two.join('lobby'));
    await h.until(() => lobby.values.length === 1);
    expect(await one.publish('lobby', 'one')).toEqual({ sequence: 1, isDuplicate: false });
    await one.publish('other', 'elsewhere');
    await one.publish('lobby', 'two');
    await h.until(() => lobby.values.length === 3);
    expect(shownEvents(lobby.values)).toEqual(['joined 0', '1 one', '3 two']);
    const resumed = h.observed(one.join('lobby', { after: 1 }));
    await h.until(() => resumed.values.length === 2);
    expect(shownEvents(resumed.values)).toEqual(['joined 1', '3 two']);
  });

  spec('emits one gap to a client whose last message was removed long ago', async (h) => {
    const chat = rooms(await dial(h), own({ history: 3 }));
    for (let index = 1; index <= 8; index += 1) await chat.publish('lobby', String(index));
    const lobby = h.observed(chat.join('lobby', { after: 2 }));
    await h.until(() => lobby.values.length === 5);
    expect(shownEvents(lobby.values)).toEqual(['joined 2', 'gap 2 to 6', '6 6', '7 7', '8 8']);
  });

  spec('stores a message once that is published again with its id, also by another node', async (h) => {
    const options = own();
    const [one, two] = [rooms(await dial(h), options), rooms(await dial(h), options)];
    const first = await one.publish('lobby', 'one', { id: 'a' });
    expect(await two.publish('lobby', 'one', { id: 'a' })).toEqual({ sequence: first.sequence, isDuplicate: true });
    const lobby = h.observed(two.join('lobby', { after: 0 }));
    await two.publish('lobby', 'end');
    await h.until(() => hasMessage(lobby.values, 'end'));
    expect(shownEvents(lobby.values)).toEqual(['joined 0', '1 one', '2 end']);
  });

  spec('has one consumer for all members of a node, and none after they have left', async (h) => {
    const options = own();
    const connection = await dial(h);
    const chat = rooms(connection, options);
    const members = Array.from({ length: 50 }, (_, index) => h.observed(chat.join(`room-${index % 7}`)));
    await h.until(() => members.every(({ values }) => values.length === 1));
    const jsm = await jetstreamManager(connection);
    const consumers = async (): Promise<number> => (await jsm.streams.info(options.stream ?? '')).state.consumer_count;
    await h.until(() => members.length === 50);
    expect(await consumers()).toBe(1);
    for (const member of members) member.unsubscribe();
    const end = performance.now() + 5000;
    while ((await consumers()) > 0 && performance.now() < end) await wait(10);
    expect(await consumers()).toBe(0);
  });

  spec('loses nothing when the consumer is removed from the broker', async (h) => {
    const options = own({ heartbeat: 200 });
    const connection = await dial(h);
    const chat = rooms(connection, options);
    const lobby = h.observed(chat.join('lobby'));
    await h.until(() => lobby.values.length === 1);
    await chat.publish('lobby', 'one');
    await h.until(() => hasMessage(lobby.values, 'one'));
    const jsm = await jetstreamManager(connection);
    for await (const { name } of jsm.consumers.list(options.stream ?? '')) await jsm.consumers.delete(options.stream ?? '', name);
    await chat.publish('lobby', 'two');
    await h.until(() => hasMessage(lobby.values, 'two'));
    expect(shownEvents(lobby.values).slice(1)).toEqual(['1 one', '2 two']);
  });

  spec('emits a gap, and goes on, when the stream was deleted and made again', async (h) => {
    const options = own({ heartbeat: 200 });
    const connection = await dial(h);
    const chat = rooms(connection, options);
    for (const text of ['one', 'two', 'three']) await chat.publish('lobby', text);
    const lobby = h.observed(chat.join('lobby', { after: 0 }));
    await h.until(() => lobby.values.length === 4);
    const jsm = await jetstreamManager(connection);
    const { config } = await jsm.streams.info(options.stream ?? '');
    await jsm.streams.delete(options.stream ?? '');
    await jsm.streams.add(config);
    await chat.publish('lobby', 'new');
    await h.until(() => lobby.values.length === 6);
    expect(shownEvents(lobby.values).slice(4)).toEqual(['gap 3 to 1', '1 new']);
  });

  spec('has no hole and no duplicate while publishers and members come and go', async (h) => {
    const options = own({ buffer: 2000 });
    const nodes = [rooms(await dial(h), options), rooms(await dial(h), options)] as const;
    const stored: number[] = [];
    const slow = (): Promise<void> => wait(1);
    const members = nodes.flatMap((node) => [
      h.observed(node.join('lobby', { after: 0 })),
      h.observed(node.join('lobby', { after: 0, deliver: slow })),
    ]);
    const late: { spy: ReturnType<typeof h.observed<RoomEvent>> }[] = [];
    await Promise.all(
      nodes.map(async (node) => {
        for (let index = 0; index < 150; index += 1) {
          stored.push((await node.publish('lobby', 'x')).sequence);
          if (index % 50 === 0) late.push({ spy: h.observed(node.join('lobby', { after: stored[Math.floor(stored.length / 2)] ?? 0 })) });
        }
      }),
    );
    stored.sort((a, b) => a - b);
    const all = [...members, ...late.map(({ spy }) => spy)];
    await h.until(() => all.every(({ values }) => (values.at(-1) as { sequence?: number }).sequence === stored.at(-1)));
    for (const { values } of all) {
      expect(holesIn(values, stored)).toEqual([]);
      expect(values.filter(({ kind }) => kind === 'gap')).toEqual([]);
    }
  });

  spec('rejects a message over the limit of the broker, and more than maxPending at once', async (h) => {
    const chat = rooms(await dial(h), own({ maxPending: 2_000_000 }));
    await expect(chat.publish('lobby', new Uint8Array(1_048_577))).rejects.toMatchObject({ code: 'EMSGSIZE', phase: 'write' });
    const results = await Promise.allSettled([1, 2, 3].map(() => chat.publish('lobby', new Uint8Array(900_000))));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { code: 'EOUTBUFLIMIT' } });
    // The headers do not fit.
    await expect(chat.publish('lobby', new Uint8Array(1_048_570))).rejects.toMatchObject({ code: 'EMSGSIZE' });
    await expect(rooms(await dial(h), own({ maxPending: 1000 })).publish('lobby', new Uint8Array(1000))).rejects.toThrow(
      'the message counts 1064 bytes, and 0 bytes are not confirmed (maxPending = 1000): raise maxPending',
    );
  });

  spec('rejects a stream that does not fit, and names what is wrong', async (h) => {
    const connection = await dial(h);
    const jsm = await jetstreamManager(connection);
    await jsm.streams.add({ name: 'OTHER', subjects: ['others.>'] });
    await expect(rooms(connection, { stream: 'OTHER' }).publish('lobby', 'x')).rejects.toThrow(
      `expected the stream 'OTHER' to fit rooms: its subjects are ["others.>"], expected only 'rooms.>'; change it, or choose another \`stream\``,
    );
    await jsm.streams.add({ name: 'SHORT', subjects: ['short.>'], duplicate_window: 1e9 });
    await expect(rooms(connection, { stream: 'SHORT', subject: 'short' }).publish('lobby', 'x')).rejects.toThrow(
      'its duplicate_window is 1000 ms, which must be more than timeout = 10000 ms',
    );
    await expect(rooms(connection, { stream: 'CLASH', subject: 'short' }).publish('lobby', 'x')).rejects.toMatchObject({ code: 'EPROTO' });
  });

  spec('reports at once that the broker has no JetStream, or cannot store that number of copies', async (h) => {
    const plain = await startNats();
    h.defer(() => plain.stop());
    const without = rooms(await natsClient(h, `127.0.0.1:${plain.ports.port}`), own());
    const lobby = h.observed(without.join('lobby', { after: 0 }));
    await expect(without.publish('lobby', 'x')).rejects.toThrow('the broker has no JetStream: start it with `nats-server --jetstream`');
    await lobby.ended;
    h.error(lobby.error, { code: 'EPROTO' });
    await expect(rooms(await dial(h), own({ replicas: 3 })).publish('lobby', 'x')).rejects.toMatchObject({
      code: 'EPROTO',
      message: expect.stringContaining('the broker refused to store a message: replicas > 1 not supported') as string,
    });
  });

  spec('reports ECONNRESET to members and publishers when the connection is closed', async (h) => {
    const connection = await dial(h);
    const chat = rooms(connection, own());
    const fast = h.observed(chat.join('lobby'));
    const slow = h.observed(chat.join('lobby', { deliver: (): Observable<never> => NEVER }));
    await h.until(() => fast.values.length === 1);
    await connection.close();
    await Promise.all([fast.ended, slow.ended]);
    for (const { error } of [fast, slow]) h.error(error, { code: 'ECONNRESET', phase: 'read' });
    await expect(chat.publish('lobby', 'x')).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  spec('stores a message once whose publisher is cut off between sending and the confirmation', async (h) => {
    const options = own();
    const stored: number[] = [];
    const observer = rooms(await dial(h), options);
    const lobby = h.observed(observer.join('lobby', { after: 0 }));
    await observer.publish('lobby', 'first');
    for (let index = 0; index < 20; index += 1) {
      const doomed = await dial(h);
      void rooms(doomed, options)
        .publish('lobby', `m${index}`, { id: `id-${index}` })
        .catch(() => {});
      await wait(index % 5);
      await doomed.close();
      stored.push((await observer.publish('lobby', `m${index}`, { id: `id-${index}` })).sequence);
    }
    await h.until(() => hasMessage(lobby.values, 'm19'));
    expect(shownEvents(lobby.values).slice(2)).toEqual(stored.map((sequence, index) => `${sequence} m${index}`));
  });

  spec('drops a repetition whose confirmation was lost', async (h) => {
    const options = own();
    const connection = await dial(h);
    const request = connection.request.bind(connection);
    let lost = 0;
    connection.request = async (subject, payload, requestOptions) => {
      const reply = await request(subject, payload, requestOptions);
      if (!subject.startsWith(`${options.subject}.`) || lost === 2) return reply;
      lost += 1;
      throw Object.assign(new Error('timeout'), { name: 'TimeoutError' });
    };
    expect(await rooms(connection, options).publish('lobby', 'one')).toEqual({ sequence: 1, isDuplicate: true });
    const { state } = await (await jetstreamManager(connection)).streams.info(options.stream ?? '');
    expect([lost, state.messages]).toEqual([2, 1]);
  });

  spec('goes on after the broker was killed and started again, and confirms what was published meanwhile', async (h) => {
    const mortal = await startBroker();
    h.defer(() => mortal.stop());
    const chat = rooms(await natsClient(h, mortal.url, { maxReconnectAttempts: -1 }), own({ heartbeat: 200, timeout: 60_000 }));
    const lobby = h.observed(chat.join('lobby'));
    await h.until(() => lobby.values.length === 1);
    await chat.publish('lobby', 'one');
    await mortal.kill();
    const publishing = chat.publish('lobby', 'two');
    await mortal.start();
    await publishing;
    await chat.publish('lobby', 'three');
    await h.until(() => hasMessage(lobby.values, 'three'));
    expect(shownEvents(lobby.values).slice(1)).toEqual(['1 one', '2 two', '3 three']);
  });

  spec('loses nothing when a message is lost on the way from the broker', async (h) => {
    const options = own();
    const connection = await dial(h);
    const subscribe = connection.subscribe.bind(connection);
    let isLost = false;
    connection.subscribe = (subject, { callback, ...others } = {}) =>
      subscribe(subject, {
        ...others,
        callback: (error, message) => {
          if (isLost || message.subject !== `${options.subject}.lobby` || message.string() !== 'two') return callback?.(error, message);
          isLost = true;
          return undefined;
        },
      });
    const chat = rooms(connection, options);
    const lobby = h.observed(chat.join('lobby'));
    await h.until(() => lobby.values.length === 1);
    for (const text of ['one', 'two', 'three']) await chat.publish('lobby', text);
    await h.until(() => hasMessage(lobby.values, 'three'));
    expect([isLost, ...shownEvents(lobby.values).slice(1)]).toEqual([true, '1 one', '2 two', '3 three']);
  });

  spec.each([1, 2])('asks again when %i new leaders do not know yet of a message that was confirmed', async (h, reads) => {
    const options = own();
    const connection = await dial(h);
    const request = connection.request.bind(connection);
    let [staleReads, leader] = [0, 0];
    connection.request = async (subject, payload, requestOptions) => {
      const reply = await request(subject, payload, requestOptions);
      const answered = (answer: object): typeof reply => {
        const data = new TextEncoder().encode(JSON.stringify(answer));
        return Object.create(reply, { data: { value: data }, json: { value: () => answer } }) as typeof reply;
      };
      if (subject.includes('STREAM.INFO')) return answered({ ...reply.json<object>(), cluster: { leader: `server ${leader}` } });
      if (staleReads === 0 || !subject.includes('STREAM.MSG.GET')) return reply;
      staleReads -= 1;
      leader += 1;
      const error = { code: 404, err_code: 10037, description: 'none' };
      return answered({ type: 'io.nats.jetstream.api.v1.stream_msg_get_response', error });
    };
    const chat = rooms(connection, options);
    const early = h.observed(chat.join('lobby', { after: 0 }));
    for (const text of ['one', 'two', 'three']) {
      await chat.publish('lobby', text);
      await h.until(() => hasMessage(early.values, text));
    }
    staleReads = reads; // The consumer has passed on all three: only the history has them.
    const lobby = h.observed(chat.join('lobby', { after: 2 }));
    await h.until(() => lobby.values.length === 2);
    expect([staleReads, ...shownEvents(lobby.values)]).toEqual([0, 'joined 2', '3 three']);
  });

  spec('loses nothing that was stored before its first consumer, if making that fails once', async (h) => {
    const options = own();
    const writer = rooms(await dial(h), options);
    await writer.publish('other', 'makes the stream');
    const connection = await dial(h);
    const request = connection.request.bind(connection);
    let [hasRead, creates, infos] = [false, 0, 0];
    connection.request = async (subject, payload, requestOptions) => {
      if (subject.includes('CONSUMER.CREATE') && (creates += 1) === 1) throw Object.assign(new Error('timeout'), { name: 'TimeoutError' });
      if (subject.includes('STREAM.INFO') && (infos += 1) === 2) {
        // The consumer will start after 'one', which the member has not found in the history.
        await h.until(() => hasRead);
        await writer.publish('lobby', 'one');
      }
      const reply = await request(subject, payload, requestOptions);
      if (subject.includes('STREAM.MSG.GET')) hasRead = true;
      if (subject.includes('CONSUMER.CREATE')) {
        // The message is faster than the answer.
        await writer.publish('lobby', 'two');
        await wait(50);
      }
      return reply;
    };
    const lobby = h.observed(rooms(connection, options).join('lobby', { after: 1 }));
    await h.until(() => hasMessage(lobby.values, 'two'));
    expect(creates).toBe(2);
    expect(shownEvents(lobby.values)).toEqual(['joined 1', '2 one', '3 two']);
  });

  spec('ignores what other programs publish to other subjects', async (h) => {
    const options = own();
    const connection = await dial(h);
    const chat = rooms(connection, options);
    const lobby = h.observed(chat.join('lobby'));
    await h.until(() => lobby.values.length === 1);
    await chat.publish('lobby', 'one');
    await jetstream(connection).publish(`${options.subject}.lobby.sub`, 'deeper');
    await chat.publish('lobby', 'two');
    await h.until(() => lobby.values.length === 3);
    expect(shownEvents(lobby.values)).toEqual(['joined 0', '1 one', '3 two']);
  });
});
